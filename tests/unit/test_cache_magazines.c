/* SPDX-License-Identifier: BSD-2-Clause */
/* Magazines by number, the lock-free stacks of them, and the chunks that they come from. */
#include "cache_help.h"

enum { MAGAZINES = 200, THREADS = 4, MOVES = 30000 };

static struct tpi_magazine *get(uint32_t capacity)
{
    struct tpi_magazine *magazine;
    while ((magazine = tpi_magazine_new(capacity)) == NULL)
        assert_true(tpi_magazine_stock(capacity));
    return magazine;
}

static void each_capacity_gets_the_smallest_size(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity <= TPI_MAGAZINE_MAX; capacity++) {
        struct tpi_magazine *magazine = get(capacity);
        uint32_t size = capacity <= 6 ? 6 : capacity <= 14 ? 14 : capacity <= 30 ? 30 : 62;
        assert_int_equal(magazine->capacity, size);
        assert_int_equal(magazine->count, 0);
        assert_ptr_equal(tpi_magazine_at(magazine->number), magazine);
        assert_int_equal((uintptr_t)magazine % TPI_GRANULE, 0);
        tpi_magazine_free(magazine);
    }
}

/* They do not overlap: each slot of each keeps what was stored there. */
static void magazines_are_apart(void **state)
{
    static struct tpi_magazine *all[4 * MAGAZINES];
    (void)state;
    for (uintptr_t i = 0; i < 4 * MAGAZINES; i++) {
        all[i] = get(6u << i % 4);
        for (uint32_t slot = 0; slot < all[i]->capacity; slot++)
            all[i]->slots[slot] = (void *)(i << 8 | slot);
    }
    for (uintptr_t i = 0; i < 4 * MAGAZINES; i++) {
        assert_ptr_equal(tpi_magazine_at(all[i]->number), all[i]);
        for (uint32_t slot = 0; slot < all[i]->capacity; slot++)
            assert_ptr_equal(all[i]->slots[slot], (void *)(i << 8 | slot));
        tpi_magazine_free(all[i]);
    }
}

static void a_stack_is_last_in_first_out(void **state)
{
    struct tpi_stack stack = {0}, other = {0};
    struct tpi_magazine *magazines[5];
    uint32_t lost = 0;
    (void)state;
    assert_null(tpi_stack_pop(&stack, &lost));
    assert_int_equal(tpi_stack_take_all(&stack), 0);
    for (int i = 0; i < 5; i++) {
        magazines[i] = get(6);
        assert_int_equal(tpi_stack_push(&stack, magazines[i]), 0);
    }
    assert_ptr_equal(tpi_stack_pop(&stack, &lost), magazines[4]);
    uint32_t chain = tpi_stack_take_all(&stack);
    assert_null(tpi_stack_pop(&stack, &lost));
    for (int i = 3; i >= 0; i--) {
        assert_ptr_equal(tpi_magazine_at(chain), magazines[i]);
        chain = magazines[i]->next;
    }
    assert_int_equal(chain, 0);
    tpi_stack_put_all(&other, 0);
    assert_null(tpi_stack_pop(&other, &lost));
    tpi_stack_put_all(&other, magazines[3]->number); /* into an empty one: as it is */
    assert_ptr_equal(tpi_stack_pop(&other, &lost), magazines[3]);
    tpi_stack_push(&stack, magazines[4]);
    tpi_stack_put_all(&stack, tpi_stack_take_all(&other)); /* onto another: one by one */
    for (int i = 0; i < 4; i++)
        assert_non_null(tpi_stack_pop(&stack, &lost));
    assert_null(tpi_stack_pop(&stack, &lost));
    assert_int_equal(lost, 0);
    for (int i = 0; i < 5; i++)
        tpi_magazine_free(magazines[i]);
}

/* Overtaken between its load and its exchange, with the same magazine on top again, a pop fails. */
static void the_same_top_is_another_head(void **state)
{
    struct tpi_stack stack = {0};
    struct tpi_magazine *a = get(6), *b = get(6);
    uint32_t lost = 0;
    (void)state;
    tpi_stack_push(&stack, b);
    tpi_stack_push(&stack, a);
    uint64_t seen = stack.head;
    assert_ptr_equal(tpi_stack_pop(&stack, &lost), a);
    assert_ptr_equal(tpi_stack_pop(&stack, &lost), b);
    tpi_stack_push(&stack, a);
    assert_int_equal((uint32_t)stack.head, (uint32_t)seen);
    assert_true(stack.head != seen);
    uint64_t tag = stack.head >> 32;
    tpi_stack_put_all(&stack, tpi_stack_take_all(&stack));
    assert_int_equal(stack.head >> 32, tag + 2);
    tpi_magazine_free(tpi_stack_pop(&stack, &lost));
    tpi_magazine_free(b);
}

