/* SPDX-License-Identifier: BSD-2-Clause */
/* The collected heap by its public calls: types, allocation, stores, roots, errors. What must live
   and what must die is asked of weak references, behind cycles for which this thread is detached:
   old words on its stack would keep what must die. */
#include "support.h"

struct pair {
    void *one, *two;
};

struct wide {
    uint64_t before;
    void *first;
    uint64_t unnamed; /* holds an address that must not count */
    void *array[5];
    struct pair pair;
    char text[3];
};
TP_GC_TYPE(wide_type, struct wide, first, array, pair);
TP_GC_TYPE(blind_type, struct wide);

struct list {
    uint64_t count;
    struct list *next;
    struct pair items[];
};
TP_GC_TYPE(list_type, struct list, next, items);
TP_GC_TYPE(bytes_type, struct list, next);

static void *root[64];

static void collect(void)
{
    tp_gc_thread_detach();
    tp_gc_collect();
    tp_gc_collect();
}

static bool lives(tp_gc_weak *weak)
{
    return tp_gc_weak_get(weak) != NULL;
}

static tp_gc_weak *watch(void *object)
{
    tp_gc_weak *weak = tp_gc_weak_make(object);
    assert_non_null(object);
    assert_non_null(weak);
    return weak;
}

static bool is_zero(const void *memory, size_t bytes)
{
    const char *at = memory;
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != 0)
            return false;
    return true;
}

/* --- allocation --- */

static void check_new(void *object, size_t bytes, size_t align)
{
    assert_non_null(object);
    assert_int_equal((uintptr_t)object % align, 0);
    assert_true(is_zero(object, bytes));
    memset(object, 0xa5, bytes);
}

static void objects_are_zeroed_and_aligned(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 3000; size += size < 70 ? 1 : 61)
            check_new(tp_gc_alloc_leaf(size), size, 16);
        for (size_t size = 30000; size < 3000000; size = size * 3 / 2)
            check_new(tp_gc_alloc_leaf(size), size, 16);
        for (size_t size = 0; size < 100000; size = size * 2 + 1) {
            void *object = tp_gc_alloc_conservative(size);
            check_new(object, size, 16);
            memset(object, 0, size);
        }
        for (size_t n = 0; n < 3000; n = n * 2 + 1) {
            check_new(tp_gc_alloc_array(&blind_type, n), (n + !n) * sizeof(struct wide), 8);
            check_new(tp_gc_alloc_flex(&bytes_type, n), sizeof(uint64_t), 8);
            struct list *list = tp_gc_alloc_flex(&list_type, n);
            assert_true(is_zero(list, sizeof *list + n * sizeof list->items[0]));
        }
        for (int i = 0; i < 1000; i++)
            check_new(tp_gc_alloc(&blind_type), sizeof(struct wide), 8);
        collect();
    }
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    errno = 0;
    assert_null(tp_gc_alloc_array(&wide_type, SIZE_MAX / sizeof(struct wide) + 2));
    assert_int_equal(errno, EOVERFLOW);
    errno = 0;
    assert_null(tp_gc_alloc_flex(&list_type, SIZE_MAX / 8));
    assert_int_equal(errno, EOVERFLOW);
    errno = 0;
    assert_null(tp_gc_alloc_array(&wide_type, (size_t)1 << 46));
    assert_true(errno == ENOMEM || errno == EOVERFLOW);
    errno = 0;
    volatile size_t huge = SIZE_MAX / 2;
    assert_null(tp_gc_alloc_leaf(huge));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(tp_gc_alloc_conservative(huge));
    assert_int_equal(errno, ENOMEM);
}

/* --- what an object's pointers keep --- */

/* A member of an object, as a place to store to, and whether it counts. */
struct place {
    size_t offset;
    bool counts;
};

static tp_gc_weak *hang(void *slot, size_t bytes)
{
    void *leaf = tp_gc_alloc_leaf(bytes);
    tp_gc_weak *weak = watch(leaf);
    tp_gc_store((void **)slot, leaf);
    return weak;
}

