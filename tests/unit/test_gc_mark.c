/* SPDX-License-Identifier: BSD-2-Clause */
/* Marking: what is found from a word, which fields are followed, large objects in pieces, several
   markers at once, and no memory for buffers.

   Linked with -Wl,--wrap for tpi_os_map. Cycles by hand: objects are allocated white, begin() makes
   a colour that nothing has. */
#include <pthread.h>

#include "gc_help.h"

#include "gc/worklist.h"

void *__real_tpi_os_map(size_t bytes);
void *__wrap_tpi_os_map(size_t bytes);

static bool refuse_maps;

void *__wrap_tpi_os_map(size_t bytes)
{
    return refuse_maps ? NULL : __real_tpi_os_map(bytes);
}

struct knot {
    struct knot *left;
    uintptr_t hidden; /* holds a pointer, and is not named */
    struct knot *right;
};
TP_GC_TYPE(knot_type, struct knot, left, right);

struct row {
    size_t n;
    struct knot *first;
    struct {
        struct knot *node;
        uintptr_t number;
    } cells[];
};
TP_GC_TYPE(row_type, struct row, first, cells);

static struct knot *make_knot(void)
{
    struct knot *node = tp_gc_alloc(&knot_type);
    assert_non_null(node);
    return node;
}

static bool marked(const void *object)
{
    return tpi_object_is_marked(object);
}

static void begin(void)
{
    tpi_mark_begin(tpi_mark_color == TPI_MARK_ODD ? TPI_MARK_EVEN : TPI_MARK_ODD);
    assert_false(tpi_found());
}

static bool shade_one(const void *word, bool exact)
{
    struct tpi_buffer *buffer = NULL;
    bool white = tpi_shade(&buffer, (uintptr_t)word, exact);
    (void)tpi_buffer_hand_over(&buffer);
    return white;
}

static void mark_from(const void *object)
{
    assert_true(shade_one(object, false));
    tpi_mark_drain();
}

/* --- from a word to an object --- */

static void any_address_in_an_object_counts(void **state)
{
    (void)state;
    struct knot *node = make_knot();
    begin();
    assert_false(marked(node));
    assert_true(shade_one((char *)node + sizeof *node - 1, false));
    assert_true(marked(node));
    assert_true(tpi_found());
    assert_false(shade_one(node, false));
    assert_int_equal(tpi_marked_bytes(), sizeof *node);
    tpi_mark_drain();

    char *large = tp_gc_alloc_leaf(200000);
    begin();
    assert_true(shade_one(large + 199999, false));
    assert_true(marked(large) && marked(large + 100000));
}

static void what_is_no_object_is_left_alone(void **state)
{
    (void)state;
    void *plain = tp_heap_alloc(64), *plain_large = tp_heap_alloc(100000);
    struct node *node = node_new();
    const struct tpi_span *span = tpi_span_of((uintptr_t)node);
    uintptr_t behind = span->base + span->slots * sizeof *node;
    assert_true(behind < span->base + span->pages * TPI_PAGE_BYTES);
    uintptr_t words[] = {0,
                         8,
                         UINTPTR_MAX,
                         (uintptr_t)node | UINT64_C(1) << 60,
                         (uintptr_t)plain,
                         (uintptr_t)plain_large + 50000,
                         (uintptr_t)span,
                         (uintptr_t)&words,
                         behind,
                         behind + 8};
    begin();
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_false(shade_one((void *)words[i], false));
    assert_int_equal(tpi_marked_bytes(), 0);
    assert_false(tpi_found());
    tp_heap_free(plain);
    tp_heap_free(plain_large);
}

/* A slot that nobody was given: a word that happens to look like its address must not mark it, or
   who takes it white would find it marked. */
