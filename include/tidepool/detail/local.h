/* SPDX-License-Identifier: BSD-2-Clause */
/* Not for applications: the one struct that the inlined fast path sees, and the way to it.

   A thread has a table of these records, one per cache (a pool, or a size class of the heap), 64
   bytes each, all zero at first. Zero means closed: a get needs level > floor and a put needs
   level < ceiling, so a record of zeroes sends both to the slow path. A thread that is not
   attached, or is exiting, points at a table that is zero for ever.

   docs/design/rseq.md is the protocol. */
#ifndef TIDEPOOL_DETAIL_LOCAL_H
#define TIDEPOOL_DETAIL_LOCAL_H

#include <stdbool.h>
#include <stdint.h>
#include <tidepool/attrs.h>

TP_BEGIN_DECLS

struct tp_detail_local {
    uint64_t word;           /* bits 0-15: level, idle objects in objects[]; above: hits so far */
    uint16_t floor;          /* a get needs more than this; 0xffff: closed */
    uint16_t ceiling;        /* an inlined put needs less than this; 0: closed */
    uint16_t ceiling_called; /* the same for the library's own sequences */
    uint16_t capacity;       /* of objects[]; the library's */
    void **objects;          /* the loaded magazine's slots */
    uint32_t loaded;         /* the library's: magazines by number, 0 = none */
    uint32_t previous;
    uint32_t victims;
    uint32_t reserved;
    int64_t balance;  /* what the slow path put in (+) or took out (-) of objects[]; see cache.h */
    uint64_t spare[2];
};

/* What a thread's fast path starts from: its table, and where it announces a sequence. */
struct tp_detail_self {
    struct tp_detail_local *locals;
    uint64_t *rseq_cs;
};

extern TP_API __thread struct tp_detail_self tp_detail_self
    __attribute__((tls_model("initial-exec")));

/* Clears every thread's announcement that lies in [start, end): the descriptors of a shared object
   that is about to be unmapped. */
TP_API void tp_detail_unload(const void *start, const void *end);

/* The record `offset` bytes into this thread's table. */
TP_ALWAYS_INLINE struct tp_detail_local *tp_detail_local_at(uint32_t offset)
{
    return (struct tp_detail_local *)(void *)((char *)tp_detail_self.locals + offset);
}

TP_END_DECLS

#if defined(__x86_64__) && defined(__linux__) && !defined(__ILP32__) && !defined(TP_NO_INLINE)
#if !defined(__SANITIZE_THREAD__)
#define TP_DETAIL_SEQUENCES 1
#endif
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef TP_DETAIL_SEQUENCES
#endif
#endif

#ifdef TP_DETAIL_SEQUENCES
#include <tidepool/detail/sequence_x86_64.h>
#else
#include <tidepool/detail/sequence_none.h>
#endif

#endif
