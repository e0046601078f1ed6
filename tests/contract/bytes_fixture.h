/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of pools of buffers: one use of a buffer, the pool's numbers, what a checked build
   does not keep. */
#ifndef TESTS_CONTRACT_BYTES_FIXTURE_H
#define TESTS_CONTRACT_BYTES_FIXTURE_H

#include "support.h"

enum {
    FIRST = 256,
    KEEP = 4096, /* until sizes are learned */
    STRIKES = 4,
    LEARNED = 256,     /* puts, until sizes are */
    RELEARNED = 16384, /* puts without a cycle, until they are once more */
    TALLY = 64,        /* puts that a buffer may still have to itself */
    HUGE_BYTES = 16 << 20
};

static inline tp_bytes_pool *pool_new(const tp_bytes_pool_options *options)
{
    tp_bytes_pool *pool = tp_bytes_pool_create(options);
    assert_non_null(pool);
    return pool;
}

static inline tp_bytes_pool_stats stats_of(tp_bytes_pool *pool)
{
    tp_bytes_pool_stats stats;
    tp_bytes_pool_stats_read(pool, &stats);
    return stats;
}

static inline tp_bytes *get(tp_bytes_pool *pool)
{
    tp_bytes *bytes = tp_bytes_get(pool);
    assert_non_null(bytes);
    assert_int_equal(bytes->len, 0);
    assert_non_null(bytes->data);
    return bytes;
}

/* One get, a message of n bytes, one put; the capacity that the buffer had at the put. */
static inline size_t use(tp_bytes_pool *pool, size_t n)
{
    tp_bytes *bytes = get(pool);
    assert_non_null(tp_bytes_room(bytes, n));
    bytes->len = n;
    size_t cap = bytes->cap;
    tp_bytes_put(pool, bytes);
    return cap;
}

static inline void use_many(tp_bytes_pool *pool, size_t n, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        use(pool, n);
}

static inline size_t good_cap(size_t cap)
{
    return tp_heap_good_size(cap + TP_BYTES_PADDING) - TP_BYTES_PADDING;
}

/* A checked build ends an idle buffer at its put and starts it anew at its get, so that nobody
   relies on its contents: there no memory is kept. */
static inline void need_kept_memory(void)
{
    if (support_poisons()) {
        print_message("a checked build keeps no buffer's memory\n");
        skip();
    }
}

#endif
