/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools' explicit objects that point into the collected heap: taken and freed by hand, roots
   meanwhile. */
#include "gc_help.h"

TP_GC_TYPE(leaf_type, struct node);

static void *rooted(size_t size)
{
    void *object = tpi_gc_rooted_alloc(&node_type, size);
    assert_non_null(object);
    struct tpi_where where = tpi_heap_where(object);
    assert_ptr_equal(where.start, object);
    assert_true(where.allocated && where.bytes >= tpi_max(size, sizeof(struct node)));
    assert_true(help_is_zero(object, tpi_max(size, sizeof(struct node))));
    return object;
}

static void taken_and_freed(void **state)
{
    (void)state;
    enum { N = 2000 };
    static struct node *nodes[N];
    assert_int_equal(tpi_heap_collected(), 0);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            nodes[i] = rooted(0);
            nodes[i]->key[0] = (long)i;
        }
        for (size_t i = 0; i < N; i += 2)
            tpi_gc_rooted_free(nodes[i]);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(help_is_allocated(nodes[i]), i % 2);
            if (i % 2 == 1)
                assert_int_equal(nodes[i]->key[0], i);
        }
        uint64_t in_use = tpi_heap_collected();
        for (size_t i = 0; i < N; i += 2)
            nodes[i] = rooted(0);
        assert_int_equal(tpi_heap_collected(), in_use); /* what is free is used first */
        help_clear();
        for (size_t i = 0; i < N; i++) { /* no sweep frees them */
            assert_true(help_is_allocated(nodes[i]));
            tpi_gc_rooted_free(nodes[i]);
        }
        help_clear();
        assert_int_equal(tpi_heap_collected(), 0);
    }
    help_check_heap();
}

static void sizes(void **state)
{
    (void)state;
    char *objects[200];
    size_t n = 0;
    for (size_t size = 1; size < 300000; size += size / 8 + 1) {
        objects[n] = rooted(size);
        memset(objects[n++], 0x55, size);
    }
    char *again = objects[n - 1];
    for (size_t i = 0; i < n; i++)
        tpi_gc_rooted_free(objects[i]);
    assert_false(help_is_allocated(again));
    assert_true(tpi_heap_collected() > 0); /* a sweep gives it back */
    help_clear();
    assert_int_equal(tpi_heap_collected(), 0);
    assert_ptr_equal(tpi_gc_rooted_alloc(&node_type, SIZE_MAX), NULL);
    assert_int_equal(errno, ENOMEM);
}

/* Between cycles, where nothing can be looking at it; and explicit memory to the pacer. */
static void a_large_one_goes_at_once(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    struct tpi_pacer_counts before, with;
    uint64_t in_use = tpi_heap_collected(), rooted_before = tpi_rooted_bytes();
    tpi_pacer_read(&before);
    void *object = rooted(BYTES);
    tpi_pacer_read(&with);
    assert_int_equal(with.explicit_bytes - before.explicit_bytes, BYTES);
    tpi_gc_rooted_free(object);
    assert_int_equal(tpi_heap_collected(), in_use);
    object = rooted(BYTES);
    tpi_phase_set(TPI_PHASE_MARKING);
    tpi_gc_rooted_free(object);
    assert_false(help_is_allocated(object));
    assert_int_equal(tpi_heap_collected(), in_use + BYTES);
    tpi_phase_set(TPI_PHASE_IDLE);
    help_clear();
    assert_int_equal(tpi_heap_collected(), in_use);
    assert_int_equal(tpi_rooted_bytes(), rooted_before);
}

static void types_share_no_spans_with_collected_objects(void **state)
{
    (void)state;
    struct node *mine = rooted(0), *collected = tp_gc_alloc(&node_type);
    const struct tpi_span *span = tpi_heap_where(mine).span;
    assert_ptr_not_equal(span, tpi_heap_where(collected).span);
    assert_int_equal(((const struct tpi_layout *)span->layout)->flags, TPI_LAYOUT_ROOT);
    struct node *pooled = tpi_gc_pooled_alloc(&node_type, 100);
    assert_true(help_is_zero(pooled, 100));
    const struct tpi_layout *layout = tpi_heap_where(pooled).span->layout;
    assert_int_equal(layout->flags, TPI_LAYOUT_POOLED);
    assert_int_equal(layout->slot_bytes, 112);
    assert_int_equal(layout->head_bits, 3);
    pooled = tpi_gc_pooled_alloc(NULL, 100);
    layout = tpi_heap_where(pooled).span->layout;
    assert_true(layout->leaf && layout->flags == TPI_LAYOUT_POOLED);
    tpi_gc_rooted_free(mine);
}

