/* SPDX-License-Identifier: BSD-2-Clause */
/* Buffers and their pools without memory: each call that may grow fails once, says ENOMEM, and
   changes nothing; nothing is lost.

   Linked with -Wl,--wrap for tp_detail_heap_alloc and tp_heap_realloc, which buffers' memory comes
   from, and tp_heap_alloc_aligned, which pools and their objects come from; and for vsnprintf.
   Sequences are off, so that no allocation is inlined. */
#include "format_help.h"

#include "kit/kit.h"

#include <tidepool/version.h>

void *__real_tp_detail_heap_alloc(size_t size);
void *__wrap_tp_detail_heap_alloc(size_t size);
void *__real_tp_heap_realloc(void *memory, size_t size);
void *__wrap_tp_heap_realloc(void *memory, size_t size);
void *__real_tp_heap_alloc_aligned(size_t align, size_t size);
void *__wrap_tp_heap_alloc_aligned(size_t align, size_t size);

static bool refuse_memory, refuse_objects;
static unsigned refusals;

static bool refused(bool refuse)
{
    refusals += refuse;
    errno = refuse ? ENOMEM : errno;
    return refuse;
}

void *__wrap_tp_detail_heap_alloc(size_t size)
{
    return refused(refuse_memory) ? NULL : __real_tp_detail_heap_alloc(size);
}

void *__wrap_tp_heap_realloc(void *memory, size_t size)
{
    return refused(refuse_memory) ? NULL : __real_tp_heap_realloc(memory, size);
}

void *__wrap_tp_heap_alloc_aligned(size_t align, size_t size)
{
    return refused(refuse_objects) ? NULL : __real_tp_heap_alloc_aligned(align, size);
}

/* --- buffers --- */

static char text[1000];

static bool set(tp_bytes *bytes)
{
    return tp_bytes_from_mem(bytes, text, sizeof text);
}

static bool append(tp_bytes *bytes)
{
    return tp_bytes_append(bytes, text, sizeof text);
}

static bool append_byte(tp_bytes *bytes)
{
    bytes->len = bytes->cap;
    return tp_bytes_append_byte(bytes, 'x');
}

static bool reserve(tp_bytes *bytes)
{
    return tp_bytes_reserve(bytes, 5000);
}

static bool room(tp_bytes *bytes)
{
    return tp_bytes_room(bytes, bytes->cap - bytes->len + 1) != NULL;
}

static bool print(tp_bytes *bytes)
{
    return tp_bytes_printf(bytes, "%*d", (int)bytes->cap + 1, 5);
}

static bool append_i64(tp_bytes *bytes)
{
    bytes->len = bytes->cap;
    return tp_bytes_append_i64(bytes, -5);
}

static bool append_u64(tp_bytes *bytes)
{
    bytes->len = bytes->cap;
    return tp_bytes_append_u64(bytes, 5);
}

static bool append_double(tp_bytes *bytes)
{
    bytes->len = bytes->cap;
    return tp_bytes_append_double(bytes, 0.1);
}

static bool clip(tp_bytes *bytes)
{
    bytes->len = tpi_min(bytes->len, (size_t)5);
    return tp_bytes_clip(bytes);
}

static bool (*const calls[])(tp_bytes *) = {set,   append,     append_byte, reserve,       room,
                                            print, append_i64, append_u64,  append_double, clip};

static void a_buffer_stays_as_it_was(void **state)
{
    (void)state;
    memset(text, 't', sizeof text);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (size_t n = 0; n < 500; n += 100) {
            tp_bytes bytes = {0};
            assert_true(tp_bytes_from_mem(&bytes, text, n));
            if (calls[i] == clip && n == 0)
                continue;
            tp_bytes before = bytes;
            refuse_memory = true;
            errno = 0;
            unsigned so_far = refusals;
            assert_false(calls[i](&bytes));
            assert_int_equal(errno, ENOMEM);
            assert_int_equal(refusals, so_far + 1);
            assert_ptr_equal(bytes.data, before.data);
            assert_int_equal(bytes.cap, before.cap);
            assert_true(bytes.len == before.len || bytes.len == bytes.cap || calls[i] == clip);
            bytes.len = n;
            assert_true(n == 0 || memcmp(bytes.data, text, n) == 0);
            refuse_memory = false;
            assert_true(calls[i](&bytes));
            tp_bytes_free(&bytes);
        }
    }
}