static void a_free_slot_is_not_hit(void **state)
{
    (void)state;
    struct tpi_span *span = tpi_collected_span_new(5, tpi_layout_numbered(tpi_layout_leaf(5)));
    assert_non_null(span);
    begin();
    assert_false(shade_one((void *)(span->base + 80), false));
    tpi_bit_set(span->alloc_bits, 1);
    assert_true(shade_one((void *)(span->base + 80), false));
    assert_false(shade_one((void *)(span->base + 160), false));
    assert_false(tpi_found()); /* a leaf is black at once */
    span->alloc_bits[0] = 0;
    span->alloc_bits[1] = 0;
}

/* --- fields --- */

static void only_named_fields_are_followed(void **state)
{
    (void)state;
    struct knot *top = make_knot(), *left = make_knot(), *right = make_knot(), *far = make_knot(),
                *other = make_knot();
    tp_gc_store(&top->left, left);
    tp_gc_store(&top->right, right);
    top->hidden = (uintptr_t)other;
    tp_gc_store(&right->left, far);
    tp_gc_store(&far->right, top);
    begin();
    mark_from(top);
    assert_true(marked(left) && marked(right) && marked(far));
    assert_false(marked(other));
    assert_int_equal(tpi_marked_bytes(), 4 * sizeof *top);
}

static void each_element_of_an_array_is_read(void **state)
{
    enum { N = 100 };
    (void)state;
    struct knot *array = tp_gc_alloc_array(&knot_type, N), *targets[N], *hidden = make_knot();
    for (size_t i = 0; i < N; i++) {
        targets[i] = make_knot();
        array[i].hidden = (uintptr_t)hidden;
        tp_gc_store(i % 2 == 0 ? &array[i].left : &array[i].right, targets[i]);
    }
    begin();
    mark_from(array);
    for (size_t i = 0; i < N; i++)
        assert_true(marked(targets[i]));
    assert_false(marked(hidden));
}

static void a_flexible_tail_is_read_to_its_end(void **state)
{
    enum { N = 33 };
    (void)state;
    struct row *row = tp_gc_alloc_flex(&row_type, N);
    struct knot *first = make_knot(), *targets[N], *in_head = make_knot();
    row->n = (uintptr_t)in_head;
    tp_gc_store(&row->first, first);
    for (size_t i = 0; i < N; i++) {
        targets[i] = make_knot();
        tp_gc_store(&row->cells[i].node, targets[i]);
    }
    begin();
    mark_from(row);
    assert_true(marked(first));
    for (size_t i = 0; i < N; i++)
        assert_true(marked(targets[i]));
    assert_false(marked(in_head));
}

static void leaf_objects_are_not_read(void **state)
{
    (void)state;
    struct knot *node = make_knot();
    void **leaf = tp_gc_alloc_leaf(64), **any = tp_gc_alloc_conservative(64);
    leaf[3] = node;
    begin();
    assert_true(shade_one(leaf, false));
    tpi_mark_drain();
    assert_false(marked(node));
    any[7] = (char *)node + 5;
    begin();
    mark_from(any);
    assert_true(marked(node));
}

static void shading_fields_reads_them_now(void **state)
{
    (void)state;
    struct tpi_buffer *buffer = NULL;
    struct knot *top = make_knot(), *left = make_knot(), *far = make_knot();
    tp_gc_store(&left->left, far);
    tp_gc_store(&top->left, left);
    begin();
    tpi_shade_fields(&buffer, top);
    assert_false(marked(top) || marked(far));
    assert_true(marked(left));
    assert_true(tpi_buffer_hand_over(&buffer));
    assert_false(tpi_buffer_hand_over(&buffer));
    tpi_mark_drain();
    assert_true(marked(far));
}

static void words_of_a_range_are_aligned_and_whole(void **state)
{
    (void)state;
    struct tpi_buffer *buffer = NULL;
    struct knot *nodes[4];
    char bytes[40] TPI_ALIGNED(8) = {0};
    for (size_t i = 0; i < 4; i++) {
        nodes[i] = make_knot();
        memcpy(bytes + 8 * i, &nodes[i], 8);
    }
    begin();
    assert_int_equal(tpi_shade_words(&buffer, (uintptr_t)bytes + 1, (uintptr_t)bytes + 31), 2);
    assert_true(marked(nodes[1]) && marked(nodes[2]));
    assert_false(marked(nodes[0]) || marked(nodes[3]));
    (void)tpi_buffer_hand_over(&buffer);
}

