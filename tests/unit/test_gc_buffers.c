/* SPDX-License-Identifier: BSD-2-Clause */
/* Mark buffers that many threads hand on: each item is in one hand at a time, and who looks for
   grey objects sees that some came and went. */
#include <pthread.h>

#include "gc_help.h"

#include "gc/worklist.h"

enum { MARKERS = 4, ITEMS_EACH = 40000, STAMP_SHIFT = 32 };

static uint8_t seen[MARKERS][ITEMS_EACH];
static unsigned seen_count;

static void take_and_look(void)
{
    struct tpi_buffer *buffer = tpi_buffer_take();
    if (buffer == NULL)
        return;
    help_require(buffer->count > 0 && buffer->count <= TPI_BUFFER_ITEMS);
    for (uint32_t i = 0; i < buffer->count; i++) {
        uintptr_t item = buffer->items[i];
        uint8_t before =
            __atomic_fetch_add(&seen[item >> STAMP_SHIFT][(uint32_t)item], 1, __ATOMIC_SEQ_CST);
        help_require(before == 0);
    }
    __atomic_fetch_add(&seen_count, buffer->count, __ATOMIC_SEQ_CST);
    tpi_buffer_discard(&buffer);
}

static void *hand_on(void *argument)
{
    uintptr_t self = (uintptr_t)argument;
    struct help_random random = {self * 77 + 1};
    struct tpi_buffer *buffer = NULL;
    for (uintptr_t i = 0; i < ITEMS_EACH; i++) {
        if (buffer == NULL || buffer->count == TPI_BUFFER_ITEMS)
            help_require(tpi_buffer_make_room(&buffer));
        buffer->items[buffer->count++] = self << STAMP_SHIFT | i;
        if (help_below(&random, 40) == 0)
            help_require(tpi_buffer_hand_over(&buffer));
        if (help_below(&random, 30) == 0)
            take_and_look();
    }
    (void)tpi_buffer_hand_over(&buffer);
    return NULL;
}

static void buffers_are_in_one_hand_at_a_time(void **state)
{
    pthread_t threads[MARKERS];
    uint64_t version;
    (void)state;
    tpi_mark_begin(TPI_MARK_ODD);
    for (uintptr_t i = 0; i < MARKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hand_on, (void *)i), 0);
    for (unsigned i = 0; i < MARKERS; i++)
        pthread_join(threads[i], NULL);
    while (!tpi_buffers_none(&version))
        take_and_look();
    assert_int_equal(seen_count, MARKERS * ITEMS_EACH);
    assert_true(tpi_found());
}

/* Who looks twice and finds none must see that there was one in between. */
static void the_version_tells_of_changes(void **state)
{
    uint64_t before, after;
    struct tpi_buffer *buffer = NULL;
    (void)state;
    tpi_mark_begin(TPI_MARK_ODD);
    assert_true(tpi_buffers_none(&before));
    assert_true(tpi_buffer_make_room(&buffer));
    buffer->items[buffer->count++] = 1;
    assert_true(tpi_buffer_hand_over(&buffer));
    buffer = tpi_buffer_take();
    assert_non_null(buffer);
    assert_int_equal(buffer->count, 1);
    assert_true(tpi_buffers_none(&after));
    assert_true(before != after);
    tpi_buffer_discard(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_are_in_one_hand_at_a_time),
        cmocka_unit_test(the_version_tells_of_changes),
    };
    return cmocka_run_group_tests_name("gc buffers", tests, NULL, NULL);
}
