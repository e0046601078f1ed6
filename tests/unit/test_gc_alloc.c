/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs, spans, sweeping and large objects, with cycles made by hand: the test says what is marked.

   Growth and time start no cycle here; the real ones are left alone. */
#include "heap_help.h"

#include <pthread.h>

#include "gc/collector.h"

struct node {
    struct node *left, *right;
    long key[4];
};
TP_GC_TYPE(node_type, struct node, left, right);

enum { RUN_SLOTS = TPI_RUN_BYTES_MAX / sizeof(struct node) };
_Static_assert(sizeof(struct node) == 48, "a slot is as large as a node");

/* --- a cycle by hand --- */

static enum tpi_mark color = TPI_MARK_ODD;

/* As after BLACK: from now on marks of the other color count. */
static void black(void)
{
    color = color == TPI_MARK_ODD ? TPI_MARK_EVEN : TPI_MARK_ODD;
    tpi_mark_color = color;
    struct tpi_mutator *self = tpi_mutator_ensure();
    assert_non_null(self);
    self->color = color;
    tpi_runs_mark(self);
}

static void mark(const void *object)
{
    struct tpi_where where = tpi_heap_where(object);
    assert_true(where.allocated && where.start == object);
    size_t slot = where.size_class != 0 ? ((uintptr_t)object - where.span->base) / where.bytes : 0;
    where.span->marks[slot] = (uint8_t)color;
}

/* Up to the mutator's answer to OFF. */
static void off(void)
{
    tpi_sweep_begin();
    tpi_mutator_self->color = TPI_MARK_WHITE;
    tpi_mutator_self->epoch = tpi_modes.epoch = tpi_sweep_epoch();
}

/* All that is not marked goes. */
static void cycle(void *const *live, size_t n)
{
    black();
    for (size_t i = 0; i < n; i++)
        mark(live[i]);
    off();
    tpi_sweep_all();
}

static bool is_allocated(const void *object)
{
    struct tpi_where where = tpi_heap_where(object);
    return where.span != NULL && where.allocated;
}

static bool is_zero(const void *object, size_t bytes)
{
    const unsigned char *at = object;
    return at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0;
}

static struct node *node_new(void)
{
    struct node *node = tp_gc_alloc(&node_type);
    assert_non_null(node);
    assert_true(is_zero(node, sizeof *node));
    assert_true(is_allocated(node));
    return node;
}

/* Everything that was allocated before dies; what is left is one run and its span. */
static void clear(void)
{
    cycle(NULL, 0);
}

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
        assert_true(is_allocated((void *)at));
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
        clear();
        for (size_t i = 0; i < N && round == 0; i++)
            again += !is_allocated(nodes[i]);
    }
    assert_true(again > N - 2 * RUN_SLOTS);
}

/* --- sweeping --- */

static void white_objects_go_and_marked_ones_stay(void **state)
{
    (void)state;
    enum { N = 10000 };
    static void *nodes[N], *live[N];
    struct tpi_sweep_counts before, after;
    size_t kept = 0;
    clear();
    for (size_t i = 0; i < N; i++) {
        struct node *node = node_new();
        node->key[0] = (long)i;
        nodes[i] = node;
        if (i % 3 == 0)
            live[kept++] = node;
    }
    tpi_sweep_counts(&before);
    cycle(live, kept);
    tpi_sweep_counts(&after);
    for (size_t i = 0; i < N; i++) {
        const struct node *node = nodes[i];
        assert_int_equal(is_allocated(node), i % 3 == 0);
        assert_int_equal(node->key[0], i); /* nobody writes into what is free either */
    }
    assert_true(after.live_objects >= kept && after.live_objects < kept + 2 * RUN_SLOTS);
    assert_int_equal(after.live_bytes, after.live_objects * sizeof(struct node));
    assert_true(after.freed_objects - before.freed_objects >= N - kept);
    assert_true(after.freed_objects - before.freed_objects < N - kept + 2 * RUN_SLOTS);
    /* What is free between them is used again before the heap grows. */
    uint64_t in_use = tpi_heap_collected();
    for (size_t i = 0; i < N / 2; i++)
        ((struct node *)node_new())->key[0] = -1;
    assert_int_equal(tpi_heap_collected(), in_use);
    for (size_t i = 0; i < kept; i++)
        assert_int_equal(((struct node *)live[i])->key[0], 3 * i);
}

static void a_run_survives(void **state)
{
    (void)state;
    struct node *node = node_new();
    const struct tp_detail_gc_run *run = &tp_detail_gc_self.runs[(uint32_t)node_type.single];
    while (run->end - run->next < 10 * sizeof *node)
        node = node_new();
    uintptr_t next = run->next, end = run->end;
    for (int i = 0; i < 4; i++) {
        cycle(NULL, 0);
        assert_int_equal(run->next, next);
        assert_int_equal(run->end, end);
        assert_false(is_allocated(node));
        for (uintptr_t at = next; at < end; at += sizeof *node)
            assert_true(is_allocated((void *)at));
    }
    assert_ptr_equal(node_new(), (void *)next);
}

