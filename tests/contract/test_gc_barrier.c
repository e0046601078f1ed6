/* SPDX-License-Identifier: BSD-2-Clause */
/* Stores into the collected heap: what they do to the slots, and that nothing is lost when pointers
   go round, by each kind of store, while another thread collects without pause. */
#include "gc_beside.h"

enum { SLOTS = 20000, BLOCK = 512 };

/* --- what they do --- */

static void stores_take_their_value(void **state)
{
    (void)state;
    struct gc_node *a = gc_node_make(1), *b = gc_node_make(2), *c = gc_node_make(3);
    tp_gc_store(&a->next, b);
    assert_ptr_equal(a->next, b);
    assert_true(tp_gc_cas(&a->next, b, c));
    assert_ptr_equal(a->next, c);
    assert_false(tp_gc_cas(&a->next, b, a));
    assert_ptr_equal(a->next, c);
    assert_ptr_equal(tp_gc_exchange(&a->next, b), c);
    assert_ptr_equal(a->next, b);
    assert_ptr_equal(tp_gc_exchange(&a->next, NULL), b);
    assert_true(tp_gc_cas(&a->next, NULL, c));
    tp_gc_store(&a->next, NULL);
    assert_null(a->next);
}

/* The first store of a thread goes out of line; so do those of a cycle. */
static __thread struct gc_node *of_thread, *many_of_thread[100];

static void *store_thread_local(void *node)
{
    tp_gc_store(&of_thread, (struct gc_node *)node);
    tp_gc_thread_detach();
    for (size_t i = 0; i < 100; i++) {
        tp_gc_store(&many_of_thread[i], (struct gc_node *)node);
        tp_gc_thread_detach();
    }
    bool right = of_thread == node;
    for (size_t i = 0; i < 100; i++)
        right = right && many_of_thread[i] == node;
    return right ? node : NULL;
}

static void slots_may_be_thread_local(void **state)
{
    (void)state;
    struct gc_node *node = tp_gc_pin(gc_node_make(1));
    assert_ptr_equal(gc_join_result(support_thread(store_thread_local, node)), node);
    tp_gc_unpin(node);
}

static void arguments_are_evaluated_once(void **state)
{
    (void)state;
    struct gc_node *nodes[4], *values[4];
    for (size_t i = 0; i < 4; i++) {
        nodes[i] = gc_node_make(i);
        values[i] = gc_node_make(10 + i);
    }
    struct gc_node **node = nodes, **value = values;
    tp_gc_store(&(*node++)->next, *value++);
    assert_true(node == nodes + 1 && value == values + 1);
    assert_ptr_equal(tp_gc_exchange(&(*node++)->next, *value++), NULL);
    assert_true(tp_gc_cas(&(*node++)->next, NULL, *value++));
    assert_true(node == nodes + 3 && value == values + 3);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(nodes[i]->next, values[i]);
}

/* Against memmove, forwards and backwards, apart and overlapping, of words and of less. */
static void check_move(size_t to, size_t from, size_t bytes)
{
    static unsigned char ours[4096], theirs[4096];
    for (size_t i = 0; i < sizeof ours; i++)
        ours[i] = theirs[i] = (unsigned char)(i * 7 + (i >> 8));
    tp_gc_move(ours + to, ours + from, bytes);
    memmove(theirs + to, theirs + from, bytes);
    assert_memory_equal(ours, theirs, sizeof ours);
}

static void moves_are_as_memmove(void **state)
{
    static const size_t places[] = {0, 1, 7, 8, 16, 24, 100, 104, 1024};
    static const size_t sizes[] = {0, 1, 7, 8, 9, 16, 24, 64, 100, 800, 1024, 2048};
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(places); i++)
        for (size_t j = 0; j < SUPPORT_COUNT(places); j++)
            for (size_t k = 0; k < SUPPORT_COUNT(sizes); k++)
                check_move(places[i], places[j], sizes[k]);
}

