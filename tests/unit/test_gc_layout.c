/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts: the pattern that each form of a type gets, what shares one, and what happens when
   numbers run out. */
#include "heap_help.h"

#include "gc/collector.h"

struct pair {
    struct pair *left, *right;
    long key, value;
};
TP_GC_TYPE(pair_type, struct pair, left, right);

struct link { /* the same shape and size class */
    void *a, *b;
    char text[15];
};
TP_GC_TYPE(link_type, struct link, a, b);

struct other { /* the same size, other places */
    long key;
    void *a, *b;
    long value;
};
TP_GC_TYPE(other_type, struct other, a, b);

struct inner {
    long n;
    void *p;
};
struct nested {
    char name[8];
    struct inner inner[2];
    void *table[3];
    long end;
};
TP_GC_TYPE(nested_type, struct nested, inner, table);

struct plain {
    double x[3];
};
TP_GC_TYPE(plain_type, struct plain);

struct all {
    void *a, *b, *c;
};
TP_GC_TYPE(all_type, struct all, a, b, c);

struct wide { /* more than 64 words */
    long before[100];
    void *p;
    long behind[20];
};
TP_GC_TYPE(wide_type, struct wide, p);

struct huge {
    void *p;
    char bytes[100000];
};
TP_GC_TYPE(huge_type, struct huge, p);

struct enormous {
    long n;
    void *p;
    char bytes[2 << 20];
};
TP_GC_TYPE(enormous_type, struct enormous, p);

struct flex {
    void *head;
    long n;
    void *items[];
};
TP_GC_TYPE(flex_type, struct flex, head, items);
TP_GC_TYPE(flex_unnamed_type, struct flex, head);

struct padded { /* what is flexible begins in the padding */
    long double wide;
    void *head;
    void *items[];
};
TP_GC_TYPE(padded_type, struct padded, head, items);

struct cell { /* aligned to more than a word */
    void *p;
    long double wide;
};
struct cells {
    long n;
    long double lone;
    void *p;
    struct cell items[];
};
TP_GC_TYPE(cells_type, struct cells, p, items);
TP_GC_TYPE(lone_type, struct cells, lone);

static struct tpi_layout *single(const tp_gc_type *type)
{
    return tpi_layout_of(type, TPI_FORM_SINGLE, type->size, 0);
}

static struct tpi_layout *array(const tp_gc_type *type, size_t n)
{
    return tpi_layout_of(type, TPI_FORM_ARRAY, n * type->size, 0);
}

static void check_pattern(const struct tpi_layout *layout, size_t head_words, uint64_t head,
                          size_t tail_words, uint64_t tail)
{
    assert_non_null(layout);
    assert_int_equal(layout->head_words, head_words);
    assert_int_equal(layout->head_bits, head);
    assert_int_equal(layout->head[0], head);
    assert_int_equal(layout->tail_words, tail_words);
    assert_int_equal(layout->tail_bits, tail);
    assert_int_equal(layout->tail[0], tail);
    assert_int_equal(layout->leaf, head_words == 0 && tail_words == 0);
    assert_ptr_equal(tpi_layout_numbered(layout->number), layout);
    assert_true(layout->number < tpi_layout_count());
    assert_int_equal(layout->slot_bytes, tpi_classes[layout->size_class].bytes);
}

static void numbers_that_exist_from_the_start(void **state)
{
    (void)state;
    tpi_layouts_start();
    assert_int_equal(tpi_layout_count(), 1 + 2 * TPI_CLASSES);
    for (unsigned i = 0; i < TPI_CLASSES; i++) {
        const struct tpi_layout *leaf = tpi_layout_numbered(tpi_layout_leaf(i));
        const struct tpi_layout *all = tpi_layout_numbered(tpi_layout_conservative(i));
        check_pattern(leaf, 0, 0, 0, 0);
        check_pattern(all, 0, 0, 1, 1);
        assert_int_equal(leaf->size_class, i);
        assert_int_equal(all->size_class, i);
        assert_int_equal(leaf->number, tpi_layout_leaf(i));
        assert_int_equal(all->number, tpi_layout_conservative(i));
    }
}