static void named_members_count_and_others_do_not(void **state)
{
    static const struct place places[] = {
        {offsetof(struct wide, first), true},    {offsetof(struct wide, unnamed), false},
        {offsetof(struct wide, array), true},    {offsetof(struct wide, array[4]), true},
        {offsetof(struct wide, pair.one), true}, {offsetof(struct wide, pair.two), true},
        {offsetof(struct wide, before), false},
    };
    tp_gc_weak *weaks[SUPPORT_COUNT(places)];
    (void)state;
    tp_gc_store(&root[0], tp_gc_alloc(&wide_type));
    for (size_t i = 0; i < SUPPORT_COUNT(places); i++)
        weaks[i] = hang((char *)root[0] + places[i].offset, 24);
    collect();
    for (size_t i = 0; i < SUPPORT_COUNT(places); i++)
        assert_int_equal(lives(weaks[i]), places[i].counts);
    root[0] = NULL;
    collect();
    for (size_t i = 0; i < SUPPORT_COUNT(places); i++) {
        assert_false(lives(weaks[i]));
        tp_gc_weak_free(weaks[i]);
    }
}

static void each_object_of_an_array_has_its_members(void **state)
{
    enum { N = 300 };
    tp_gc_weak *weaks[N], *unnamed;
    (void)state;
    tp_gc_store(&root[0], tp_gc_alloc_array(&wide_type, N));
    struct wide *array = root[0];
    for (size_t i = 0; i < N; i++)
        weaks[i] = hang(i % 2 != 0 ? &array[i].pair.two : &array[i].first, 40);
    unnamed = hang(&array[N / 2].unnamed, 40);
    collect();
    for (size_t i = 0; i < N; i++)
        assert_true(lives(weaks[i]));
    assert_false(lives(unnamed));
    memset(array, 0, N * sizeof *array);
    collect();
    for (size_t i = 0; i < N; i++) {
        assert_false(lives(weaks[i]));
        tp_gc_weak_free(weaks[i]);
    }
    tp_gc_weak_free(unnamed);
    root[0] = NULL;
}

static void flexible_members(void **state)
{
    static const size_t sizes[] = {1, 7, 64, 500, 50000};
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(sizes); i++) {
        tp_gc_store(&root[0], tp_gc_alloc_flex(&list_type, sizes[i]));
        tp_gc_store(&root[1], tp_gc_alloc_flex(&bytes_type, sizes[i] * sizeof(struct pair)));
        struct list *named = root[0], *bytes = root[1];
        tp_gc_weak *last = hang(&named->items[sizes[i] - 1].two, 16);
        tp_gc_weak *first = hang(&named->items[0].one, 16);
        tp_gc_weak *next = hang(&bytes->next, 16);
        tp_gc_weak *blind = hang(&bytes->items[sizes[i] - 1].one, 16);
        collect();
        assert_true(lives(last) && lives(first) && lives(next));
        assert_false(lives(blind));
        root[0] = root[1] = NULL;
        collect();
        assert_false(lives(last) || lives(first) || lives(next));
        tp_gc_weak_free(last);
        tp_gc_weak_free(first);
        tp_gc_weak_free(next);
        tp_gc_weak_free(blind);
    }
}

static void leaves_hold_nothing_and_conservative_ones_any_word(void **state)
{
    static const size_t sizes[] = {16, 48, 1000, 40000, 700000};
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(sizes); i++) {
        tp_gc_store(&root[0], tp_gc_alloc_leaf(sizes[i]));
        tp_gc_store(&root[1], tp_gc_alloc_conservative(sizes[i]));
        tp_gc_weak *in_leaf = hang((char *)root[0] + sizes[i] - 8, 16);
        tp_gc_weak *last = hang((char *)root[1] + sizes[i] - 8, 16);
        tp_gc_weak *first = hang(root[1], 300);
        *(char **)root[1] += 150; /* into the middle: it counts */
        collect();
        assert_false(lives(in_leaf));
        assert_true(lives(last) && lives(first));
        root[0] = root[1] = NULL;
        tp_gc_weak_free(in_leaf);
        tp_gc_weak_free(last);
        tp_gc_weak_free(first);
    }
}

static tp_gc_weak *cyclic(void)
{
    struct list *one = tp_gc_alloc_flex(&list_type, 1), *two = tp_gc_alloc_flex(&list_type, 1);
    tp_gc_store(&one->next, two);
    tp_gc_store(&two->items[0].one, one);
    tp_gc_store(&root[3], one);
    return watch(two);
}

