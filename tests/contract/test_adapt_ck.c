/* SPDX-License-Identifier: BSD-2-Clause */
/* Concurrency Kit's maps over our memory: a map of the size that the header advises never asks for
   more, one that grows keeps what it had, and what readers may still be in is not freed under
   them. */
#include "support.h"

#include <tidepool/adapt/ck.h>

#include <ck_array.h>
#include <ck_hs.h>
#include <ck_ht.h>
#include <ck_rhs.h>

enum { SEED = 7 };

static tp_heap_stats heap_now(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats;
}

static bool put(ck_ht_t *map, uintptr_t key, uintptr_t value)
{
    ck_ht_hash_t hash;
    ck_ht_entry_t entry;
    ck_ht_hash_direct(&hash, map, key);
    ck_ht_entry_set_direct(&entry, hash, key, value);
    return ck_ht_put_spmc(map, hash, &entry);
}

static uintptr_t get(ck_ht_t *map, uintptr_t key)
{
    ck_ht_hash_t hash;
    ck_ht_entry_t entry;
    ck_ht_hash_direct(&hash, map, key);
    ck_ht_entry_key_set_direct(&entry, key);
    return ck_ht_get_spmc(map, hash, &entry) ? ck_ht_entry_value_direct(&entry) : 0;
}

static bool init(ck_ht_t *map, struct ck_malloc *memory, size_t capacity)
{
    return ck_ht_init(map, CK_HT_MODE_DIRECT, NULL, memory, capacity, SEED);
}

static void fill(ck_ht_t *map, size_t n)
{
    for (uintptr_t key = 1; key <= n; key++)
        assert_true(put(map, key, key * 3));
}

static void has_all(ck_ht_t *map, size_t n)
{
    assert_int_equal(ck_ht_count(map), n);
    for (uintptr_t key = 1; key <= n; key++)
        assert_int_equal(get(map, key), key * 3);
}

/* --- sized once --- */

static const size_t counts[] = {1, 2, 3, 8, 100, 127, 128, 129, 1000, 1024, 5000, 40000};

static void a_table_of_twice_its_entries_never_grows(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(counts); i++) {
        ck_ht_t map;
        tp_heap_stats before = heap_now();
        assert_true(init(&map, &tp_adapt_ck_heap, 2 * counts[i]));
        assert_int_equal(heap_now().allocations, before.allocations + 1);
        fill(&map, counts[i]);
        has_all(&map, counts[i]);
        assert_int_equal(heap_now().allocations, before.allocations + 1);
        ck_ht_destroy(&map);
        assert_int_equal(heap_now().frees, before.frees + 1);
    }
}

static unsigned long hash_of(const void *key, unsigned long seed)
{
    return (((uintptr_t)key >> 4) + seed) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
}

static bool same(const void *a, const void *b)
{
    return a == b;
}

static void a_set_of_twice_its_entries_never_grows(void **state)
{
    (void)state;
    static char keys[40000][16];
    for (size_t i = 0; i < SUPPORT_COUNT(counts); i++) {
        ck_hs_t set;
        ck_rhs_t other;
        assert_true(ck_hs_init(&set, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT, hash_of, same,
                               &tp_adapt_ck_heap, 2 * counts[i], SEED));
        assert_true(ck_rhs_init(&other, CK_RHS_MODE_SPMC | CK_RHS_MODE_OBJECT, hash_of, same,
                                &tp_adapt_ck_heap, 2 * counts[i], SEED));
        tp_heap_stats before = heap_now();
        for (size_t k = 0; k < counts[i]; k++) {
            assert_true(ck_hs_put(&set, CK_HS_HASH(&set, hash_of, keys[k]), keys[k]));
            assert_true(ck_rhs_put(&other, CK_RHS_HASH(&other, hash_of, keys[k]), keys[k]));
        }
        assert_int_equal(heap_now().allocations, before.allocations);
        assert_int_equal(ck_hs_count(&set), counts[i]);
        ck_hs_destroy(&set);
        ck_rhs_destroy(&other);
    }
}