static void a_run_that_is_taken_while_marking_is_black(void **state)
{
    (void)state;
    enum { N = 3 * RUN_SLOTS };
    struct node *nodes[N];
    black();
    for (size_t i = 0; i < N; i++)
        nodes[i] = node_new();
    off();
    tpi_sweep_all();
    for (size_t i = 0; i < N; i++)
        assert_true(is_allocated(nodes[i]));
    cycle(NULL, 0);
    for (size_t i = 0; i < N; i++)
        assert_false(is_allocated(nodes[i]));
}

static void empty_spans_go_back(void **state)
{
    (void)state;
    clear();
    uint64_t before = tpi_heap_collected();
    for (size_t i = 0; i < 100000; i++)
        (void)node_new();
    assert_true(tpi_heap_collected() - before > 100000 * sizeof(struct node) / 2);
    clear();
    assert_true(tpi_heap_collected() <= before + 2 * TPI_PAGE_BYTES);
    help_check_heap();
}

/* What a mutator that sweeps by itself finds: the collecting thread has not come yet. */
static void spans_are_swept_by_who_wants_them(void **state)
{
    (void)state;
    enum { N = 20000 };
    static struct node *nodes[N];
    clear();
    for (size_t i = 0; i < N; i++)
        nodes[i] = node_new();
    uint64_t in_use = tpi_heap_collected();
    black();
    for (size_t i = 0; i < N; i += 50)
        mark(nodes[i]);
    off();
    for (size_t i = 0; i < N / 2; i++)
        (void)node_new();
    assert_int_equal(tpi_heap_collected(), in_use);
    for (size_t i = 0; i < N; i += 50)
        assert_true(is_allocated(nodes[i]));
    tpi_sweep_all();
    for (size_t i = 0; i < N; i += 50)
        assert_true(is_allocated(nodes[i]));
    help_check_heap();
}

static void who_has_not_answered_sweeps_nothing(void **state)
{
    (void)state;
    enum { N = 20000 };
    clear();
    for (size_t i = 0; i < N; i++)
        (void)node_new();
    black();
    tpi_sweep_begin();
    struct tpi_sweep_counts before, after;
    tpi_sweep_counts(&before);
    struct node *late[RUN_SLOTS * 20];
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++)
        late[i] = node_new();
    tpi_sweep_counts(&after);
    assert_int_equal(before.freed_objects, after.freed_objects);
    tpi_mutator_self->color = TPI_MARK_WHITE;
    tpi_mutator_self->epoch = tpi_modes.epoch = tpi_sweep_epoch();
    tpi_sweep_all();
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++)
        assert_true(is_allocated(late[i]));
    tpi_sweep_counts(&after);
    assert_true(after.freed_objects - before.freed_objects > N - 2 * RUN_SLOTS);
}

static void scribbled_over(void **state)
{
    (void)state;
    struct node *node = node_new();
    tpi_gc_options.scribble = true;
    cycle(NULL, 0);
    tpi_gc_options.scribble = false;
    assert_int_equal(node->key[3], (long)UINT64_C(0xdbdbdbdbdbdbdbdb));
    for (size_t i = 0; i < 2000; i++)
        (void)node_new();
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
        assert_true(is_zero(leaf, size) && is_zero(any, size));
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
        cycle(live, n);
        for (size_t k = 0; k < n; k++) {
            assert_true(is_allocated(live[k]));
            assert_int_equal(*(unsigned char *)live[k], 1 + k % 2);
        }
    }
    clear();
    for (size_t k = 0; k < n; k++)
        assert_false(is_allocated(live[k]));
    help_check_heap();
}

