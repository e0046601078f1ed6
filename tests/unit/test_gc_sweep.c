/* SPDX-License-Identifier: BSD-2-Clause */
/* Sweeping, by the collecting thread and by who wants a span; and a long history in which nobody
   may be given what another one has. */
#include "gc_help.h"

#include <pthread.h>

/* --- sweeping --- */

static void white_objects_go_and_marked_ones_stay(void **state)
{
    (void)state;
    enum { N = 10000 };
    static void *nodes[N], *live[N];
    struct tpi_sweep_counts before, after;
    size_t kept = 0;
    help_clear();
    for (size_t i = 0; i < N; i++) {
        struct node *node = node_new();
        node->key[0] = (long)i;
        nodes[i] = node;
        if (i % 3 == 0)
            live[kept++] = node;
    }
    tpi_sweep_counts(&before);
    help_cycle(live, kept);
    tpi_sweep_counts(&after);
    for (size_t i = 0; i < N; i++) {
        const struct node *node = nodes[i];
        assert_int_equal(help_is_allocated(node), i % 3 == 0);
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
        help_cycle(NULL, 0);
        assert_int_equal(run->next, next);
        assert_int_equal(run->end, end);
        assert_false(help_is_allocated(node));
        for (uintptr_t at = next; at < end; at += sizeof *node)
            assert_true(help_is_allocated((void *)at));
    }
    assert_ptr_equal(node_new(), (void *)next);
}

static void a_run_that_is_taken_while_marking_is_black(void **state)
{
    (void)state;
    enum { N = 3 * RUN_SLOTS };
    struct node *nodes[N];
    help_black();
    for (size_t i = 0; i < N; i++)
        nodes[i] = node_new();
    tpi_sweep_begin();
    help_answer_off();
    tpi_sweep_all();
    for (size_t i = 0; i < N; i++)
        assert_true(help_is_allocated(nodes[i]));
    help_cycle(NULL, 0);
    for (size_t i = 0; i < N; i++)
        assert_false(help_is_allocated(nodes[i]));
}

static void empty_spans_go_back(void **state)
{
    (void)state;
    help_clear();
    uint64_t before = tpi_heap_collected();
    for (size_t i = 0; i < 100000; i++)
        (void)node_new();
    assert_true(tpi_heap_collected() - before > 100000 * sizeof(struct node) / 2);
    help_clear();
    assert_true(tpi_heap_collected() <= before + 2 * TPI_PAGE_BYTES);
    help_check_heap();
}

/* What a mutator that sweeps by itself finds: the collecting thread has not come yet. */
static void spans_are_swept_by_who_wants_them(void **state)
{
    (void)state;
    enum { N = 20000 };
    static struct node *nodes[N];
    help_clear();
    for (size_t i = 0; i < N; i++)
        nodes[i] = node_new();
    uint64_t in_use = tpi_heap_collected();
    help_black();
    for (size_t i = 0; i < N; i += 50)
        help_mark(nodes[i]);
    tpi_sweep_begin();
    help_answer_off();
    for (size_t i = 0; i < N / 2; i++)
        (void)node_new();
    assert_int_equal(tpi_heap_collected(), in_use);
    for (size_t i = 0; i < N; i += 50)
        assert_true(help_is_allocated(nodes[i]));
    tpi_sweep_all();
    for (size_t i = 0; i < N; i += 50)
        assert_true(help_is_allocated(nodes[i]));
    help_check_heap();
}

static void who_has_not_answered_sweeps_nothing(void **state)
{
    (void)state;
    enum { N = 20000 };
    help_clear();
    for (size_t i = 0; i < N; i++)
        (void)node_new();
    help_black();
    tpi_sweep_begin();
    struct tpi_sweep_counts before, after;
    tpi_sweep_counts(&before);
    struct node *late[RUN_SLOTS * 20];
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++)
        late[i] = node_new();
    tpi_sweep_counts(&after);
    assert_int_equal(before.freed_objects, after.freed_objects);
    help_answer_off();
    uint64_t in_use = tpi_heap_collected();
    for (size_t i = 0; i < N / 2; i++) /* nothing was passed over for those who may sweep */
        (void)node_new();
    assert_int_equal(tpi_heap_collected(), in_use);
    tpi_sweep_all();
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++)
        assert_true(help_is_allocated(late[i]));
    tpi_sweep_counts(&after);
    assert_true(after.freed_objects - before.freed_objects > N - 2 * RUN_SLOTS);
}

/* A slot's mark is of no consequence for who has the slot next. */
static void old_marks_keep_nothing(void **state)
{
    (void)state;
    enum { N = 3000 };
    static void *nodes[N];
    help_clear();
    for (size_t i = 0; i < N; i++)
        nodes[i] = node_new();
    help_cycle(nodes, N);
    help_clear();
    for (size_t i = 0; i < N; i++)
        nodes[i] = node_new();
    help_clear(); /* the colour of two cycles ago */
    for (size_t i = 0; i < N; i++)
        assert_false(help_is_allocated(nodes[i]));
}