static void cycles_of_pointers_die(void **state)
{
    (void)state;
    tp_gc_weak *weak = cyclic();
    collect();
    assert_true(lives(weak));
    root[3] = NULL;
    collect();
    assert_false(lives(weak));
    tp_gc_weak_free(weak);
}

/* --- stacks --- */

static bool kept_by_the_middle(size_t bytes, size_t offset)
{
    char *volatile middle = (char *)tp_gc_alloc_leaf(bytes) + offset;
    tp_gc_weak *weak = watch(middle - offset);
    tp_gc_collect();
    tp_gc_collect();
    bool is = lives(weak) && middle != NULL;
    tp_gc_weak_free(weak);
    return is;
}

static void stacks_keep_by_pointers_into_the_middle(void **state)
{
    (void)state;
    assert_true(kept_by_the_middle(64, 0));
    assert_true(kept_by_the_middle(64, 63));
    assert_true(kept_by_the_middle(5000, 4999));
    assert_true(kept_by_the_middle(1 << 20, 700001));
}

/* --- stores --- */

static void stores_do_what_they_say(void **state)
{
    void *a = tp_gc_alloc_leaf(16), *b = tp_gc_alloc_leaf(16), *evaluated = NULL;
    (void)state;
    struct wide *wide = tp_gc_alloc(&wide_type);
    tp_gc_store(&wide->first, a);
    assert_ptr_equal(wide->first, a);
    assert_false(tp_gc_cas(&wide->first, b, NULL));
    assert_ptr_equal(wide->first, a);
    assert_true(tp_gc_cas(&wide->first, a, b));
    assert_ptr_equal(wide->first, b);
    assert_ptr_equal(tp_gc_exchange(&wide->first, a), b);
    assert_ptr_equal(wide->first, a);
    void **slot = &wide->array[0];
    tp_gc_store(slot++, (evaluated = b, a));
    assert_ptr_equal(slot, &wide->array[1]);
    assert_ptr_equal(evaluated, b);
    tp_gc_store(&wide->array[1], b);
    tp_gc_move(&wide->array[2], &wide->array[0], 3);
    assert_ptr_equal(wide->array[2], a);
    assert_ptr_equal(wide->array[3], b);
    assert_null(wide->array[4]);
    tp_gc_move(&wide->array[1], &wide->array[0], 4); /* overlaps */
    assert_ptr_equal(wide->array[1], a);
    assert_ptr_equal(wide->array[2], b);
    assert_ptr_equal(wide->array[3], a);
    assert_ptr_equal(wide->array[4], b);
    tp_gc_move(&wide->array[0], &wide->array[1], 4);
    assert_ptr_equal(wide->array[0], a);
    assert_ptr_equal(wide->array[3], b);
    tp_gc_store(&wide->first, NULL);
    assert_null(wide->first);
}

static void edits_nest_and_end_in_any_order(void **state)
{
    struct wide *objects[8];
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 8; i++) {
            objects[i] = tp_gc_alloc(&wide_type);
            tp_gc_edit_begin(objects[i]);
            objects[i]->first = tp_gc_alloc_leaf(8);
        }
        tp_gc_collect();
        for (size_t i = 0; i < 8; i++)
            tp_gc_edit_end(objects[(i * 3 + 5) % 8]);
        tp_gc_edit_begin(objects[0]);
        tp_gc_edit_begin(objects[0]);
        tp_gc_edit_end(objects[0]);
        tp_gc_edit_end(objects[0]);
    }
}

static int edit_nine(void)
{
    for (int i = 0; i < 9; i++)
        tp_gc_edit_begin(tp_gc_alloc(&wide_type));
    return 0;
}

static int edit_end_alone(void)
{
    tp_gc_edit_begin(tp_gc_alloc(&wide_type));
    tp_gc_edit_end(tp_gc_alloc(&wide_type));
    return 0;
}

static int unpin_alone(void)
{
    tp_gc_unpin(tp_gc_alloc(&wide_type));
    return 0;
}

static int unpin_twice(void)
{
    void *object = tp_gc_pin(tp_gc_alloc(&wide_type));
    tp_gc_unpin(object);
    tp_gc_unpin(object);
    return 0;
}

