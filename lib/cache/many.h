/* SPDX-License-Identifier: BSD-2-Clause */
/* A part of cache.h: several objects in one restartable sequence. How many it moved; 0 leads
   to the slow path. The same protocol as the header's single ones (detail/sequence_x86_64.h). */
#ifndef TPI_CACHE_MANY_H
#define TPI_CACHE_MANY_H

#ifdef TP_DETAIL_SEQUENCES

#include <emmintrin.h>

enum { tpi_sequences_built = 1 };

/* Whether none of n pointers is NULL; four at a time. */
static inline bool tpi_none_is_null(void *const *objects, size_t n)
{
    const __m128i zero = _mm_setzero_si128();
    __m128i null = zero;
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(objects + i));
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(objects + i + 2));
        /* Halves of pointers that are zero; a pointer is where both halves are. */
        __m128 x = _mm_castsi128_ps(_mm_cmpeq_epi32(a, zero));
        __m128 y = _mm_castsi128_ps(_mm_cmpeq_epi32(b, zero));
        __m128 both = _mm_and_ps(_mm_shuffle_ps(x, y, _MM_SHUFFLE(2, 0, 2, 0)),
                                 _mm_shuffle_ps(x, y, _MM_SHUFFLE(3, 1, 3, 1)));
        null = _mm_or_si128(null, _mm_castps_si128(both));
    }
    bool found = _mm_movemask_epi8(null) != 0;
    for (; i < n; i++)
        found |= objects[i] == NULL;
    return !found;
}

/* Copies %[n] pointers from %[from] to %[to]: four at a time from the end, then one by one. */
#define TPI_SEQUENCE_COPY                                                                          \
    "movq %[n], %[i]\n\t"                                                                          \
    "subq $4, %[i]\n\t"                                                                           \
    "jb 8f\n"                                                                                      \
    "7:\n\t"                                                                                       \
    "movups (%[from],%[i],8), %%xmm0\n\t"                                                         \
    "movups 16(%[from],%[i],8), %%xmm1\n\t"                                                       \
    "movups %%xmm0, (%[to],%[i],8)\n\t"                                                           \
    "movups %%xmm1, 16(%[to],%[i],8)\n\t"                                                         \
    "subq $4, %[i]\n\t"                                                                           \
    "jae 7b\n"                                                                                     \
    "8:\n\t"                                                                                       \
    "addq $4, %[i]\n"                                                                              \
    "9:\n\t"                                                                                       \
    "subq $1, %[i]\n\t"                                                                           \
    "jb 10f\n\t"                                                                                  \
    "movq (%[from],%[i],8), %%xmm0\n\t"                                                           \
    "movq %%xmm0, (%[to],%[i],8)\n\t"                                                             \
    "jmp 9b\n"                                                                                     \
    "10:\n\t"

static inline size_t tpi_sequence_get_many(struct tp_detail_local *local, void **objects, size_t n)
{
    uint64_t word, i, from, got = 0, moved = n;
    __asm__ __volatile__(
        TP_DETAIL_SEQUENCE_BEGIN
        "movq %[wanted], %[n]\n\t"
        "movq %[local_word], %[word]\n\t"
        "movzwl %w[word], %k[i]\n\t"
        "cmpw %[floor], %w[word]\n\t"
        "jbe 6f\n\t"
        "cmpq %[i], %[n]\n\t"
        "cmovaq %[i], %[n]\n\t"
        "movq %[local_objects], %[from]\n\t"
        "subq %[n], %[i]\n\t"
        "leaq (%[from],%[i],8), %[from]\n\t"
        TPI_SEQUENCE_COPY
        TP_DETAIL_SEQUENCE_DELAY
        "imulq $0xffff, %[n], %[i]\n\t" /* n gets more, n levels less */
        "addq %[i], %[word]\n\t"
        "movq %[word], %[local_word]\n"
        TP_DETAIL_SEQUENCE_END
        "movq %[n], %[got]\n"
        "6:\n\t"
        : [word] "=&r"(word), [i] "=&r"(i), [from] "=&r"(from), [n] "=&r"(moved), [got] "+&r"(got),
          [local_word] "+m"(local->word), [cs] "=m"(*tp_detail_self.rseq_cs)
        : [floor] "m"(local->floor), [local_objects] "m"(local->objects), [to] "r"(objects),
          [wanted] "rm"(n)
        : "memory", "cc", "xmm0", "xmm1");
    return got;
}

static inline size_t tpi_sequence_put_many(struct tp_detail_local *local, void *const *objects,
                                           size_t n)
{
    uint64_t word, i, to, put = 0, moved;
    __asm__ __volatile__(
        TP_DETAIL_SEQUENCE_BEGIN
        "movq %[local_word], %[word]\n\t"
        "movzwl %w[word], %k[i]\n\t"
        "movzwl %[ceiling], %k[n]\n\t"
        "subq %[i], %[n]\n\t"
        "jbe 6f\n\t"
        "cmpq %[wanted], %[n]\n\t"
        "cmovaq %[wanted], %[n]\n\t"
        "movq %[local_objects], %[to]\n\t"
        "leaq (%[to],%[i],8), %[to]\n\t"
        TPI_SEQUENCE_COPY
        TP_DETAIL_SEQUENCE_DELAY
        "addq %[n], %[word]\n\t"
        "movq %[word], %[local_word]\n"
        TP_DETAIL_SEQUENCE_END
        "movq %[n], %[put]\n"
        "6:\n\t"
        : [word] "=&r"(word), [i] "=&r"(i), [to] "=&r"(to), [n] "=&r"(moved), [put] "+&r"(put),
          [local_word] "+m"(local->word), [cs] "=m"(*tp_detail_self.rseq_cs)
        : [ceiling] "m"(local->ceiling_called), [local_objects] "m"(local->objects),
          [from] "r"(objects), [wanted] "rm"(n)
        : "memory", "cc", "xmm0", "xmm1");
    return put;
}

#else

enum { tpi_sequences_built = 0 };

static inline bool tpi_none_is_null(void *const *objects, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (objects[i] == NULL)
            return false;
    return true;
}

static inline size_t tpi_sequence_get_many(struct tp_detail_local *local, void **objects, size_t n)
{
    (void)local;
    (void)objects;
    (void)n;
    return 0;
}

static inline size_t tpi_sequence_put_many(struct tp_detail_local *local, void *const *objects,
                                           size_t n)
{
    (void)local;
    (void)objects;
    (void)n;
    return 0;
}

#endif

#endif