/* --- large objects --- */

/* Each word leads to a node, the last of which leads back: pieces are scanned one by one, and what
   they lead to in between. */
static void large_objects_are_read_in_pieces(void **state)
{
    (void)state;
    enum { N = (1 << 20) / 8 + 3 };
    struct knot **array = tp_gc_alloc_conservative(N * sizeof *array), *last = make_knot();
    for (size_t i = 0; i < N; i++) {
        array[i] = make_knot();
        tp_gc_store(&array[i]->left, i == 0 ? last : array[i - 1]);
    }
    begin();
    mark_from(array);
    assert_true(marked(array) && marked(last));
    for (size_t i = 0; i < N; i++)
        assert_true(marked(array[i]));
    assert_int_equal(tpi_marked_bytes(),
                     (N + 1) * sizeof *last + tpi_align_up(N * sizeof *array, TPI_PAGE_BYTES));
}

/* Who assists is held up by what it asked for, and by no larger piece. */
static void a_piece_is_no_more_than_what_is_asked_for(void **state)
{
    (void)state;
    enum { N = 100000, BYTES = 4096 };
    struct knot **array = tp_gc_alloc_conservative(N * sizeof *array);
    for (size_t i = 0; i < N; i++)
        array[i] = make_knot();
    begin();
    assert_true(shade_one(array, false));
    uint64_t before = tpi_marked_bytes();
    assert_true(tpi_mark_some(BYTES) >= BYTES);
    assert_true(tpi_marked_bytes() > before);
    assert_true(tpi_marked_bytes() - before <= 2 * BYTES / 8 * sizeof(struct knot));
    tpi_mark_drain();
    for (size_t i = 0; i < N; i++)
        assert_true(marked(array[i]));
}

static void a_typed_array_crosses_pieces(void **state)
{
    (void)state;
    enum { N = 40000 }; /* 24 bytes each: pieces begin within an element */
    struct knot *array = tp_gc_alloc_array(&knot_type, N), *hidden = make_knot();
    for (size_t i = 0; i < N; i++) {
        array[i].hidden = (uintptr_t)hidden;
        tp_gc_store(&array[i].right, make_knot());
    }
    begin();
    mark_from(array);
    for (size_t i = 0; i < N; i++)
        assert_true(marked(array[i].right));
    assert_false(marked(hidden));
}

/* --- several markers --- */

enum { GRAPH = 60000, MARKERS = 4 };

static struct knot *graph[GRAPH];
static unsigned marking;

static void make_graph(struct help_random *random)
{
    for (size_t i = 0; i < GRAPH; i++)
        graph[i] = make_knot();
    for (size_t i = 0; i < GRAPH; i++) { /* all are reachable from the first */
        if (2 * i + 1 < GRAPH)
            tp_gc_store(&graph[i]->left, graph[2 * i + 1]);
        if (2 * i + 2 < GRAPH)
            tp_gc_store(&graph[i]->right, graph[2 * i + 2]);
        else
            tp_gc_store(&graph[i]->right, graph[help_below(random, GRAPH)]);
    }
}

static void check_graph(void)
{
    for (size_t i = 0; i < GRAPH; i++)
        assert_true(marked(graph[i]));
}

static void *assist(void *argument)
{
    (void)argument;
    while (__atomic_load_n(&marking, __ATOMIC_SEQ_CST) != 0)
        (void)tpi_mark_some(2000);
    return NULL;
}

