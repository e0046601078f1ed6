/* SPDX-License-Identifier: BSD-2-Clause */
/* What the inlined path takes from, and every form and size of object. */
#include "gc_help.h"

#include <pthread.h>

/* --- runs --- */

static void runs_go_upwards(void **state)
{
    (void)state;
    struct node *first = node_new(), *last = first;
    const struct tp_detail_gc_run *run = &tp_detail_gc_self.runs[(uint32_t)node_type.single];
    assert_true(run->end > run->next);
    assert_int_equal((run->end - (uintptr_t)first) % sizeof *first, 0);
    assert_true(run->end - (uintptr_t)first <= TPI_RUN_BYTES_MAX);
    while (run->next < run->end) {
        struct node *node = node_new();
        assert_ptr_equal(node, last + 1);
        last = node;
    }
    assert_int_equal(last - first, RUN_SLOTS - 1);
    assert_ptr_equal(node_new(), last + 1); /* the next run of the same span */
    assert_int_equal(tpi_mutator_self->allocated_slots, 2 * RUN_SLOTS);
    assert_int_equal(tpi_mutator_self->allocated_bytes, 2 * RUN_SLOTS * sizeof *first);
}

static void slots_of_a_run_are_allocated(void **state)
{
    (void)state;
    struct node *node = node_new();
    const struct tp_detail_gc_run *run = &tp_detail_gc_self.runs[(uint32_t)node_type.single];
    for (uintptr_t at = (uintptr_t)node; at < run->end; at += sizeof *node)
        assert_true(help_is_allocated((void *)at));
}

static void recycled_slots_are_zeroed(void **state)
{
    (void)state;
    enum { N = 5000 };
    static struct node *nodes[N];
    size_t again = 0;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            nodes[i] = node_new();
            memset(nodes[i], 0xff, sizeof *nodes[i]);
        }
        help_clear();
        for (size_t i = 0; i < N && round == 0; i++)
            again += !help_is_allocated(nodes[i]);
    }
    assert_true(again > N - 2 * RUN_SLOTS);
}

/* Not the spans that they are of: with many sizes most of those stays unused. */
static void the_pacer_counts_what_runs_took(void **state)
{
    enum { SIZES = 32, BYTES = 4 << 20 };
    (void)state;
    uint64_t before = tpi_growth_live();
    for (size_t i = 1; i <= SIZES; i++)
        assert_non_null(tp_gc_alloc_leaf(i * 64));
    assert_true(tpi_growth_live() - before <= SIZES * TPI_RUN_BYTES_MAX);
    before = tpi_growth_live();
    for (size_t bytes = 0; bytes < BYTES; bytes += 256)
        assert_non_null(tp_gc_alloc_leaf(256));
    uint64_t grown = tpi_growth_live() - before;
    assert_true(grown > BYTES - TPI_CHARGE_BYTES && grown < BYTES + BYTES / 16);
}

/* --- sizes --- */

static void each_size(void **state)
{
    (void)state;
    static void *live[400];
    size_t n = 0;
    for (size_t size = 1; size <= 200000; size += size / 16 + 1) {
        unsigned char *leaf = tp_gc_alloc_leaf(size), *any = tp_gc_alloc_conservative(size);
        assert_true(leaf != NULL && any != NULL);
        assert_true(help_is_zero(leaf, size) && help_is_zero(any, size));
        assert_int_equal((uintptr_t)leaf % 16, 0);
        struct tpi_where where = tpi_heap_where(leaf + size - 1);
        assert_ptr_equal(where.start, leaf);
        assert_true(where.allocated && where.bytes >= size);
        assert_int_equal(where.state, size <= TP_DETAIL_SMALL_MAX ? TPI_SPAN_COLLECTED
                                                                  : TPI_SPAN_COLLECTED_LARGE);
        memset(leaf, 1, size);
        memset(any, 2, size);
        live[n++] = leaf;
        live[n++] = any;
    }
    assert_true(n > 100 && n <= 400);
    for (int i = 0; i < 2; i++) {
        help_cycle(live, n);
        for (size_t k = 0; k < n; k++) {
            assert_true(help_is_allocated(live[k]));
            assert_int_equal(*(unsigned char *)live[k], 1 + k % 2);
        }
    }
    help_clear();
    for (size_t k = 0; k < n; k++)
        assert_false(help_is_allocated(live[k]));
    help_check_heap();
}

