/* SPDX-License-Identifier: BSD-2-Clause */
/* Not for applications: pop and push on a record's loaded magazine as restartable sequences
   (rseq(2), Linux 4.18), x86-64.

   1. Announce: store the descriptor's address where the kernel looks (tp_detail_self.rseq_cs).
   2. Compare the level with the floor or the ceiling; outside them leave by the slow exit.
   3. Load the object from its slot, or store it there. A slot at or above the level is nobody's.
   4. Commit: one store of the word, level and count together.
   Preempted, migrated, interrupted by a signal or by membarrier(PRIVATE_EXPEDITED_RSEQ) between 2
   and 4, the thread starts again at 1. So whoever closes the limits and then calls that membarrier
   knows that no operation which saw them open can still commit.

   The slow exit and the end leave the announcement standing: the kernel ignores it outside the
   sequence. A shared object must not be unmapped while one stands (tp_detail_unload below).
   The hit or miss is in the carry and zero flags; nothing after the compare changes them. */
#ifndef TIDEPOOL_DETAIL_SEQUENCE_X86_64_H
#define TIDEPOOL_DETAIL_SEQUENCE_X86_64_H

struct tp_detail_heap_arena;

/* Tests compile a delay in here, between compare and commit; it must leave the flags alone. */
#ifndef TP_DETAIL_SEQUENCE_DELAY
#define TP_DETAIL_SEQUENCE_DELAY ""
#endif

/* The descriptor (struct rseq_cs), and the abort target behind its signature; 5 is the start. The
   sections join the group of the function ("?"): where a linker keeps one of many equal inline
   functions, it keeps one of these too. */
#define TP_DETAIL_SEQUENCE_BEGIN                                                                   \
    ".pushsection tp_detail_cs, \"awR?\", @progbits\n\t"                                           \
    ".balign 32\n"                                                                                 \
    "1:\n\t"                                                                                       \
    ".long 0, 0\n\t"                                                                               \
    ".quad 2f, 3f - 2f, 4f\n\t"                                                                    \
    ".popsection\n\t"                                                                              \
    ".pushsection .text.tp_detail_abort, \"ax?\", @progbits\n\t"                                   \
    ".byte 0x0f, 0xb9, 0x3d\n\t"                                                                   \
    ".long 0x53053053\n"                                                                           \
    "4:\n\t"                                                                                       \
    "jmp 5f\n\t"                                                                                   \
    ".popsection\n"                                                                                \
    "5:\n\t"                                                                                       \
    "leaq 1b(%%rip), %[word]\n\t"                                                                  \
    "movq %[word], %[cs]\n"                                                                        \
    "2:\n\t"

#define TP_DETAIL_SEQUENCE_END "3:\n\t"

/* Through the offset table: an address in the code would make the linker copy all of the table, 32
   MiB, into the program (a copy relocation). Constant, so loaded once. */
TP_ALWAYS_INLINE struct tp_detail_heap_arena **tp_detail_arena_table(void)
{
    struct tp_detail_heap_arena **table;
    __asm__("movq tp_detail_heap_arenas@GOTPCREL(%%rip), %0" : "=r"(table));
    return table;
}

/* The record's offsets in the sequences: word 0, floor 8, ceiling 10, objects 16 (lib/cache/local.h
   asserts them). One base register for all: addresses are then formed at no cost. */
TP_ALWAYS_INLINE bool tp_detail_get(struct tp_detail_local *local, void **object)
{
    bool hit;
    uint64_t word, level;
    void **objects;
    __asm__ __inline__ __volatile__(
        TP_DETAIL_SEQUENCE_BEGIN
        "movq (%[local]), %[word]\n\t"
        "movzwl %w[word], %k[level]\n\t"
        "cmpw 8(%[local]), %w[word]\n\t" /* the floor */
        "jbe 3f\n\t"
        "movq 16(%[local]), %[objects]\n\t"
        "movq -8(%[objects],%[level],8), %[objects]\n\t"
        TP_DETAIL_SEQUENCE_DELAY
        "leaq 0xffff(%[word]), %[word]\n\t" /* one get more, one level less */
        "movq %[word], (%[local])\n"
        TP_DETAIL_SEQUENCE_END
        : "=@cca"(hit), [word] "=&r"(word), [level] "=&r"(level), [objects] "=&r"(objects),
          [cs] "=m"(*tp_detail_self.rseq_cs)
        : [local] "r"(local)
        : "memory");
    if (hit && objects == (void **)0)
        __builtin_unreachable(); /* NULL is never put; so a put of what was got need not ask */
    *object = (void *)objects;
    return hit;
}

/* NULL: slow exit. */
TP_ALWAYS_INLINE bool tp_detail_put(struct tp_detail_local *local, void *object)
{
    bool done;
    uint64_t word, level;
    void **objects;
    if (object == (void *)0)
        return false;
    __asm__ __inline__ __volatile__(
        TP_DETAIL_SEQUENCE_BEGIN
        "movq (%[local]), %[word]\n\t"
        "movzwl %w[word], %k[level]\n\t"
        "cmpw 10(%[local]), %w[word]\n\t" /* the ceiling */
        "jae 3f\n\t"
        "movq 16(%[local]), %[objects]\n\t"
        "movq %[object], (%[objects],%[level],8)\n\t"
        TP_DETAIL_SEQUENCE_DELAY
        "leaq 1(%[word]), %[word]\n\t"
        "movq %[word], (%[local])\n"
        TP_DETAIL_SEQUENCE_END
        : "=@ccc"(done), [word] "=&r"(word), [level] "=&r"(level), [objects] "=&r"(objects),
          [cs] "=m"(*tp_detail_self.rseq_cs)
        : [local] "r"(local), [object] "r"(object)
        : "memory");
    return done;
}

TP_BEGIN_DECLS

extern const char __start_tp_detail_cs[] __attribute__((weak, visibility("hidden")));
extern const char __stop_tp_detail_cs[] __attribute__((weak, visibility("hidden")));

/* One in each shared object (or program) whose code holds sequences. dlclose runs it, by its
   priority after all other code of the object: C++ destructors and exit handlers may still get and
   put. */
__attribute__((weak, visibility("hidden"), destructor(101))) void tp_detail_unload_self(void);
__attribute__((weak, visibility("hidden"), destructor(101))) void tp_detail_unload_self(void)
{
    tp_detail_unload(__start_tp_detail_cs, __stop_tp_detail_cs);
}

TP_END_DECLS

#endif