static void single_objects(void **state)
{
    (void)state;
    struct tpi_layout *layout = single(&pair_type);
    check_pattern(layout, 2, 3, 0, 0);
    assert_string_equal(layout->name, "struct pair");
    assert_int_equal(layout->slot_bytes, sizeof(struct pair));
    assert_int_equal(pair_type.single, (uint64_t)sizeof(struct pair) << 32 | layout->number);
    assert_ptr_equal(single(&pair_type), layout);
    assert_ptr_equal(single(&link_type), layout);
    assert_int_equal(link_type.single, pair_type.single);
    assert_ptr_not_equal(single(&other_type), layout);
    check_pattern(single(&other_type), 3, 6, 0, 0);
    check_pattern(single(&nested_type), 8, 0xfe, 0, 0);
    unsigned plain_class = tpi_collected_class(sizeof(struct plain), 8);
    assert_int_equal(single(&plain_type)->number, tpi_layout_leaf(plain_class));
    check_pattern(single(&all_type), 3, 7, 0, 0);
}

static void single_objects_of_many_words(void **state)
{
    (void)state;
    const struct tpi_layout *layout = single(&wide_type);
    assert_int_equal(layout->head_words, 101);
    assert_int_equal(layout->head[0], 0);
    assert_int_equal(layout->head[1], UINT64_C(1) << 36);
    layout = single(&huge_type);
    check_pattern(layout, 1, 1, 0, 0);
    assert_int_equal(layout->size_class, 0);
    assert_int_equal(huge_type.single, 0); /* the inlined path has nothing to do with it */
    assert_ptr_equal(single(&huge_type), layout);
    assert_int_equal(single(&enormous_type)->number, tpi_layout_conservative(0));
}

static void arrays(void **state)
{
    (void)state;
    const struct tpi_layout *five = array(&pair_type, 5);
    check_pattern(five, 0, 0, 4, 3);
    assert_int_equal(five->slot_bytes, 160);
    assert_ptr_equal(array(&pair_type, 5), five);
    assert_ptr_equal(array(&link_type, 5), five);
    assert_ptr_not_equal(array(&pair_type, 6), five);
    check_pattern(array(&pair_type, 100000), 0, 0, 4, 3);
    assert_int_equal(array(&pair_type, 100000)->size_class, 0);
    assert_int_equal(array(&plain_type, 3)->number, tpi_layout_leaf(5));
    check_pattern(array(&all_type, 4), 0, 0, 1, 1); /* a pattern of nothing else is one word */
    check_pattern(array(&nested_type, 2), 0, 0, 9, 0xfe);
    assert_int_equal(array(&wide_type, 2)->tail_words, 121);
    assert_int_equal(array(&wide_type, 2)->tail[1], UINT64_C(1) << 36);
}

static void flexible_members(void **state)
{
    (void)state;
    const struct tpi_layout *layout = tpi_layout_of(&flex_type, TPI_FORM_FLEX, 100, 0);
    check_pattern(layout, 2, 1, 1, 1);
    assert_int_equal(layout->slot_bytes, 112);
    layout = tpi_layout_of(&flex_unnamed_type, TPI_FORM_FLEX, 100, 0);
    check_pattern(layout, 1, 1, 0, 0);
    assert_int_equal(offsetof(struct padded, items), 24);
    assert_int_equal(sizeof(struct padded), 32);
    check_pattern(tpi_layout_of(&padded_type, TPI_FORM_FLEX, 100, 0), 3, 4, 1, 1);
    check_pattern(single(&flex_type), 1, 1, 0, 0);
    check_pattern(single(&padded_type), 4, 12, 0, 0);
}