/* --- many threads: a magazine is in one hand, while free ones are released beside --- */

static struct tpi_stack shared[2];
static uint64_t stop;

static void own(struct tpi_magazine *magazine, uint32_t who)
{
    uint64_t nobody = 0;
    help_require(tpi_cas_acq_rel_64((uint64_t *)(void *)&magazine->slots[0], &nobody, who));
}

static void disown(struct tpi_magazine *magazine, uint32_t who)
{
    uint64_t me = who;
    help_require(tpi_cas_acq_rel_64((uint64_t *)(void *)&magazine->slots[0], &me, 0));
}

static void move_one(struct help_random *random, uint32_t who)
{
    uint32_t lost = 0, capacity = 6u << help_below(random, 4);
    struct tpi_stack *from = &shared[help_below(random, 2)], *to = &shared[help_below(random, 2)];
    struct tpi_magazine *magazine = tpi_stack_pop(from, &lost);
    if (magazine == NULL) {
        while ((magazine = tpi_magazine_new(capacity)) == NULL)
            help_require(tpi_magazine_stock(capacity));
        magazine->slots[0] = NULL;
    }
    own(magazine, who);
    magazine->count = who; /* a plain word that goes with it */
    disown(magazine, who);
    if (help_below(random, 3) == 0)
        tpi_magazine_free(magazine);
    else
        tpi_stack_push(to, magazine);
}

static void *move_many(void *argument)
{
    uint32_t who = (uint32_t)(uintptr_t)argument;
    struct help_random random = {who * UINT64_C(0x9e3779b97f4a7c15) | 1};
    for (int i = 0; i < MOVES; i++) {
        if (help_below(&random, 64) == 0)
            tpi_stack_put_all(&shared[0], tpi_stack_take_all(&shared[1]));
        move_one(&random, who);
    }
    return NULL;
}

static void *release_all_the_time(void *argument)
{
    (void)argument;
    while (tpi_load_relaxed_64(&stop) == 0)
        tpi_magazines_release();
    return NULL;
}

static void a_magazine_is_in_one_hand(void **state)
{
    pthread_t threads[THREADS], releaser;
    uint32_t lost = 0;
    (void)state;
    pthread_create(&releaser, NULL, release_all_the_time, NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, move_many, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tpi_store_relaxed_64(&stop, 1);
    pthread_join(releaser, NULL);
    for (int i = 0; i < 2; i++)
        for (struct tpi_magazine *m; (m = tpi_stack_pop(&shared[i], &lost)) != NULL;)
            tpi_magazine_free(m);
}

/* --- chunks --- */

static void chunks_that_are_free_as_a_whole_are_released(void **state)
{
    static struct tpi_magazine *held[9000]; /* three chunks and more of the smallest */
    enum { CHUNK_BYTES = TPI_CHUNK_GRANULES * TPI_GRANULE };
    (void)state;
    tpi_magazines_release();
    uint64_t before = tpi_magazine_bytes();
    for (size_t i = 0; i < 9000; i++) {
        held[i] = get(6);
        held[i]->slots[5] = held[i];
    }
    assert_true(tpi_magazine_bytes() >= before + 2 * CHUNK_BYTES);
    uint32_t kept = held[0]->number;
    tpi_magazines_release();
    for (size_t i = 0; i < 9000; i++)
        assert_ptr_equal(held[i]->slots[5], held[i]);
    for (size_t i = 1; i < 9000; i++)
        tpi_magazine_free(held[i]);
    tpi_magazines_release();
    tpi_magazines_release(); /* the few that were pushed back at once are looked at again */
    assert_true(tpi_magazine_bytes() <= before + 2 * CHUNK_BYTES);
    assert_ptr_equal(tpi_magazine_at(kept), held[0]);
    assert_ptr_equal(held[0]->slots[5], held[0]);
    tpi_magazine_free(held[0]);
    for (size_t i = 0; i < 9000; i++) { /* numbers and memory are used again */
        held[i] = get(6);
        assert_int_equal(held[i]->capacity, 6);
        assert_ptr_equal(tpi_magazine_at(held[i]->number), held[i]);
    }
    for (size_t i = 0; i < 9000; i++)
        tpi_magazine_free(held[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_capacity_gets_the_smallest_size),
        cmocka_unit_test(magazines_are_apart),
        cmocka_unit_test(a_stack_is_last_in_first_out),
        cmocka_unit_test(the_same_top_is_another_head),
        cmocka_unit_test(a_magazine_is_in_one_hand),
        cmocka_unit_test(chunks_that_are_free_as_a_whole_are_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
