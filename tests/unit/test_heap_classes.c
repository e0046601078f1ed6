/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of size classes is what its rules say, for every class, size and offset. */
#include "heap_help.h"

/* Those that are odd follow the others. */
static size_t bytes_of(unsigned c)
{
    return c < TPI_CLASSES_ODD ? tp_detail_class_bytes(c) : 24 + 16 * (size_t)(c - TPI_CLASSES_ODD);
}

static void table_follows_the_rule(void **state)
{
    (void)state;
    for (unsigned c = 1; c < TPI_CLASSES; c++) {
        const struct tpi_class *class = &tpi_classes[c];
        size_t bytes = bytes_of(c), pages = 2;
        size_t wanted = tpi_max((size_t)TPI_OBJECTS_MIN, tpi_min((size_t)64, 65536 / bytes));
        for (;; pages++) {
            size_t span = pages * TPI_PAGE_BYTES, slots = span / bytes;
            if (slots >= wanted && slots <= TPI_SLOTS_MAX &&
                (span - slots * bytes) * TPI_WASTE_SHARE <= span)
                break;
        }
        assert_int_equal(class->bytes, bytes);
        assert_int_equal(class->pages, pages);
        assert_int_equal(class->slots, pages * TPI_PAGE_BYTES / bytes);
        assert_int_equal(tpi_class_span_pages(c), pages);
        assert_int_equal(tpi_class_slots(c), class->slots);
    }
}

static void bounds_hold(void **state)
{
    (void)state;
    assert_int_equal(tp_detail_class_bytes(TP_DETAIL_CLASSES - 1), TP_DETAIL_SMALL_MAX);
    for (unsigned c = 1; c < TPI_CLASSES; c++) {
        const struct tpi_class *class = &tpi_classes[c];
        uint32_t span = class->pages * (uint32_t)TPI_PAGE_BYTES;
        assert_true(span <= TPI_SPAN_BYTES_MAX);
        assert_true(class->slots >= TPI_OBJECTS_MIN && class->slots <= TPI_SLOTS_MAX);
        assert_true((span - class->slots * class->bytes) * TPI_WASTE_SHARE <= span);
        assert_int_equal(class->bytes % (c < TPI_CLASSES_ODD ? 16 : 8), 0);
    }
}

/* Every offset of every span, so nothing is left to the proof. */
static void reciprocal_divides_exactly(void **state)
{
    (void)state;
    for (unsigned c = 1; c < TPI_CLASSES; c++) {
        const struct tpi_class *class = &tpi_classes[c];
        unsigned slot = 0, within = 0, wrong = 0;
        for (uint64_t offset = 0; offset < class->pages * (uint64_t)TPI_PAGE_BYTES; offset++) {
            wrong += tpi_class_slot(class, offset) != slot;
            if (++within == class->bytes) {
                within = 0;
                slot++;
            }
        }
        assert_int_equal(wrong, 0);
    }
}

static void every_size_gets_the_smallest_class(void **state)
{
    (void)state;
    unsigned c = 1;
    assert_int_equal(tp_detail_class_of_size(0), 1);
    for (size_t size = 1; size <= TP_DETAIL_SMALL_MAX; size++) {
        if (size > tp_detail_class_bytes(c))
            c++;
        assert_int_equal(tp_detail_class_of_size(size), c);
        size_t waste = tp_detail_class_bytes(c) - size;
        assert_true(waste < 16 || waste * 8 < tp_detail_class_bytes(c));
    }
    assert_int_equal(c, TP_DETAIL_CLASSES - 1);
    assert_int_equal(tp_detail_class_of_size(TP_DETAIL_SMALL_MAX + 1), 0);
    assert_int_equal(tp_detail_class_of_size(SIZE_MAX), 0);
}

/* Words are enough for 24, 40 and 56 bytes; beyond, and where 16 are asked for, the others serve.
 */
static void collected_objects_have_odd_ones(void **state)
{
    (void)state;
    for (size_t size = 1; size <= TP_DETAIL_SMALL_MAX; size++) {
        size_t wanted = (size + 7) / 8 * 8;
        bool odd = wanted == 24 || wanted == 40 || wanted == 56;
        unsigned usual = tp_detail_class_of_size(size), c = tpi_collected_class(size, 8);
        assert_int_equal(tpi_collected_class(size, 16), usual);
        assert_int_equal(tpi_classes[c].bytes, odd ? wanted : tp_detail_class_bytes(usual));
    }
    assert_int_equal(tpi_collected_class(TP_DETAIL_SMALL_MAX + 1, 8), 0);
}

/* The smallest class that keeps the alignment in each slot; 0 where none does. */
static void collected_objects_are_aligned(void **state)
{
    (void)state;
    for (size_t align = 16; align <= TPI_PAGE_BYTES; align *= 2) {
        for (size_t size = 1; size <= TP_DETAIL_SMALL_MAX; size++) {
            unsigned c = tp_detail_class_of_size(size);
            while (c < TP_DETAIL_CLASSES && tp_detail_class_bytes(c) % align != 0)
                c++;
            assert_int_equal(tpi_collected_class(size, align), c % TP_DETAIL_CLASSES);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_follows_the_rule),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(reciprocal_divides_exactly),
        cmocka_unit_test(every_size_gets_the_smallest_class),
        cmocka_unit_test(collected_objects_have_odd_ones),
        cmocka_unit_test(collected_objects_are_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