static void members_may_be_aligned_widely(void **state)
{
    (void)state;
    assert_int_equal(cells_type.fields[1].bytes, 0);
    assert_int_equal(cells_type.fields[1].element, sizeof(struct cell));
    assert_int_equal(lone_type.fields[0].bytes, sizeof(long double));
    struct cells *cells = tp_gc_alloc_flex(&cells_type, 100);
    assert_true(tpi_heap_where(cells).bytes >= sizeof *cells + 100 * sizeof(struct cell));
}

static void pools_objects_have_their_own(void **state)
{
    (void)state;
    const struct tpi_layout *mine = single(&pair_type);
    const struct tpi_layout *pooled = tpi_layout_of(&pair_type, TPI_FORM_SINGLE, 32, 1);
    const struct tpi_layout *root = tpi_layout_of(&pair_type, TPI_FORM_SINGLE, 100, 2);
    check_pattern(pooled, 2, 3, 0, 0);
    check_pattern(root, 2, 3, 0, 0);
    assert_int_equal(pooled->flags, TPI_LAYOUT_POOLED);
    assert_int_equal(root->flags, TPI_LAYOUT_ROOT);
    assert_int_equal(root->slot_bytes, 112);
    assert_true(pooled != mine && root != mine && pooled != root);
    assert_ptr_equal(tpi_layout_of(&link_type, TPI_FORM_SINGLE, 32, 1), pooled);
    pooled = tpi_layout_of(&plain_type, TPI_FORM_SINGLE, 24, 1);
    assert_true(pooled->leaf && pooled->number >= 1 + 2 * TPI_CLASSES);
}

static void a_type_that_goes_away(void **state)
{
    (void)state;
    char name[300];
    struct tp_detail_gc_field fields[] = {{16, 8, 8}};
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    struct tp_gc_type type = {0, NULL, name, 24, 8, fields, 1};
    const struct tpi_layout *layout = single(&type);
    memset(name, 'y', sizeof name - 1);
    fields[0].offset = 8;
    assert_int_equal(strlen(layout->name), 255);
    assert_int_equal(layout->name[254], 'x');
    check_pattern(layout, 3, 4, 0, 0);
}

static void make_array_of_odd(void *nothing)
{
    struct tp_detail_gc_field fields[] = {{0, 8, 8}};
    struct tp_gc_type type = {0, NULL, "struct odd", 12, 4, fields, 1};
    (void)nothing;
    (void)array(&type, 3);
}

static void arrays_whose_pointers_are_not_aligned(void **state)
{
    (void)state;
    help_expect_abort(make_array_of_odd, NULL, "type struct odd: an array of objects of 12 bytes");
}

/* A type of 16 words whose pointers are the bits of a number; in an object of `bytes`. */
static const struct tpi_layout *layout_of(uint32_t bits, size_t bytes, uint32_t flags)
{
    struct tp_detail_gc_field fields[16];
    struct tp_gc_type type = {0, NULL, "bits", 128, 8, fields, 0};
    for (unsigned i = 0; i < 16; i++) {
        if ((bits >> i & 1) != 0)
            fields[type.field_count++] = (struct tp_detail_gc_field){i * 8, 8, 8};
    }
    const struct tpi_layout *layout = tpi_layout_of(&type, TPI_FORM_SINGLE, bytes, flags);
    assert_non_null(layout);
    return layout;
}

static const struct tpi_layout *layout_of_bits(uint32_t bits, uint32_t flags)
{
    return layout_of(bits, 128, flags);
}

/* So many that some are in one bucket. */
static void one_pattern_in_many_classes(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (uint32_t bits = 1; bits <= 300; bits++) {
            for (uint32_t i = 0; i < 12; i++) {
                size_t bytes = 128 + i / 3 * 32;
                const struct tpi_layout *layout = layout_of(bits, bytes, i % 3);
                assert_int_equal(layout->head_bits, bits);
                assert_int_equal(layout->flags, i % 3);
                assert_int_equal(layout->size_class, tp_detail_class_of_size(bytes));
            }
        }
    }
    assert_true(tpi_layout_count() < 300 * 12 + 2 * TP_DETAIL_CLASSES + 50);
}