static void many_mark_and_the_drain_waits_for_all(void **state)
{
    enum { CYCLES = 30 };
    struct help_random random = help_seed("many_mark_and_the_drain_waits_for_all");
    pthread_t threads[MARKERS];
    (void)state;
    make_graph(&random);
    tpi_workers_start(2);
    __atomic_store_n(&marking, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < MARKERS - 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, assist, NULL), 0);
    for (unsigned cycle = 0; cycle < CYCLES; cycle++) {
        begin();
        mark_from(graph[0]);
        check_graph();
    }
    __atomic_store_n(&marking, 0, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < MARKERS - 2; i++)
        pthread_join(threads[i], NULL);
}

/* --- no memory for buffers --- */

enum { HELD_MAX = 4096 };

static struct tpi_buffer *held[HELD_MAX];
static size_t held_count;

/* All that there are but `left`. */
static void hold_buffers(size_t left)
{
    refuse_maps = true;
    while (held_count < HELD_MAX && (held[held_count] = tpi_buffer_new()) != NULL)
        held_count++;
    assert_true(held_count < HELD_MAX);
    for (size_t i = 0; i < left; i++)
        tpi_buffer_discard(&held[--held_count]);
}

static void let_buffers_go(void)
{
    refuse_maps = false;
    while (held_count > 0)
        tpi_buffer_discard(&held[--held_count]);
}

static void marking_needs_no_memory(void **state)
{
    struct help_random random = help_seed("marking_needs_no_memory");
    (void)state;
    make_graph(&random);
    struct knot **array = tp_gc_alloc_conservative(GRAPH * sizeof *array), *beyond = make_knot();
    for (size_t i = 0; i < GRAPH; i++)
        tp_gc_store(&array[i], graph[i]);
    tp_gc_store(&array[GRAPH - 1], beyond);
    for (size_t left = 0; left < 4; left++) {
        begin();
        hold_buffers(left);
        assert_true(shade_one(array, false));
        assert_true(tpi_found());
        tpi_mark_drain();
        check_graph();
        assert_true(marked(array) && marked(beyond));
        let_buffers_go();
    }
}

static void a_leaf_without_a_buffer_is_black(void **state)
{
    (void)state;
    char *leaf = tp_gc_alloc_leaf(64);
    begin();
    hold_buffers(0);
    assert_true(shade_one(leaf, false));
    assert_true(marked(leaf));
    assert_false(tpi_found());
    assert_int_equal(tpi_marked_bytes(), 64);
    let_buffers_go();
}

static void what_is_stale_is_forgotten(void **state)
{
    uint64_t version;
    (void)state;
    struct knot *node = make_knot();
    begin();
    assert_true(shade_one(node, false));
    assert_false(tpi_buffers_none(&version));
    begin();
    assert_true(tpi_buffers_none(&version));
    assert_int_equal(tpi_marked_bytes(), 0);
    assert_false(marked(node));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_address_in_an_object_counts),
        cmocka_unit_test(what_is_no_object_is_left_alone),
        cmocka_unit_test(a_free_slot_is_not_hit),
        cmocka_unit_test(only_named_fields_are_followed),
        cmocka_unit_test(each_element_of_an_array_is_read),
        cmocka_unit_test(a_flexible_tail_is_read_to_its_end),
        cmocka_unit_test(leaf_objects_are_not_read),
        cmocka_unit_test(shading_fields_reads_them_now),
        cmocka_unit_test(words_of_a_range_are_aligned_and_whole),
        cmocka_unit_test(large_objects_are_read_in_pieces),
        cmocka_unit_test(a_piece_is_no_more_than_what_is_asked_for),
        cmocka_unit_test(a_typed_array_crosses_pieces),
        cmocka_unit_test(many_mark_and_the_drain_waits_for_all),
        cmocka_unit_test(a_leaf_without_a_buffer_is_black),
        cmocka_unit_test(marking_needs_no_memory),
        cmocka_unit_test(what_is_stale_is_forgotten),
    };
    tp_gc_percent_set(-1);
    return cmocka_run_group_tests_name("gc mark", tests, NULL, NULL);
}