/* Longer than what is moved between two polls. */
static void long_moves_are_as_memmove(void **state)
{
    enum { WORDS = 100000 };
    static const size_t shifts[] = {1, 3, 8191, 8192, 8193, 30000};
    (void)state;
    uint64_t *ours = malloc(2 * WORDS * sizeof *ours), *theirs = malloc(2 * WORDS * sizeof *ours);
    assert_true(ours != NULL && theirs != NULL);
    for (size_t i = 0; i < SUPPORT_COUNT(shifts) * 2; i++) {
        size_t to = i % 2 == 0 ? shifts[i / 2] : 0, from = i % 2 == 0 ? 0 : shifts[i / 2];
        for (size_t k = 0; k < 2 * WORDS; k++)
            ours[k] = theirs[k] = k * 2654435761u;
        tp_gc_move(ours + to, ours + from, WORDS);
        memmove(theirs + to, theirs + from, WORDS * sizeof *ours);
        assert_memory_equal(ours, theirs, 2 * WORDS * sizeof *ours);
    }
    free(ours);
    free(theirs);
}

/* --- nothing is lost --- */

/* Each of these moves pointers that nothing else leads to. */

static void swap_by_stores(struct gc_node **slots)
{
    size_t i = gc_below(SLOTS), j = gc_below(SLOTS);
    struct gc_node *a = slots[i], *b = slots[j];
    tp_gc_store(&slots[i], b);
    tp_gc_store(&slots[j], a);
}

static void swap_by_exchanges(struct gc_node **slots)
{
    size_t i = gc_below(SLOTS), j = gc_below(SLOTS);
    struct gc_node *a = tp_gc_exchange(&slots[i], NULL);
    struct gc_node *b = tp_gc_exchange(&slots[j], a);
    if (i != j)
        tp_gc_store(&slots[i], b);
}

static void swap_by_cas(struct gc_node **slots)
{
    size_t i = gc_below(SLOTS), j = gc_below(SLOTS);
    struct gc_node *a = slots[i], *b = slots[j];
    if (!tp_gc_cas(&slots[i], a, b) || (i != j && !tp_gc_cas(&slots[j], b, a)))
        abort();
}

static void rotate(struct gc_node **slots)
{
    size_t i = gc_below(SLOTS - BLOCK);
    struct gc_node *first = slots[i], *last = slots[i + BLOCK - 1];
    if (i % 2 == 0) {
        tp_gc_move(&slots[i], &slots[i + 1], BLOCK - 1);
        tp_gc_store(&slots[i + BLOCK - 1], first);
    } else {
        tp_gc_move(&slots[i + 1], &slots[i], BLOCK - 1);
        tp_gc_store(&slots[i], last);
    }
}

static void swap_by_moves(struct gc_node **slots)
{
    static struct gc_node **between; /* pinned */
    size_t i = gc_below(SLOTS / BLOCK) * BLOCK, j = gc_below(SLOTS / BLOCK) * BLOCK;
    if (between == NULL)
        between = tp_gc_pin(tp_gc_alloc_conservative(BLOCK * sizeof *between));
    tp_gc_move(between, &slots[i], BLOCK);
    tp_gc_move(&slots[i], &slots[j], BLOCK);
    tp_gc_move(&slots[j], between, BLOCK);
    rotate(slots);
}

static void shuffle_in_an_edit(struct gc_node **slots)
{
    tp_gc_edit_begin(slots);
    for (size_t n = 0; n < 100; n++) {
        size_t i = gc_below(SLOTS), j = gc_below(SLOTS);
        struct gc_node *volatile *volatile_slots = slots;
        struct gc_node *a = volatile_slots[i];
        volatile_slots[i] = volatile_slots[j];
        volatile_slots[j] = a;
    }
    tp_gc_edit_end(slots);
}

/* Of pointers into objects of their own: the object that is left behind becomes garbage. */
static void copy_a_node(struct gc_node **slots)
{
    size_t i = gc_below(SLOTS);
    struct gc_node *copy = gc_node_make(slots[i]->value);
    tp_gc_store(&copy->next, slots[i]->next);
    tp_gc_store(&slots[i], copy);
}

/* Pointers go from one object's field to another's. */
static void swap_seconds(struct gc_node **slots)
{
    struct gc_node *a = slots[gc_below(SLOTS)], *b = slots[gc_below(SLOTS)];
    struct gc_node *second = tp_gc_exchange(&a->next, b->next);
    tp_gc_store(&b->next, second);
}