static void a_swept_span_is_used_from_its_start(void **state)
{
    (void)state;
    const struct tp_detail_gc_run *run = &tp_detail_gc_self.runs[(uint32_t)node_type.single];
    const struct tpi_owned *owned = &tpi_mutator_self->owned[(uint32_t)node_type.single];
    help_clear();
    do
        (void)node_new();
    while (owned->slot < owned->span->slots);
    const struct tpi_span *span = owned->span;
    help_clear();
    while (run->next < run->end)
        (void)node_new();
    assert_ptr_equal(tpi_heap_where(node_new()).span, span);
}

/* --- a second mutator, which has not answered --- */

struct second {
    pthread_barrier_t barrier;
    struct node *nodes[3 * RUN_SLOTS];
    struct tpi_mutator *mutator;
};

static void *second_thread(void *argument)
{
    struct second *second = argument;
    for (size_t i = 0; i < sizeof second->nodes / sizeof second->nodes[0]; i++)
        second->nodes[i] = tp_gc_alloc(&node_type);
    second->mutator = tpi_mutator_self;
    pthread_barrier_wait(&second->barrier);
    pthread_barrier_wait(&second->barrier); /* meanwhile nothing is asked of it */
    return NULL;
}

static void spans_of_others_are_let_alone(void **state)
{
    (void)state;
    static struct second second;
    pthread_t thread;
    help_clear();
    pthread_barrier_init(&second.barrier, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, second_thread, &second), 0);
    pthread_barrier_wait(&second.barrier);
    struct tpi_span *span = second.mutator->owned[(uint32_t)node_type.single].span;
    uint32_t swept = span->swept;
    help_black();
    second.mutator->color = tpi_mark_color;
    tpi_runs_mark(second.mutator);
    tpi_sweep_begin();
    help_answer_off();
    for (size_t i = 0; i < 50 * RUN_SLOTS; i++)
        assert_ptr_not_equal(tpi_heap_where(node_new()).span, span);
    assert_int_equal(span->swept, swept);
    assert_ptr_equal(span->owner, second.mutator);
    second.mutator->color = TPI_MARK_WHITE;
    second.mutator->epoch = tpi_sweep_epoch();
    tpi_sweep_all();
    assert_int_equal(span->swept, tpi_sweep_epoch());
    pthread_barrier_wait(&second.barrier);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_barrier_destroy(&second.barrier);
    assert_null(span->owner);
    help_clear();
    help_check_heap();
}

/* --- how long a mutator is held up --- */

enum { SPANS = 200 }; /* more than a mutator looks at in one call */

static struct tpi_layout *node_layout(void)
{
    return tpi_layout_numbered((uint32_t)node_type.single);
}

/* A cycle has marked everything in SPANS spans and more, and nothing is swept. */
static void all_live_and_unswept(void)
{
    static struct node *nodes[SPANS * 400];
    size_t n = 0;
    help_clear();
    while (node_layout()->count < SPANS)
        nodes[n++] = node_new();
    for (size_t i = 0; i < RUN_SLOTS; i++)
        nodes[n++] = node_new();
    help_black();
    for (size_t i = 0; i < n; i++)
        help_mark(nodes[i]);
    tpi_sweep_begin();
    help_answer_off();
    tpi_runs_release(tpi_mutator_self);
}

static size_t count_swept(void)
{
    size_t count = 0;
    for (uint32_t i = 0; i < node_layout()->count; i++)
        count += tpi_layout_span(node_layout(), i)->swept == tpi_sweep_epoch();
    return count;
}

/* Those that runs were in have room still; until they are given back they are this thread's. */
static size_t take_roomy(struct tpi_span **spans, size_t most)
{
    size_t n = 0;
    while (n < most && (spans[n] = tpi_sweep_for(node_layout(), tpi_mutator_self)) != NULL)
        n++;
    assert_true(n < most);
    return n;
}

static void give_back(struct tpi_span *const *spans, size_t n)
{
    tpi_lock(&node_layout()->lock);
    for (size_t i = 0; i < n; i++)
        tpi_span_disown(node_layout(), spans[i]);
    tpi_unlock(&node_layout()->lock);
}

static void a_mutator_sweeps_so_many_in_one_call(void **state)
{
    (void)state;
    struct tpi_span *roomy[4];
    all_live_and_unswept();
    size_t n = take_roomy(roomy, 4);
    size_t before = count_swept();
    assert_null(tpi_sweep_for(node_layout(), tpi_mutator_self));
    assert_true(count_swept() > before);
    assert_true(count_swept() <= before + 16);
    tpi_sweep_all();
    assert_int_equal(count_swept(), node_layout()->count);
    give_back(roomy, n);
    help_clear();
}