/* --- roots --- */

static void what_they_point_to_is_shaded(void **state)
{
    (void)state;
    enum { N = 500 };
    static struct node *roots[N], *targets[N];
    static struct tpi_buffer *buffer;
    for (size_t i = 0; i < N; i++) {
        targets[i] = tp_gc_alloc(&node_type);
        roots[i] = rooted(i % 100 == 0 ? 100000 : sizeof(struct node));
        roots[i]->right = targets[i];
        roots[i]->key[1] = (long)(uintptr_t)targets[(i + 1) % N]; /* no pointer */
    }
    struct node *without = tpi_gc_rooted_alloc(&leaf_type, sizeof *without);
    without->left = targets[1];
    for (size_t i = 0; i < N; i++) {
        if (i % 3 == 1)
            tpi_gc_rooted_free(roots[i]);
    }
    tpi_mark_begin(TPI_MARK_EVEN);
    tpi_rooted_scan(&buffer);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(tpi_object_is_marked(targets[i]), i % 3 != 1);
    tpi_buffer_discard(&buffer);
    for (size_t i = 0; i < N; i++) {
        if (i % 3 != 1)
            tpi_gc_rooted_free(roots[i]);
    }
    tpi_gc_rooted_free(without);
    help_clear();
    help_check_heap();
}

static struct node *word;

/* Without tp_gc_store, behind the collector's look at it. */
static void store_plainly(void *object)
{
    word = NULL;
    tpi_wbcheck_begin();
    tpi_wbcheck_scanned(&word, sizeof word);
    word = object;
    tpi_wbcheck_compare();
}

static void pointers_to_them_need_no_barrier(void **state)
{
    (void)state;
    void *small = rooted(0), *large = rooted(100000);
    store_plainly(small);
    store_plainly(large);
    help_expect_abort(store_plainly, tp_gc_alloc(&node_type), "was not by tp_gc_store");
    tpi_gc_rooted_free(small);
    tpi_gc_rooted_free(large);
}

/* --- misuse --- */

static void free_it(void *object)
{
    tpi_gc_rooted_free(object);
}

static void free_twice(void *object)
{
    tpi_gc_rooted_free(object);
    tpi_gc_rooted_free(object);
}

static void free_by_the_heap(void *object)
{
    tp_heap_free(object);
}

static void resize(void *object)
{
    (void)!tp_heap_realloc(object, 100000);
}

static void misuse_aborts(void **state)
{
    (void)state;
    static int foreign;
    void *small = rooted(0), *large = rooted(100000), *collected = tp_gc_alloc(&node_type);
    void *heap = tp_heap_alloc(48), *pooled = tpi_gc_pooled_alloc(&node_type, 0);
    help_expect_abort(free_twice, small, "double free of a pool's object");
    help_expect_abort(free_twice, large, "bad free");
    help_expect_abort(free_it, (char *)small + 8, "not an object of a pool with a gc_type");
    help_expect_abort(free_it, collected, "not an object of a pool with a gc_type");
    help_expect_abort(free_it, heap, "not an object of a pool with a gc_type");
    help_expect_abort(free_it, &foreign, "not an object of a pool with a gc_type");
    help_expect_abort(free_by_the_heap, small, "a pool's object, which goes back by tp_pool_put");
    help_expect_abort(free_by_the_heap, large, "a pool's object, which goes back by tp_pool_put");
    help_expect_abort(resize, small, "bad realloc");
    help_expect_abort(resize, small, "a pool's object, which goes back by tp_pool_put");
    help_expect_abort(free_by_the_heap, pooled, "a pool's object, which goes back by tp_pool_put");
    help_expect_abort(free_by_the_heap, collected, "which the collector alone frees");
    tpi_gc_rooted_free(small);
    tpi_gc_rooted_free(large);
    tp_heap_free(heap);
}

int main(void)
{
    tp_gc_percent_set(-1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_and_freed), /* first */
        cmocka_unit_test(sizes),
        cmocka_unit_test(a_large_one_goes_at_once),
        cmocka_unit_test(types_share_no_spans_with_collected_objects),
        cmocka_unit_test(what_they_point_to_is_shaded),
        cmocka_unit_test(pointers_to_them_need_no_barrier),
        cmocka_unit_test(misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