static void check_all_are_there(struct gc_node **slots)
{
    static unsigned char firsts[SLOTS], seconds[SLOTS];
    memset(firsts, 0, sizeof firsts);
    memset(seconds, 0, sizeof seconds);
    for (size_t i = 0; i < SLOTS; i++) {
        assert_true(gc_node_is_whole(slots[i]));
        assert_true(gc_node_is_whole(slots[i]->next));
        assert_true(slots[i]->value < SLOTS && slots[i]->next->value < SLOTS);
        assert_int_equal(firsts[slots[i]->value]++, 0);
        assert_int_equal(seconds[slots[i]->next->value]++, 0);
    }
}

struct round {
    void (*step)(struct gc_node **slots);
    struct gc_node **slots;
};

static void step_often(void *context)
{
    const struct round *round = context;
    for (int i = 0; i < 100; i++)
        round->step(round->slots);
    tp_gc_safepoint(); /* a store answers only while the barrier is on */
}

static void go_round(void (*step)(struct gc_node **slots))
{
    struct gc_node **slots = tp_gc_pin(tp_gc_alloc_conservative(SLOTS * sizeof *slots));
    assert_non_null(slots);
    for (size_t i = 0; i < SLOTS; i++) {
        tp_gc_store(&slots[i], gc_node_make(i));
        tp_gc_store(&slots[i]->next, gc_node_make(i));
    }
    beside_cycles(0, step_often, &(struct round){step, slots});
    check_all_are_there(slots);
    tp_gc_collect();
    check_all_are_there(slots);
    tp_gc_unpin(slots);
}

static void nothing_is_lost_by_stores(void **state)
{
    (void)state;
    go_round(swap_by_stores);
}

static void nothing_is_lost_by_exchanges(void **state)
{
    (void)state;
    go_round(swap_by_exchanges);
}

static void nothing_is_lost_by_cas(void **state)
{
    (void)state;
    go_round(swap_by_cas);
}

static void nothing_is_lost_by_moves(void **state)
{
    (void)state;
    go_round(swap_by_moves);
}

static void nothing_is_lost_by_edits(void **state)
{
    (void)state;
    go_round(shuffle_in_an_edit);
}

static void nothing_is_lost_by_copies(void **state)
{
    (void)state;
    go_round(copy_a_node);
}

static void nothing_is_lost_between_objects(void **state)
{
    (void)state;
    go_round(swap_seconds);
}

/* --- edits --- */

static void edits_nest(void **state)
{
    struct gc_node *nodes[8];
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        nodes[i] = gc_node_make(i);
        tp_gc_edit_begin(nodes[i]);
    }
    for (size_t i = 0; i < 8; i++)
        tp_gc_edit_end(nodes[i * 3 % 8]);
    tp_gc_edit_begin(nodes[0]);
    tp_gc_edit_begin(nodes[0]);
    tp_gc_edit_end(nodes[0]);
    tp_gc_edit_end(nodes[0]);
}

static int too_many_edits(void)
{
    for (int i = 0; i < 9; i++)
        tp_gc_edit_begin(gc_node_make(1));
    return 0;
}

static int an_edit_that_never_began(void)
{
    struct gc_node *a = gc_node_make(1), *b = gc_node_make(2);
    tp_gc_edit_begin(a);
    tp_gc_edit_end(b);
    return 0;
}

static void wrong_edits_abort(void **state)
{
    (void)state;
    support_aborts("too many edits", NULL, "tp_gc_edit_begin", "8 objects");
    support_aborts("no edit", NULL, "tp_gc_edit_end", "not being edited");
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {
        {"too many edits", too_many_edits},
        {"no edit", an_edit_that_never_began},
        {NULL, NULL},
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_take_their_value),
        cmocka_unit_test(slots_may_be_thread_local),
        cmocka_unit_test(arguments_are_evaluated_once),
        cmocka_unit_test(moves_are_as_memmove),
        cmocka_unit_test(long_moves_are_as_memmove),
        cmocka_unit_test(nothing_is_lost_by_stores),
        cmocka_unit_test(nothing_is_lost_by_exchanges),
        cmocka_unit_test(nothing_is_lost_by_cas),
        cmocka_unit_test(nothing_is_lost_by_moves),
        cmocka_unit_test(nothing_is_lost_by_edits),
        cmocka_unit_test(nothing_is_lost_by_copies),
        cmocka_unit_test(nothing_is_lost_between_objects),
        cmocka_unit_test(edits_nest),
        cmocka_unit_test(wrong_edits_abort),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("gc barrier", tests, gc_modes);
}
