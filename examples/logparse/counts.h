/* SPDX-License-Identifier: BSD-2-Clause */
/* How many lines, and bytes, each key has: a ck_ht that is sized once, for as many keys as are
   expected. Where there are more it grows, which is counted. Keys are copied into an arena, the
   first time that they come; nothing else is allocated. One thread at a time; see scan.c. */
#ifndef EXAMPLES_LOGPARSE_COUNTS_H
#define EXAMPLES_LOGPARSE_COUNTS_H

#include <tidepool.h>
#include <tidepool/adapt/ck.h>
#include <ck_ht.h>

/* The most keys that a map can have: ck keeps its capacity, twice as much, in 32 bits. */
#define LOG_DISTINCT_MAX ((size_t)1 << 30)

struct log_count {
    tp_view key;
    uint64_t lines, bytes;  /* bytes: at most UINT64_MAX, where there are more */
    uint64_t hash;          /* of the key */
    struct log_count *next; /* another key with the same hash */
};

TP_VEC_DEFINE(log_count_vec, struct log_count *)

struct log_counts {
    tp_arena *arena; /* borrowed */
    ck_ht_t map;     /* from a key's hash to its first log_count */
    bool has_map;    /* from the first key on: many tables stay empty */
    size_t distinct; /* what the map is sized for */
    uint64_t seed;   /* of the hashes */
    uint64_t n;      /* keys */
    uint64_t resizes;
    struct log_count *last; /* the one that was added to last: neighbours are often alike */
};

/* The arena must outlive the counts, and be used by nobody else meanwhile. */
void log_counts_init(struct log_counts *counts, tp_arena *arena, size_t distinct, uint64_t seed);
void log_counts_free(struct log_counts *counts);

/* False and errno ENOMEM. */
bool log_counts_add(struct log_counts *counts, tp_view key, uint64_t bytes);

/* Adds what `from` has, whose keys now are `into`'s too: both arenas must live. Same seeds. False
   and errno ENOMEM. */
bool log_counts_merge(struct log_counts *into, struct log_counts *from);

/* Appends all of them, in no order. False and errno ENOMEM. */
bool log_counts_list(struct log_counts *counts, log_count_vec *list);

#endif