static void numbers_run_out(void **state)
{
    (void)state;
    uint32_t bits = 1, full = TPI_LAYOUTS_MAX - 2 * TP_DETAIL_CLASSES;
    const struct tpi_layout *first = layout_of_bits(1, 0);
    while (tpi_layout_count() < full) {
        bits++;
        assert_int_equal(layout_of_bits(bits, 0)->head_bits, bits);
    }
    for (uint32_t i = 1; i < 20; i++)
        assert_int_equal(layout_of_bits(bits + i, 0)->number, tpi_layout_conservative(8));
    assert_ptr_equal(layout_of_bits(1, 0), first); /* what is there is found */
    assert_int_equal(layout_of_bits(bits, 0)->head_bits, bits);
    for (uint32_t flags = 1; flags <= 2; flags++) {
        const struct tpi_layout *layout = layout_of_bits(bits + 1, flags);
        check_pattern(layout, 0, 0, 1, 1);
        assert_int_equal(layout->flags, flags);
        assert_ptr_equal(layout_of_bits(bits + 2, flags), layout);
    }
    assert_int_equal(tpi_layout_count(), full + 2);
    assert_ptr_equal(single(&pair_type), single(&link_type));
}

/* --- spans --- */

static void check_list(struct tpi_layout *layout)
{
    for (uint32_t i = 0; i < layout->count; i++)
        assert_int_equal(tpi_layout_span(layout, i)->place, i);
}

/* The list of a layout without any object. It grows by tables: no place ever moves. */
static void spans_of_a_layout(void **state)
{
    (void)state;
    enum { N = 10 * TPI_TABLE_SPANS };
    struct tpi_layout *layout = tpi_layout_numbered(tpi_layout_leaf(7));
    struct tpi_span *spans = aligned_alloc(TPI_CACHE_LINE, N * sizeof *spans);
    struct tpi_span ***places = calloc(N, sizeof *places);
    assert_non_null(spans);
    memset(spans, 0, N * sizeof *spans);
    assert_non_null(places);
    assert_int_equal(layout->count, 0);
    for (uint32_t i = 0; i < N; i++) {
        assert_true(tpi_layout_span_add(layout, &spans[i]));
        places[i] = tpi_layout_place(layout, i);
    }
    for (uint32_t i = 0; i < N; i++) {
        assert_ptr_equal(tpi_layout_place(layout, i), places[i]);
        assert_ptr_equal(tpi_layout_span(layout, i), &spans[i]);
    }
    check_list(layout);
    for (uint32_t i = 0; i < N; i += 3)
        tpi_layout_span_remove(layout, &spans[i]);
    check_list(layout);
    for (uint32_t i = 0; i < N; i += 3)
        assert_true(tpi_layout_span_add(layout, &spans[i]));
    check_list(layout);
    assert_int_equal(layout->count, N);
    while (layout->count > 0)
        tpi_layout_span_remove(layout, tpi_layout_span(layout, layout->count / 2));
    free(places);
    free(spans);
}

static void fork_locks(void **state)
{
    (void)state;
    tpi_layouts_lock_all();
    tpi_layouts_unlock_all();
    assert_non_null(single(&pair_type));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_exist_from_the_start), /* first */
        cmocka_unit_test(single_objects),
        cmocka_unit_test(single_objects_of_many_words),
        cmocka_unit_test(arrays),
        cmocka_unit_test(flexible_members),
        cmocka_unit_test(members_may_be_aligned_widely),
        cmocka_unit_test(pools_objects_have_their_own),
        cmocka_unit_test(a_type_that_goes_away),
        cmocka_unit_test(arrays_whose_pointers_are_not_aligned),
        cmocka_unit_test(one_pattern_in_many_classes),
        cmocka_unit_test(spans_of_a_layout),
        cmocka_unit_test(numbers_run_out), /* last but one */
        cmocka_unit_test(fork_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