/* One entry more than half of a power of two: the rule is not more careful than it must be. */
static void beyond_half_it_grows(void **state)
{
    (void)state;
    ck_ht_t map;
    assert_true(init(&map, &tp_adapt_ck_heap_unshared, 1024));
    fill(&map, 512);
    tp_heap_stats before = heap_now();
    assert_true(put(&map, 513, 513 * 3));
    assert_int_equal(heap_now().allocations, before.allocations + 1);
    assert_int_equal(heap_now().frees, before.frees + 1); /* the old one, at once */
    has_all(&map, 513);
    ck_ht_destroy(&map);
}

/* --- who frees the old --- */

static int grows(void)
{
    ck_ht_t map;
    if (!init(&map, &tp_adapt_ck_heap, 64))
        return 1;
    for (uintptr_t key = 1; key <= 33; key++)
        if (!put(&map, key, key))
            return 2;
    return 0;
}

static int is_reset(void)
{
    ck_ht_t map;
    return init(&map, &tp_adapt_ck_heap, 64) && ck_ht_reset_spmc(&map) ? 0 : 1;
}

static int stays(void)
{
    ck_ht_t map;
    if (!init(&map, &tp_adapt_ck_heap, 64))
        return 1;
    for (uintptr_t key = 1; key <= 32; key++)
        if (!put(&map, key, key))
            return 2;
    ck_ht_destroy(&map);
    return 0;
}

static const struct support_scenario scenarios[] = {
    {"grows", grows}, {"is_reset", is_reset}, {"stays", stays}, {NULL, NULL}};

static void the_plain_one_refuses_to_free_what_may_be_read(void **state)
{
    (void)state;
    support_aborts("grows", NULL, "tp_adapt_ck_heap:", "may still be read");
    support_aborts("is_reset", NULL, "tp_adapt_ck_heap:", "may still be read");
    support_passes("stays", NULL);
}

static struct {
    void *memory;
    size_t bytes;
} old[64];
static size_t old_n;

static void keep_old(void *memory, size_t bytes)
{
    assert_true(old_n < SUPPORT_COUNT(old));
    assert_true(bytes <= tp_heap_usable_size(memory));
    old[old_n].memory = memory;
    old[old_n++].bytes = bytes;
}

TP_ADAPT_CK_HEAP_DEFER(deferring, keep_old)

static void what_readers_may_be_in_is_deferred(void **state)
{
    (void)state;
    ck_ht_t map, seen;
    assert_true(init(&map, &deferring, 16));
    fill(&map, 8);
    seen = map; /* what a reader has that began now */
    for (uintptr_t key = 9; key <= 5000; key++)
        assert_true(put(&map, key, key * 3));
    has_all(&map, 5000);
    assert_true(old_n >= 9);
    has_all(&seen, 9); /* the one that made it grow came in first */
    uint64_t frees = heap_now().frees;
    for (size_t i = 0; i < old_n; i++)
        tp_heap_free(old[i].memory);
    ck_ht_destroy(&map); /* nobody may read any longer: at once */
    assert_int_equal(heap_now().frees, frees + old_n + 1);
    old_n = 0;
}

static void arrays_are_reallocated(void **state)
{
    (void)state;
    static char items[1000];
    struct ck_malloc *memories[] = {&deferring, &tp_adapt_ck_heap_unshared};
    for (size_t m = 0; m < SUPPORT_COUNT(memories); m++) {
        ck_array_t array;
        assert_true(ck_array_init(&array, CK_ARRAY_MODE_SPMC, memories[m], 2));
        for (size_t i = 0; i < 1000; i++) {
            assert_true(ck_array_put(&array, &items[i]));
            assert_true(ck_array_commit(&array));
        }
        assert_int_equal(ck_array_length(&array), 1000);
        unsigned length;
        void **contents = ck_array_buffer(&array, &length);
        for (size_t i = 0; i < length; i++)
            assert_ptr_equal(contents[i], &items[i]);
        ck_array_deinit(&array, false);
        assert_true((old_n > 0) == (m == 0));
        while (old_n > 0)
            tp_heap_free(old[--old_n].memory);
    }
}