/* Those that others have swept it passes over, so many; and behind a whole sweep there are none. */
static void a_mutator_looks_at_so_many_in_one_call(void **state)
{
    (void)state;
    struct tpi_span *roomy[4];
    all_live_and_unswept();
    tpi_sweep_all();
    assert_int_equal(node_layout()->cursor, node_layout()->count);
    size_t n = take_roomy(roomy, 4);
    node_layout()->cursor = 0;
    assert_null(tpi_sweep_for(node_layout(), tpi_mutator_self));
    assert_true(node_layout()->cursor > 0 && node_layout()->cursor <= 64);
    give_back(roomy, n);
    help_clear();
}

static void *sweep_all(void *unused)
{
    tpi_sweep_all();
    return unused;
}

/* The collecting thread is at a span, for as long as the test likes: it waits for its sweeper. */
static void the_lock_is_free_while_the_collecting_thread_sweeps(void **state)
{
    (void)state;
    pthread_t thread;
    all_live_and_unswept();
    uint32_t epoch = tpi_sweep_epoch();
    struct tpi_span *span = tpi_layout_span(node_layout(), node_layout()->count / 2);
    struct tpi_span *behind = tpi_layout_span(node_layout(), node_layout()->count / 2 + 1);
    assert_int_equal(span->swept, epoch - 2);
    tpi_store_release_32(&span->swept, epoch - 1);
    assert_int_equal(pthread_create(&thread, NULL, sweep_all, NULL), 0);
    while (tpi_load_acquire_32(&behind->swept) != epoch)
        tpi_os_sleep(1000);
    tpi_os_sleep(1000000); /* it has come to the span, or will soon */
    unsigned locked = 0;
    for (unsigned i = 0; i < 1000 && locked < 10; i++) {
        if (tpi_lock_try(&node_layout()->lock)) {
            tpi_unlock(&node_layout()->lock);
            locked++;
        }
        tpi_os_sleep(100000);
    }
    tpi_store_release_32(&span->swept, epoch); /* all of it lives: there is nothing to do */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(locked == 10);
    help_clear();
    help_check_heap();
}

static void scribbled_over(void **state)
{
    (void)state;
    struct node *node = node_new();
    tpi_gc_options.scribble = true;
    help_cycle(NULL, 0);
    tpi_gc_options.scribble = false;
    assert_int_equal(node->key[3], (long)UINT64_C(0xdbdbdbdbdbdbdbdb));
    for (size_t i = 0; i < 2000; i++)
        (void)node_new();
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
    assert_true(help_is_zero(object->at, bytes));
    memset(object->at, object->fill, bytes);
}

/* Nobody else was given its memory. */
static void object_check(const struct object *object)
{
    assert_true(help_is_allocated(object->at));
    assert_int_equal(object->at[0], object->fill);
    assert_true(memcmp(object->at, object->at + 1, object->bytes - 1) == 0);
}

static void random_cycle(struct help_random *random, struct object *objects)
{
    size_t dying = help_below(random, 10);
    help_black();
    for (size_t i = 0; i < OBJECTS; i++) {
        if (objects[i].at != NULL && help_below(random, 10) < dying)
            objects[i].at = NULL;
        if (objects[i].at != NULL)
            help_mark(objects[i].at);
        else if (help_below(random, 4) == 0)
            object_new(random, &objects[i]);
    }
    tpi_sweep_begin();
    for (size_t i = help_below(random, 30); i > 0;
         i--) /* black still, while others have answered */
        object_new(random, &objects[help_below(random, OBJECTS)]);
    help_answer_off();
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
    help_clear();
    help_clear();
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
        cmocka_unit_test(white_objects_go_and_marked_ones_stay),
        cmocka_unit_test(a_run_survives),
        cmocka_unit_test(a_run_that_is_taken_while_marking_is_black),
        cmocka_unit_test(empty_spans_go_back),
        cmocka_unit_test(spans_are_swept_by_who_wants_them),
        cmocka_unit_test(who_has_not_answered_sweeps_nothing),
        cmocka_unit_test(old_marks_keep_nothing),
        cmocka_unit_test(a_swept_span_is_used_from_its_start),
        cmocka_unit_test(spans_of_others_are_let_alone),
        cmocka_unit_test(a_mutator_sweeps_so_many_in_one_call),
        cmocka_unit_test(a_mutator_looks_at_so_many_in_one_call),
        cmocka_unit_test(the_lock_is_free_while_the_collecting_thread_sweeps),
        cmocka_unit_test(scribbled_over),
        cmocka_unit_test(history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