static void forms(void **state)
{
    (void)state;
    size_t too_many = SIZE_MAX / sizeof(struct node) + 1;
    struct node *nodes = tp_gc_alloc_array(&node_type, 7);
    assert_true(is_zero(nodes, 7 * sizeof *nodes));
    assert_int_equal(tpi_heap_where(nodes).bytes, 352);
    nodes = tp_gc_alloc_array(&node_type, 0);
    assert_int_equal(tpi_heap_where(nodes).bytes, 48);
    nodes = tp_gc_alloc_array(&node_type, 1);
    assert_int_equal(tpi_heap_where(nodes).bytes, 48);
    nodes = tp_gc_alloc_array(&node_type, 1000000);
    assert_true(is_zero(nodes, 1000000 * sizeof *nodes));
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
    clear();
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

static void large_objects(void **state)
{
    (void)state;
    enum { BYTES = 3 << 20 };
    clear();
    uint64_t before = tpi_heap_collected();
    void *kept = tp_gc_alloc_leaf(BYTES), *dropped = tp_gc_alloc_leaf(BYTES);
    memset(kept, 3, BYTES);
    memset(dropped, 4, BYTES);
    cycle(&kept, 1);
    assert_true(is_allocated(kept));
    assert_false(is_allocated(dropped));
    assert_int_equal(tpi_heap_collected() - before, BYTES);
    void *again = tp_gc_alloc_conservative(BYTES);
    assert_ptr_equal(again, dropped);
    assert_true(is_zero(again, BYTES));
    assert_int_equal(((char *)kept)[BYTES - 1], 3);
    clear();
    assert_int_equal(tpi_heap_collected(), before);
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
    assert_true(is_allocated(node));
    assert_false(is_allocated(node + 1));
    assert_null(span->owner);
    unsigned free_slots = 0;
    for (unsigned i = 0; i < TPI_SPAN_WORDS; i++)
        free_slots += 64 - tpi_bit_count(span->alloc_bits[i]);
    assert_int_equal(free_slots, span->free_slots);
    assert_int_equal(span->list, 1);
    clear();
    assert_false(is_allocated(node));
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
    help_expect_abort(resize_it, small, "not an object of this heap");
    help_expect_abort(resize_it, large, "not an object of this heap");
    assert_int_equal(tp_heap_usable_size(small), 0);
}

/* --- a long history --- */

enum { OBJECTS = 3000, STEPS = 200000 };

struct object {
    unsigned char *at;
    size_t bytes;
    unsigned char fill;
};

static void object_new(struct help_random *random, struct object *object)
{
    size_t bytes = 1 + help_below(random, help_below(random, 200) == 0 ? 100000 : 300);
    object->at =
        help_below(random, 2) == 0 ? tp_gc_alloc_leaf(bytes) : tp_gc_alloc_conservative(bytes);
    object->bytes = bytes;
    object->fill = (unsigned char)(1 + help_below(random, 255));
    assert_non_null(object->at);
    assert_true(is_zero(object->at, bytes));
    memset(object->at, object->fill, bytes);
}

/* Nobody else was given its memory. */
static void object_check(const struct object *object)
{
    assert_true(is_allocated(object->at));
    assert_int_equal(object->at[0], object->fill);
    assert_true(memcmp(object->at, object->at + 1, object->bytes - 1) == 0);
}

static void random_cycle(struct help_random *random, struct object *objects)
{
    size_t dying = help_below(random, 10);
    black();
    for (size_t i = 0; i < OBJECTS; i++) {
        if (objects[i].at != NULL && help_below(random, 10) < dying)
            objects[i].at = NULL;
        if (objects[i].at != NULL)
            mark(objects[i].at);
        else if (help_below(random, 4) == 0)
            object_new(random, &objects[i]);
    }
    tpi_sweep_begin();
    for (size_t i = help_below(random, 30); i > 0;
         i--) /* black still, while others have answered */
        object_new(random, &objects[help_below(random, OBJECTS)]);
    tpi_mutator_self->color = TPI_MARK_WHITE;
    tpi_mutator_self->epoch = tpi_modes.epoch = tpi_sweep_epoch();
    for (size_t i = help_below(random, 2000); i > 0; i--)
        object_new(random, &objects[help_below(random, OBJECTS)]);
    tpi_sweep_all();
    for (size_t i = 0; i < OBJECTS; i++) {
        if (objects[i].at != NULL)
            object_check(&objects[i]);
    }
}

static void history(void **state)
{
    (void)state;
    static struct object objects[OBJECTS];
    struct help_random random = help_seed("gc_alloc");
    for (int i = 0; i < STEPS; i++) {
        object_new(&random, &objects[help_below(&random, OBJECTS)]);
        if (help_below(&random, 4000) == 0)
            random_cycle(&random, objects);
    }
    clear();
    clear();
    help_check_heap();
    uint64_t left = 0;
    for (uint32_t i = 1; i < tpi_layout_count(); i++)
        left += tpi_layout_numbered(i)->count; /* those with a run in them */
    assert_true(left <= tpi_mutator_self->layouts_used_count);
}

int main(void)
{
    tp_gc_percent_set(-1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_go_upwards), /* first */
        cmocka_unit_test(slots_of_a_run_are_allocated),
        cmocka_unit_test(recycled_slots_are_zeroed),
        cmocka_unit_test(white_objects_go_and_marked_ones_stay),
        cmocka_unit_test(a_run_survives),
        cmocka_unit_test(a_run_that_is_taken_while_marking_is_black),
        cmocka_unit_test(empty_spans_go_back),
        cmocka_unit_test(spans_are_swept_by_who_wants_them),
        cmocka_unit_test(who_has_not_answered_sweeps_nothing),
        cmocka_unit_test(scribbled_over),
        cmocka_unit_test(each_size),
        cmocka_unit_test(forms),
        cmocka_unit_test(flexible_sizes),
        cmocka_unit_test(large_objects),
        cmocka_unit_test(a_thread_that_ends_gives_its_run_back),
        cmocka_unit_test(collected_objects_are_not_freed_by_hand),
        cmocka_unit_test(history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