static void forms(void **state)
{
    (void)state;
    size_t too_many = SIZE_MAX / sizeof(struct node) + 1;
    struct node *nodes = tp_gc_alloc_array(&node_type, 7);
    assert_true(help_is_zero(nodes, 7 * sizeof *nodes));
    assert_int_equal(tpi_heap_where(nodes).bytes, 352);
    nodes = tp_gc_alloc_array(&node_type, 0);
    assert_int_equal(tpi_heap_where(nodes).bytes, 48);
    nodes = tp_gc_alloc_array(&node_type, 1);
    assert_int_equal(tpi_heap_where(nodes).bytes, 48);
    nodes = tp_gc_alloc_array(&node_type, 1000000);
    assert_true(help_is_zero(nodes, 1000000 * sizeof *nodes));
    errno = 0;
    assert_null(tp_gc_alloc_array(&node_type, too_many));
    assert_int_equal(errno, EOVERFLOW);
    assert_null(tp_gc_alloc_array(&node_type, too_many - 1));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(tp_gc_alloc_flex(&node_type, SIZE_MAX));
    assert_int_equal(errno, EOVERFLOW);
    nodes = tp_gc_alloc_flex(&node_type, 100);
    assert_int_equal(tpi_heap_where(nodes).bytes, 160);
    help_clear();
}

struct padded {
    long double wide;
    void *head;
    void *items[];
};
TP_GC_TYPE(padded_type, struct padded, head, items);

static void flexible_sizes(void **state)
{
    (void)state;
    assert_int_equal(tpi_heap_where(tp_gc_alloc_flex(&padded_type, 0)).bytes, 32);
    assert_int_equal(tpi_heap_where(tp_gc_alloc_flex(&padded_type, 1)).bytes, 32);
    assert_int_equal(tpi_heap_where(tp_gc_alloc_flex(&padded_type, 2)).bytes, 48);
    errno = 0;
    assert_null(tp_gc_alloc_flex(&padded_type, SIZE_MAX / 8));
    assert_int_equal(errno, EOVERFLOW);
}

struct overlapped { /* more of it is padding than a slot's rest */
    _Alignas(64) void *head;
    void *items[];
};
TP_GC_TYPE(overlapped_type, struct overlapped, head, items);

static void flexible_sizes_below_the_types(void **state)
{
    (void)state;
    assert_int_equal(tpi_heap_where(tp_gc_alloc_flex(&overlapped_type, 0)).bytes, 64);
    assert_int_equal(tpi_heap_where(tp_gc_alloc_flex(&overlapped_type, 7)).bytes, 64);
    assert_int_equal(tpi_heap_where(tp_gc_alloc_flex(&overlapped_type, 8)).bytes, 128);
}

/* Each address of a few spans. */
static void objects_are_aligned_as_their_type_is(void **state)
{
    (void)state;
    struct three {
        void *words[3];
    };
    struct wide {
        _Alignas(1024) void *words[3];
    };
    TP_GC_TYPE(three_type, struct three, words);
    TP_GC_TYPE(wide_type, struct wide, words);
    for (unsigned i = 0; i < 3000; i++) {
        assert_int_equal((uintptr_t)tp_gc_alloc_flex(&overlapped_type, i % 100) % 64, 0);
        assert_int_equal((uintptr_t)tp_gc_alloc(&wide_type) % 1024, 0);
        assert_int_equal((uintptr_t)tp_gc_alloc_array(&wide_type, i % 100) % 1024, 0);
        assert_int_equal((uintptr_t)tp_gc_alloc(&three_type) % 8, 0);
        assert_int_equal((uintptr_t)tp_gc_alloc_leaf(i % 100) % 16, 0);
        assert_int_equal((uintptr_t)tp_gc_alloc_conservative(i % 100) % 16, 0);
    }
    assert_int_equal(tpi_heap_where(tp_gc_alloc(&three_type)).bytes, 24);
    help_clear();
}

struct page_and_more {
    _Alignas(16384) void *head;
};
TP_GC_TYPE(page_and_more_type, struct page_and_more, head);

static void allocate_page_and_more(void *nothing)
{
    (void)nothing;
    (void)!tp_gc_alloc(&page_and_more_type);
}

static void more_than_a_page_is_refused(void **state)
{
    (void)state;
    help_expect_abort(allocate_page_and_more, NULL,
                      "type struct page_and_more is aligned to 16384 bytes");
}