static void misuse_aborts(void **state)
{
    (void)state;
    support_aborts("edit-nine", NULL, "edit", "");
    support_aborts("edit-end-alone", NULL, "edit", "");
    support_aborts("unpin-alone", NULL, "pin", "");
    support_aborts("unpin-twice", NULL, "pin", "");
}

/* --- pins and roots --- */

static void *disguised(void)
{
    void *object = tp_gc_alloc_leaf(100);
    assert_ptr_equal(tp_gc_pin(object), object);
    assert_ptr_equal(tp_gc_pin(object), object);
    return (void *)~(uintptr_t)object;
}

static tp_gc_weak *watch_disguised(uintptr_t is)
{
    return watch((void *)~is);
}

static void unpin_disguised(uintptr_t is)
{
    tp_gc_unpin((void *)~is);
}

static void pins_count(void **state)
{
    int local;
    (void)state;
    uintptr_t is = (uintptr_t)disguised();
    tp_gc_weak *weak = watch_disguised(is);
    collect();
    assert_true(lives(weak));
    unpin_disguised(is);
    collect();
    assert_true(lives(weak));
    unpin_disguised(is);
    collect();
    assert_false(lives(weak));
    tp_gc_weak_free(weak);
    errno = 0;
    assert_null(tp_gc_pin(&local));
    assert_int_equal(errno, EINVAL);
    errno = 0;
    assert_null(tp_gc_pin(NULL));
    assert_int_equal(errno, EINVAL);
}

static void refused(int result)
{
    assert_int_equal(result, -1);
    assert_int_equal(errno, EINVAL);
    errno = 0;
}

static void roots_are_ranges(void **state)
{
    void **range = calloc(100, sizeof *range);
    (void)state;
    assert_int_equal(tp_gc_root_add(range, 50 * sizeof *range), 0);
    errno = 0;
    refused(tp_gc_root_add(NULL, 100));
    refused(tp_gc_root_add(range + 60, 7));
    refused(tp_gc_root_add(range, 50 * sizeof *range));
    refused(tp_gc_root_add(range + 49, 16));
    refused(tp_gc_root_remove(range + 1));
    refused(tp_gc_root_remove(&errno));
    assert_int_equal(tp_gc_root_add(range + 50, 50 * sizeof *range), 0);
    tp_gc_weak *first = hang(&range[0], 16), *last = hang(&range[99], 16);
    collect();
    assert_true(lives(first) && lives(last));
    assert_int_equal(tp_gc_root_remove(range + 50), 0);
    collect();
    assert_true(lives(first));
    assert_false(lives(last));
    assert_int_equal(tp_gc_root_remove(range), 0);
    refused(tp_gc_root_remove(range));
    free(range);
    collect();
    assert_false(lives(first));
    tp_gc_weak_free(first);
    tp_gc_weak_free(last);
}

static int set_up(void **state)
{
    (void)state;
    return tp_gc_root_add(root, sizeof root);
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {
        {"edit-nine", edit_nine},
        {"edit-end-alone", edit_end_alone},
        {"unpin-alone", unpin_alone},
        {"unpin-twice", unpin_twice},
        {NULL, NULL},
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_zeroed_and_aligned),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(named_members_count_and_others_do_not),
        cmocka_unit_test(each_object_of_an_array_has_its_members),
        cmocka_unit_test(flexible_members),
        cmocka_unit_test(leaves_hold_nothing_and_conservative_ones_any_word),
        cmocka_unit_test(cycles_of_pointers_die),
        cmocka_unit_test(stacks_keep_by_pointers_into_the_middle),
        cmocka_unit_test(stores_do_what_they_say),
        cmocka_unit_test(edits_nest_and_end_in_any_order),
        cmocka_unit_test(misuse_aborts),
        cmocka_unit_test(pins_count),
        cmocka_unit_test(roots_are_ranges),
    };
    static const char *const modes[] = {"service=0", "stw=1,checkmark=1,scribble=1",
                                        "checkmark=1,scribble=1,wbcheck=1", NULL};
    (void)argc;
    support_start(argv, scenarios);
    return support_group_run(cmocka_run_group_tests_name("gc", tests, set_up, NULL), modes);
}
