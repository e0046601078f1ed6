/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic on bits and sizes. */
#ifndef TPI_BASE_BITS_H
#define TPI_BASE_BITS_H

#define tpi_min(a, b) ((a) < (b) ? (a) : (b))
#define tpi_max(a, b) ((a) > (b) ? (a) : (b))
#define tpi_container_of(member_pointer, type, member)                                             \
    ((type *)(void *)((char *)(member_pointer)-offsetof(type, member)))

static inline bool tpi_is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* `align` is a power of two. Wraps to a small number on overflow: check the size before. */
static inline size_t tpi_align_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

/* n must not be 0. */
static inline unsigned tpi_lowest_bit(uint64_t n)
{
    return (unsigned)__builtin_ctzll(n);
}

static inline unsigned tpi_highest_bit(uint64_t n)
{
    return 63u - (unsigned)__builtin_clzll(n);
}

static inline unsigned tpi_bit_count(uint64_t n)
{
    return (unsigned)__builtin_popcountll(n);
}

static inline bool tpi_bit_get(const uint64_t *bits, size_t i)
{
    return (bits[i / 64] >> (i % 64) & 1) != 0;
}

static inline void tpi_bit_set(uint64_t *bits, size_t i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void tpi_bit_clear(uint64_t *bits, size_t i)
{
    bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static inline bool tpi_multiply_overflows(size_t a, size_t b, size_t *product)
{
    return __builtin_mul_overflow(a, b, product);
}

#endif
