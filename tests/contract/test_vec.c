/* SPDX-License-Identifier: BSD-2-Clause */
/* Vectors on the heap: what each call does to the elements, the exact growth, how many allocations,
   overflow. On arenas and pools: test_vec_homes.c. What aborts: test_vec_abuse.c. */
#include "support.h"

struct point {
    int x, y;
};

struct line {
    unsigned char bytes[24];
};

struct wide {
    _Alignas(64) unsigned char bytes[64];
};

TP_VEC_DEFINE(ints, int)
TP_VEC_DEFINE(points, struct point)
TP_VEC_DEFINE(trees, struct tree)

struct tree {
    int value;
    trees branches;
};

/* What the compiler must not know, or it would warn of what is tested here. */
static volatile size_t huge = SIZE_MAX;

static void expect(const ints *v, size_t n, const int *values)
{
    assert_int_equal(v->len, n);
    assert_true(v->cap >= n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(tp_vec_at(v, i), values[i]);
}

#define EXPECT(v, ...)                                                                             \
    expect(v, sizeof((int[]){__VA_ARGS__}) / sizeof(int), (const int[]){__VA_ARGS__})

static ints counted(int n)
{
    ints v = {0};
    for (int i = 0; i < n; i++)
        assert_true(tp_vec_push(&v, i));
    return v;
}

/* --- elements --- */

static tp_heap_stats heap_now(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats;
}

static void what_is_pushed_is_there(void **state)
{
    (void)state;
    enum { N = 100000 };
    ints v = {0};
    tp_heap_stats before = heap_now(), after;
    tp_vec_free(&v);
    for (int i = 0; i < N; i++)
        assert_true(tp_vec_push(&v, i * 3));
    assert_int_equal(v.len, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(tp_vec_at(&v, i), i * 3);
    assert_int_equal(tp_vec_last(&v), (N - 1) * 3);
    for (int i = N; i-- > 0;)
        assert_int_equal(tp_vec_pop(&v), i * 3);
    assert_int_equal(v.len, 0);
    tp_vec_free(&v);
    assert_null(v.data);
    assert_int_equal(v.cap, 0);
    assert_true(tp_vec_push(&v, 7)); /* and may be used again */
    EXPECT(&v, 7);
    tp_vec_free(&v);
    after = heap_now();
    assert_int_equal(after.frees - before.frees, after.allocations - before.allocations);
}

static void elements_are_inserted_and_removed(void **state)
{
    (void)state;
    ints v = {0};
    assert_true(tp_vec_insert(&v, 0, 3));
    assert_true(tp_vec_insert(&v, 0, 1));
    assert_true(tp_vec_insert(&v, 1, 2));
    assert_true(tp_vec_insert(&v, 3, 4));
    EXPECT(&v, 1, 2, 3, 4);
    assert_int_equal(tp_vec_remove(&v, 1), 2);
    EXPECT(&v, 1, 3, 4);
    assert_int_equal(tp_vec_swap_remove(&v, 0), 1);
    EXPECT(&v, 4, 3);
    assert_int_equal(tp_vec_swap_remove(&v, 1), 3);
    assert_int_equal(tp_vec_remove(&v, 0), 4);
    assert_int_equal(v.len, 0);
    tp_vec_free(&v);
    v = counted(16); /* full: an insertion grows */
    assert_true(tp_vec_insert(&v, 8, -1));
    EXPECT(&v, 0, 1, 2, 3, 4, 5, 6, 7, -1, 8, 9, 10, 11, 12, 13, 14, 15);
    tp_vec_free(&v);
}

static void resize_zeroes_what_is_new(void **state)
{
    (void)state;
    ints v = {0};
    assert_true(tp_vec_resize(&v, 0));
    assert_null(v.data);
    assert_true(tp_vec_append(&v, ((const int[]){1, 2, 3, 4}), 4));
    assert_true(tp_vec_resize(&v, 2));
    size_t cap = v.cap;
    assert_true(tp_vec_resize(&v, 5)); /* what was there before is not there again */
    EXPECT(&v, 1, 2, 0, 0, 0);
    assert_int_equal(v.cap, cap);
    assert_true(tp_vec_resize(&v, 1000));
    assert_int_equal(v.len, 1000);
    for (size_t i = 2; i < 1000; i++)
        assert_int_equal(tp_vec_at(&v, i), 0);
    tp_vec_free(&v);
}

static void own_elements_may_be_appended(void **state)
{
    (void)state;
    ints v = counted(3);
    assert_true(tp_vec_append(&v, NULL, 0));
    for (size_t n = 3; n < 100000; n *= 2) /* many of these move it */
        assert_true(tp_vec_append(&v, v.data, n));
    for (size_t i = 0; i < v.len; i++)
        assert_int_equal(v.data[i], i % 3);
    assert_true(tp_vec_resize(&v, 5));
    assert_true(tp_vec_clip(&v));
    while (v.len < v.cap)
        assert_true(tp_vec_push(&v, 9));
    size_t n = v.len;
    assert_true(tp_vec_append(&v, v.data + 1, 3));
    assert_int_equal(v.data[n], 1);
    assert_int_equal(v.data[n + 1], 2);
    assert_int_equal(v.data[n + 2], 0);
    n = v.len;
    assert_true(tp_vec_push(&v, v.data[1]));
    assert_int_equal(v.data[n], 1);
    tp_vec_free(&v);
}

static void views_are_parts(void **state)
{
    (void)state;
    ints v = counted(10), none = {0};
    ints_view part = tp_vec_slice(&v, 3, 6);
    assert_int_equal(part.len, 3);
    assert_ptr_equal(part.data, v.data + 3);
    assert_int_equal(tp_vec_at(&part, 2), 5);
    assert_int_equal(tp_vec_last(&part), 5);
    tp_vec_at(&part, 0) = 33;
    assert_int_equal(tp_vec_at(&v, 3), 33);
    assert_int_equal(tp_vec_slice(&v, 10, 10).len, 0);
    assert_int_equal(tp_vec_slice(&v, 0, 10).len, 10);
    assert_null(tp_vec_slice(&none, 0, 0).data);
    tp_vec(short) shorts = {0};
    assert_true(tp_vec_push(&shorts, 5));
    tp_vec_view(&shorts) shorts_part = tp_vec_slice(&shorts, 0, 1);
    assert_int_equal(shorts_part.data[0], 5);
    assert_int_equal(sizeof shorts, 4 * sizeof(size_t));
    tp_vec_free(&shorts);
    tp_vec_free(&v);
}

static void elements_may_be_of_any_type(void **state)
{
    (void)state;
    points p = {0};
    tp_vec(ints) rows = {0};
    tp_vec(const char *) words = {0};
    trees forest = {0};
    assert_true(tp_vec_push(&p, (struct point){7, 8}));
    assert_true(tp_vec_insert(&p, 0, {.y = 2, .x = 1}));
    assert_int_equal(tp_vec_pop(&p).y, 8);
    assert_true(tp_vec_push(&p, tp_vec_at(&p, 0)));
    tp_vec_at(&p, 1).y = 5;
    int *y = &tp_vec_last(&p).y;
    assert_int_equal(*y, 5);
    assert_int_equal(tp_vec_pop(&p).x, 1);
    assert_true(tp_vec_resize(&rows, 3));
    for (int i = 0; i < 6; i++)
        assert_true(tp_vec_push(&tp_vec_at(&rows, i % 3), i));
    assert_int_equal(tp_vec_at(&tp_vec_at(&rows, tp_vec_at(&rows.data[1], 0)), 1), 4);
    assert_true(tp_vec_push(&words, "one"));
    assert_string_equal(tp_vec_at(&words, 0), "one");
    assert_true(tp_vec_push(&forest, (struct tree){.value = 1}));
    assert_true(tp_vec_push(&tp_vec_at(&forest, 0).branches, (struct tree){.value = 2}));
    assert_int_equal(tp_vec_at(&tp_vec_at(&forest, 0).branches, 0).value, 2);
    tp_vec_free(&tp_vec_at(&forest, 0).branches);
    tp_vec_free(&forest);
    tp_vec_free(&words);
    while (rows.len > 0) {
        ints row = tp_vec_pop(&rows);
        tp_vec_free(&row);
    }
    tp_vec_free(&rows);
    tp_vec_free(&p);
}

static void arguments_are_evaluated_once(void **state)
{
    (void)state;
    ints vectors[3] = {{0}}, *v = vectors;
    int i = 0;
    assert_true(tp_vec_push(v++, i++));
    assert_true(tp_vec_insert(v++, i++ - 1, i++));
    assert_true(tp_vec_resize(v++, (size_t)i++));
    assert_int_equal(i, 4);
    assert_ptr_equal(v, vectors + 3);
    (void)tp_vec_at(--v, --i - 1);
    (void)tp_vec_last(v--);
    assert_int_equal(i, 3);
    (void)tp_vec_slice(v, i++ - 3, i - 3);
    (void)tp_vec_remove(v--, i++ - 4);
    (void)tp_vec_pop(v++);
    assert_int_equal(i, 5);
    assert_ptr_equal(v, vectors + 1);
    v = vectors;
    assert_true(tp_vec_append(v++, vectors[2].data, (size_t)--i));
    assert_int_equal(i, 4);
    tp_vec_reset(v++);
    assert_true(tp_vec_clip(v--));
    v = vectors;
    tp_vec_free(v++);
    tp_vec_free(v++);
    tp_vec_free(v++);
    assert_ptr_equal(v, vectors + 3);
}

/* --- growth --- */

/* Go's growslice (1.18 and later) for one element more, doubling up to 4 KiB too, then the heap's
   rounding. */
static size_t next_cap(size_t cap, size_t size)
{
    size_t wanted = cap + cap, doubled = size < 16 ? 4096 / size : 256;
    if (cap == 0) {
        wanted = 1;
        while (wanted * size < 64)
            wanted++;
    } else if (cap >= doubled) {
        wanted = cap + (cap + 3 * doubled) / 4;
    }
    return tp_heap_good_size(wanted * size) / size;
}

#define GROWS_AS_GO(TYPE, n)                                                                       \
    do {                                                                                           \
        tp_vec(TYPE) grown = {0};                                                                  \
        static const TYPE zero;                                                                    \
        for (size_t steps = 0, cap = 0; steps < (n); steps++) {                                    \
            if (grown.len == grown.cap)                                                            \
                cap = next_cap(grown.cap, sizeof(TYPE));                                           \
            assert_true(tp_vec_push(&grown, zero));                                                \
            if (grown.cap != cap)                                                                  \
                fail_msg(#TYPE ": capacity %zu at length %zu, not %zu", grown.cap, grown.len,      \
                         cap);                                                                     \
        }                                                                                          \
        tp_vec_free(&grown);                                                                       \
    } while (0)

struct large {
    unsigned char bytes[5000];
};

static void growth_is_gos(void **state)
{
    (void)state;
    GROWS_AS_GO(char, 100000);
    GROWS_AS_GO(int, 100000);
    GROWS_AS_GO(struct line, 30000);
    GROWS_AS_GO(struct wide, 30000);
    GROWS_AS_GO(struct large, 1000);
}

/* Several at once: all that Go would double to, at most what is needed beyond. */
static void larger_steps_are_gos_too(void **state)
{
    (void)state;
    ints v = {0};
    int more[4000] = {0};
    assert_true(tp_vec_append(&v, more, 100));
    assert_int_equal(v.cap, tp_heap_good_size(100 * sizeof(int)) / sizeof(int));
    assert_true(tp_vec_resize(&v, v.cap));
    size_t cap = v.cap;
    assert_true(tp_vec_append(&v, more, 2 * cap)); /* three times as much: no more than that */
    assert_int_equal(v.cap, tp_heap_good_size(3 * cap * sizeof(int)) / sizeof(int));
    tp_vec_reset(&v);
    assert_true(tp_vec_clip(&v));
    assert_true(tp_vec_reserve(&v, 2000));
    cap = v.cap;
    assert_true(tp_vec_resize(&v, cap));
    assert_true(tp_vec_append(&v, more, cap - cap / 4)); /* two steps of its rule */
    size_t wanted = cap + (cap + 3 * 1024) / 4;
    wanted += (wanted + 3 * 1024) / 4;
    assert_int_equal(v.cap, tp_heap_good_size(wanted * sizeof(int)) / sizeof(int));
    tp_vec_free(&v);
}

static void reserve_makes_one_allocation(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 100, 1000, 8000, 20000, 1000000};
    for (size_t i = 0; i < SUPPORT_COUNT(sizes); i++) {
        ints v = {0};
        tp_heap_stats before = heap_now();
        assert_true(tp_vec_reserve(&v, sizes[i]));
        assert_int_equal(heap_now().allocations, before.allocations + 1);
        assert_int_equal(v.cap, tp_heap_good_size(sizes[i] * sizeof(int)) / sizeof(int));
        for (size_t n = 0; n < sizes[i]; n++)
            assert_true(tp_vec_push(&v, 1));
        assert_true(tp_vec_reserve(&v, sizes[i])); /* there already */
        assert_true(tp_vec_resize(&v, v.cap));
        tp_vec_reset(&v); /* the capacity stays */
        assert_true(tp_vec_append(&v, v.data, sizes[i]));
        assert_int_equal(heap_now().allocations, before.allocations + 1);
        assert_int_equal(heap_now().frees, before.frees);
        tp_vec_free(&v);
        assert_int_equal(heap_now().frees, before.frees + 1);
    }
}

/* Runs of pages are not allocated anew, nor copied by us. */
static void large_ones_grow_in_place(void **state)
{
    (void)state;
    ints v = {0};
    assert_true(tp_vec_reserve(&v, 100000));
    assert_true(tp_vec_resize(&v, 100000));
    v.data[99999] = 5;
    tp_heap_stats before = heap_now();
    for (size_t n = 100000; n < 1000000; n += 1000)
        assert_true(tp_vec_append(&v, v.data, 1000));
    assert_int_equal(v.data[99999], 5);
    assert_true(tp_vec_resize(&v, 100000));
    assert_true(tp_vec_clip(&v));
    assert_int_equal(v.data[99999], 5);
    assert_int_equal(v.cap, tp_heap_good_size(100000 * sizeof(int)) / sizeof(int));
    assert_int_equal(heap_now().allocations, before.allocations);
    assert_int_equal(heap_now().frees, before.frees);
    tp_vec_free(&v);
}

static void clip_gives_the_surplus_back(void **state)
{
    (void)state;
    const size_t lengths[] = {1, 10, 1000, 7000, 9000, 100000};
    for (size_t i = 0; i < SUPPORT_COUNT(lengths); i++) {
        ints v = {0};
        assert_true(tp_vec_reserve(&v, 1000000));
        for (size_t n = 0; n < lengths[i]; n++)
            assert_true(tp_vec_push(&v, (int)n));
        assert_true(tp_vec_clip(&v));
        assert_int_equal(v.cap, tp_heap_good_size(lengths[i] * sizeof(int)) / sizeof(int));
        assert_true(tp_heap_usable_size(v.data) < v.cap * sizeof(int) + sizeof(int));
        for (size_t n = 0; n < lengths[i]; n++)
            assert_int_equal(v.data[n], n);
        int *data = v.data;
        tp_heap_stats before = heap_now();
        assert_true(tp_vec_clip(&v)); /* nothing more to give */
        assert_ptr_equal(v.data, data);
        assert_int_equal(heap_now().allocations, before.allocations);
        tp_vec_reset(&v);
        assert_true(tp_vec_clip(&v));
        assert_null(v.data);
        assert_int_equal(v.cap, 0);
    }
}

static void alignment_is_the_types(void **state)
{
    (void)state;
    tp_vec(struct wide) v = {0};
    struct wide element = {{0}};
    for (size_t i = 0; i < 2000; i++) {
        element.bytes[i % 64] = (unsigned char)i;
        assert_true(tp_vec_push(&v, element));
        assert_int_equal((uintptr_t)v.data % 64, 0);
    }
    assert_true(tp_vec_resize(&v, 300));
    assert_true(tp_vec_clip(&v));
    assert_int_equal((uintptr_t)v.data % 64, 0);
    assert_int_equal(v.data[100].bytes[100 % 64], 100);
    assert_int_equal(v.data[299].bytes[299 % 64], 299 % 256);
    tp_vec_free(&v);
}

/* --- failures --- */

/* Each growing call fails with this errno, and the vector is as it was. */
static void all_fail(ints *v, size_t n, int error)
{
    ints before = *v;
    int *copy = malloc(v->len * sizeof(int) + 1);
    assert_non_null(copy);
    if (v->len != 0)
        memcpy(copy, v->data, v->len * sizeof(int));
    for (int call = 0; call < 3; call++) {
        errno = 0;
        assert_false(call == 0   ? tp_vec_reserve(v, n)
                     : call == 1 ? tp_vec_resize(v, n)
                                 : tp_vec_append(v, copy, n - v->len));
        assert_int_equal(errno, error);
        assert_memory_equal(v, &before, sizeof before);
        if (v->len != 0)
            assert_memory_equal(v->data, copy, v->len * sizeof(int));
    }
    free(copy);
}

static void overflow_and_want_of_memory_change_nothing(void **state)
{
    (void)state;
    for (int n = 0; n <= 20000; n = n * 2 + 1) {
        ints v = counted(n);
        all_fail(&v, huge, EOVERFLOW);
        all_fail(&v, huge / 4, EOVERFLOW); /* more than PTRDIFF_MAX bytes */
        all_fail(&v, huge / 4 + 1, EOVERFLOW);
        all_fail(&v, huge / 4 + 2, EOVERFLOW); /* would be 4 bytes */
        all_fail(&v, huge / 8 - 100, ENOMEM);
        all_fail(&v, (size_t)1 << 50, ENOMEM);
        tp_vec_free(&v);
    }
    tp_vec(char) bytes = {0};
    char one = 1;
    assert_true(tp_vec_push(&bytes, one));
    assert_false(tp_vec_append(&bytes, &one, huge)); /* len + n overflows */
    assert_int_equal(errno, EOVERFLOW);
    assert_int_equal(bytes.len, 1);
    assert_int_equal(bytes.data[0], 1);
    tp_vec_free(&bytes);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_pushed_is_there),
        cmocka_unit_test(elements_are_inserted_and_removed),
        cmocka_unit_test(resize_zeroes_what_is_new),
        cmocka_unit_test(own_elements_may_be_appended),
        cmocka_unit_test(views_are_parts),
        cmocka_unit_test(elements_may_be_of_any_type),
        cmocka_unit_test(arguments_are_evaluated_once),
        cmocka_unit_test(growth_is_gos),
        cmocka_unit_test(larger_steps_are_gos_too),
        cmocka_unit_test(reserve_makes_one_allocation),
        cmocka_unit_test(large_ones_grow_in_place),
        cmocka_unit_test(clip_gives_the_surplus_back),
        cmocka_unit_test(alignment_is_the_types),
        cmocka_unit_test(overflow_and_want_of_memory_change_nothing),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("vectors", tests, support_modes);
}