/* --- the allocators' calls by themselves --- */

static tp_arena *arena;
TP_ADAPT_CK_ARENA(on_arena, arena)

static void each_reallocation_keeps_the_contents(void **state)
{
    (void)state;
    struct ck_malloc *memories[] = {&deferring, &tp_adapt_ck_heap_unshared, &on_arena};
    arena = tp_arena_create(NULL);
    for (size_t m = 0; m < SUPPORT_COUNT(memories); m++) {
        for (int defer = 0; defer < 2; defer++) {
            unsigned char *memory = memories[m]->malloc(100);
            assert_non_null(memory);
            memset(memory, 0x5a, 100);
            memory = memories[m]->realloc(memory, 100, 5000, defer != 0);
            assert_non_null(memory);
            for (size_t i = 0; i < 100; i++)
                assert_int_equal(memory[i], 0x5a);
            memset(memory, 0x5b, 5000);
            memory = memories[m]->realloc(memory, 5000, 50, defer != 0);
            for (size_t i = 0; i < 50; i++)
                assert_int_equal(memory[i], 0x5b);
            if (m == 0 && defer != 0) { /* the old ones are as they were */
                assert_int_equal(old_n, 2);
                assert_int_equal(old[0].bytes, 100);
                assert_int_equal(((unsigned char *)old[0].memory)[99], 0x5a);
                assert_int_equal(((unsigned char *)old[1].memory)[4999], 0x5b);
            }
            while (old_n > 0)
                tp_heap_free(old[--old_n].memory);
            memories[m]->free(memory, 50, false);
        }
    }
    tp_arena_destroy(arena);
}

static void a_map_on_an_arena_goes_with_it(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        ck_ht_t map, seen;
        tp_arena_stats stats;
        arena = tp_arena_create(&(tp_arena_options){.first = 4 << 20});
        assert_non_null(tp_arena_alloc(arena, 1)); /* its first chunk */
        tp_heap_stats before = heap_now();
        assert_true(init(&map, &on_arena, 16));
        fill(&map, 8);
        seen = map;
        for (uintptr_t key = 9; key <= 5000; key++)
            assert_true(put(&map, key, key * 3));
        has_all(&map, 5000);
        has_all(&seen, 9); /* the old ones stay */
        tp_arena_stats_read(arena, &stats);
        assert_in_range(stats.used, 16384 * 32, 2 * 16384 * 32 + 16384);
        if (!support_asan)
            assert_int_equal(heap_now().allocations, before.allocations);
        tp_arena_destroy(arena);
    }
}

static void want_of_memory_is_the_maps_failure(void **state)
{
    (void)state;
    ck_ht_t map;
    arena = tp_arena_create(&(tp_arena_options){.limit = 100000});
    errno = 0;
    assert_false(init(&map, &on_arena, 100000));
    assert_int_equal(errno, ENOMEM);
    assert_true(init(&map, &on_arena, 1024));
    uintptr_t key = 1;
    while (key < 100000 && put(&map, key, key * 3))
        key++;
    assert_in_range(key, 512, 99999); /* it fills up, and says so */
    for (uintptr_t k = 1; k < key; k++)
        assert_int_equal(get(&map, k), k * 3);
    tp_arena_destroy(arena);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_of_twice_its_entries_never_grows),
        cmocka_unit_test(a_set_of_twice_its_entries_never_grows),
        cmocka_unit_test(beyond_half_it_grows),
        cmocka_unit_test(the_plain_one_refuses_to_free_what_may_be_read),
        cmocka_unit_test(what_readers_may_be_in_is_deferred),
        cmocka_unit_test(arrays_are_reallocated),
        cmocka_unit_test(each_reallocation_keeps_the_contents),
        cmocka_unit_test(a_map_on_an_arena_goes_with_it),
        cmocka_unit_test(want_of_memory_is_the_maps_failure),
    };
    (void)argc;
    support_start(argv, scenarios);
    return cmocka_run_group_tests_name("maps of ck on our memory", tests, NULL, NULL);
}