static void a_format_that_fails_appends_nothing(void **state)
{
    (void)state;
    for (unsigned which = 1; which <= 2; which++) {
        tp_bytes bytes = {0};
        assert_true(tp_bytes_from_mem(&bytes, text, 50));
        formats_until_refusal = which;
        errno = 0;
        assert_false(tp_bytes_printf(&bytes, "%.*f", 1000, 1.0));
        assert_int_equal(errno, ENOMEM);
        assert_int_equal(formats_until_refusal, 0);
        assert_int_equal(bytes.len, 50);
        assert_memory_equal(bytes.data, text, 50);
        assert_true(tp_bytes_printf(&bytes, "%.*f", 1000, 1.0));
        assert_int_equal(bytes.len, 50 + 1002);
        tp_bytes_free(&bytes);
    }
}

/* --- pools --- */

static void no_pool_is_half_made(void **state)
{
    (void)state;
    refuse_objects = true;
    errno = 0;
    assert_null(tp_bytes_pool_create(NULL));
    assert_int_equal(errno, ENOMEM);
    refuse_objects = false;
    tp_bytes_pool *pool = tp_bytes_pool_create(NULL);
    assert_non_null(pool);
    refuse_objects = true;
    errno = 0;
    assert_null(tp_bytes_get(pool));
    assert_int_equal(errno, ENOMEM);
    refuse_objects = false;
    tp_bytes *bytes = tp_bytes_get(pool);
    assert_non_null(bytes);
    tp_bytes_put(pool, bytes);
    tp_bytes_pool_destroy(pool);
}

static void a_buffer_without_memory_is_not_handed_out(void **state)
{
    (void)state;
    tp_bytes_pool_stats stats;
    tp_bytes_pool *pool = tp_bytes_pool_create(NULL);
    assert_non_null(pool);
    refuse_memory = true;
    for (int i = 0; i < 3; i++) {
        errno = 0;
        assert_null(tp_bytes_get(pool));
        assert_int_equal(errno, ENOMEM);
    }
    tp_bytes_pool_stats_read(pool, &stats);
    assert_true(stats.live <= 1); /* one waits for memory; a checked build may have lost it */
    assert_int_equal(stats.idle, stats.live);
    refuse_memory = false;
    tp_bytes *bytes = tp_bytes_get(pool);
    assert_non_null(bytes);
    assert_true(bytes->cap >= 256);
    tp_bytes_put(pool, bytes);
    tp_bytes_pool_destroy(pool);
}

static void a_buffer_is_cut_down_though_there_is_no_memory(void **state)
{
    (void)state;
    tp_bytes_pool_stats stats;
    tp_bytes_pool *pool = tp_bytes_pool_create(&(tp_bytes_pool_options){.retain_max = 1000});
    assert_non_null(pool);
    tp_bytes *bytes = tp_bytes_get(pool);
    assert_non_null(bytes);
    assert_true(tp_bytes_reserve(bytes, 1 << 20));
    refuse_memory = true;
    errno = 12345;
    tp_bytes_put(pool, bytes);
    assert_int_equal(errno, 12345);
    refuse_memory = false;
    bytes = tp_bytes_get(pool);
    assert_non_null(bytes);
    assert_in_range(bytes->cap, 256, 2000);
    tp_bytes_put(pool, bytes);
    tp_bytes_pool_stats_read(pool, &stats);
    assert_int_equal(stats.live, stats.idle); /* a checked build may have lost it */
    tp_bytes_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_stays_as_it_was),
        cmocka_unit_test(a_format_that_fails_appends_nothing),
        cmocka_unit_test(no_pool_is_half_made),
        cmocka_unit_test(a_buffer_without_memory_is_not_handed_out),
        cmocka_unit_test(a_buffer_is_cut_down_though_there_is_no_memory),
    };
    (void)tp_version(); /* links the start of the library in */
    tpi_sequences_set(TPI_SEQUENCES_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