static void large_objects(void **state)
{
    (void)state;
    enum { BYTES = 3 << 20 };
    help_clear();
    uint64_t before = tpi_heap_collected();
    void *kept = tp_gc_alloc_leaf(BYTES), *dropped = tp_gc_alloc_leaf(BYTES);
    memset(kept, 3, BYTES);
    memset(dropped, 4, BYTES);
    help_cycle(&kept, 1);
    assert_true(help_is_allocated(kept));
    assert_false(help_is_allocated(dropped));
    assert_int_equal(tpi_heap_collected() - before, BYTES);
    void *again = tp_gc_alloc_conservative(BYTES);
    assert_ptr_equal(again, dropped);
    assert_true(help_is_zero(again, BYTES));
    assert_int_equal(((char *)kept)[BYTES - 1], 3);
    help_clear();
    assert_int_equal(tpi_heap_collected(), before);
    help_check_heap();
}

/* --- spans --- */

static void a_new_span_has_no_marks(void **state)
{
    (void)state;
    struct tpi_span *span = tpi_collected_span_new(1, tpi_layout_numbered(tpi_layout_leaf(1)));
    assert_non_null(span);
    uintptr_t base = span->base;
    assert_int_equal(span->slots, 1024);
    memset(span->marks, TPI_MARK_ODD, span->slots);
    memset((void *)base, 1, 16);
    span->needs_zero = 1;
    tpi_collected_span_free(span);
    span = tpi_collected_span_new(1, tpi_layout_numbered(tpi_layout_leaf(1)));
    assert_int_equal(span->base, base);
    assert_true(help_is_zero(span->marks, span->slots));
    assert_int_equal(span->needs_zero, 1);
    tpi_collected_span_free(span);
    help_check_heap();
}

/* --- threads --- */

static void *one_object(void *out)
{
    *(struct node **)out = tp_gc_alloc(&node_type);
    return NULL;
}

static void a_thread_that_ends_gives_its_run_back(void **state)
{
    (void)state;
    struct node *node = NULL;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, one_object, &node), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(node);
    const struct tpi_span *span = tpi_heap_where(node).span;
    assert_true(help_is_allocated(node));
    assert_false(help_is_allocated(node + 1));
    assert_null(span->owner);
    unsigned free_slots = 0;
    for (unsigned i = 0; i < TPI_SPAN_WORDS; i++)
        free_slots += 64 - tpi_bit_count(span->alloc_bits[i]);
    assert_int_equal(free_slots, span->free_slots);
    assert_int_equal(span->list, 1);
    help_clear();
    assert_false(help_is_allocated(node));
}

/* --- what is not allowed --- */

static void free_it(void *object)
{
    tp_heap_free(object);
}

static void resize_it(void *object)
{
    (void)!tp_heap_realloc(object, 100000);
}

static void collected_objects_are_not_freed_by_hand(void **state)
{
    (void)state;
    void *small = node_new(), *large = tp_gc_alloc_leaf(100000);
    help_expect_abort(free_it, small, "collected object, which the collector alone frees");
    help_expect_abort(free_it, (char *)small + 8, "collected object, which the collector alone");
    help_expect_abort(free_it, large, "collected object, which the collector alone frees");
    help_expect_abort(resize_it, small, "realloc of");
    help_expect_abort(resize_it, small, "collected object, which the collector alone frees");
    help_expect_abort(resize_it, large, "collected object, which the collector alone frees");
    assert_int_equal(tp_heap_usable_size(small), 0);
}

int main(void)
{
    tp_gc_percent_set(-1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_go_upwards), /* first */
        cmocka_unit_test(slots_of_a_run_are_allocated),
        cmocka_unit_test(recycled_slots_are_zeroed),
        cmocka_unit_test(the_pacer_counts_what_runs_took),
        cmocka_unit_test(each_size),
        cmocka_unit_test(forms),
        cmocka_unit_test(flexible_sizes),
        cmocka_unit_test(flexible_sizes_below_the_types),
        cmocka_unit_test(objects_are_aligned_as_their_type_is),
        cmocka_unit_test(more_than_a_page_is_refused),
        cmocka_unit_test(large_objects),
        cmocka_unit_test(a_new_span_has_no_marks),
        cmocka_unit_test(a_thread_that_ends_gives_its_run_back),
        cmocka_unit_test(collected_objects_are_not_freed_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
