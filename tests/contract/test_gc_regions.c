/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocking regions of the collected heap: what they keep alive, in one register or on the stack
   alone; that they nest, keep errno and race with cycles; misuse. */
#include "gc_threads_help.h"

/* --- blocking regions --- */

#if defined(__x86_64__) || defined(__aarch64__)
/* Its object is in one callee-saved register alone while it is in the region. Returns it. */
struct node *hold_in_register(struct node *(*get)(void), void (*during)(void));
#if defined(__x86_64__)
__asm__(".text\n"
        ".globl hold_in_register\n"
        ".type hold_in_register, @function\n"
        "hold_in_register:\n\t"
        "pushq %rbx\n\t"
        "pushq %r13\n\t"
        "subq $8, %rsp\n\t"
        "movq %rsi, %r13\n\t"
        "call *%rdi\n\t"
        "movq %rax, %rbx\n\t"
        "xorl %eax, %eax\n\t"
        "call tp_gc_blocking_begin@PLT\n\t"
        "call *%r13\n\t"
        "call tp_gc_blocking_end@PLT\n\t"
        "movq %rbx, %rax\n\t"
        "addq $8, %rsp\n\t"
        "popq %r13\n\t"
        "popq %rbx\n\t"
        "ret\n\t"
        ".size hold_in_register, . - hold_in_register\n\t"
        ".pushsection .note.GNU-stack, \"\", @progbits\n\t.popsection\n");
#else
__asm__(".text\n"
        ".globl hold_in_register\n"
        ".type hold_in_register, %function\n"
        "hold_in_register:\n\t"
        "stp x29, x30, [sp, #-32]!\n\t"
        "stp x20, x21, [sp, #16]\n\t"
        "mov x21, x1\n\t"
        "blr x0\n\t"
        "mov x20, x0\n\t"
        "mov x0, #0\n\t"
        "bl tp_gc_blocking_begin\n\t"
        "blr x21\n\t"
        "bl tp_gc_blocking_end\n\t"
        "mov x0, x20\n\t"
        "ldp x20, x21, [sp, #16]\n\t"
        "ldp x29, x30, [sp], #32\n\t"
        "ret\n\t"
        ".size hold_in_register, . - hold_in_register\n");
#endif

APART void collect_scrubbed(void)
{
    scrub();
    collect_elsewhere();
}

static void *region_with_a_register(void *nothing)
{
    (void)nothing;
    const struct node *node = hold_in_register(make_watched, collect_scrubbed);
    return node->number == MAGIC && lived() ? &wrong : NULL;
}

static void a_region_keeps_what_a_register_holds(void **state)
{
    (void)state;
    assert_non_null(in_thread(region_with_a_register, NULL));
}
#define REGISTER_TESTS cmocka_unit_test(a_region_keeps_what_a_register_holds),
#else
#define REGISTER_TESTS
#endif

/* The same with nothing that holds it. */
static void *region_with_nothing(void *nothing)
{
    (void)nothing;
    (void)make_watched();
    scrub();
    tp_gc_blocking_begin();
    collect_elsewhere();
    tp_gc_blocking_end();
    return lived() ? &wrong : NULL;
}

static void *region_with_a_local(void *nothing)
{
    struct node *volatile local = make_watched();
    (void)nothing;
    scrub();
    tp_gc_blocking_begin();
    tp_gc_blocking_begin(); /* they nest */
    collect_elsewhere();
    tp_gc_blocking_end();
    collect_elsewhere();
    tp_gc_blocking_end();
    return local->number == MAGIC && lived() ? &wrong : NULL;
}

static void *collect_in_call(void *argument)
{
    collect_elsewhere();
    return argument;
}

static void *region_by_call(void *nothing)
{
    struct node *volatile local = make_watched();
    (void)nothing;
    scrub();
    if (tp_gc_blocking_call(collect_in_call, &wrong) != &wrong)
        return NULL;
    return local->number == MAGIC && lived() ? &wrong : NULL;
}

static void a_region_keeps_what_the_stack_holds(void **state)
{
    (void)state;
    assert_non_null(in_thread(region_with_a_local, NULL));
    assert_non_null(in_thread(region_by_call, NULL));
    assert_true(returns_null_once(region_with_nothing, NULL));
}

/* Builds lists in between, which nothing but its stack holds. */
static void *regions_without_end(void *stop)
{
    while (support_read(stop) == 0) {
        struct node *list = NULL;
        unsigned length = 0;
        for (unsigned i = 0; i < 1000; i++) {
            errno = (int)i;
            tp_gc_blocking_begin();
            tp_gc_blocking_end();
            if (errno != (int)i)
                support_add(&wrong, 1);
            struct node *node = make();
            tp_gc_store(&node->next, list);
            list = node;
        }
        for (const struct node *node = list; node != NULL; node = node->next)
            length += node->number == MAGIC;
        if (length != 1000)
            support_add(&wrong, 1);
    }
    return NULL;
}

static void regions_keep_errno_and_race_with_cycles(void **state)
{
    enum { THREADS = 3 };
    pthread_t threads[THREADS];
    unsigned stop = 0;
    (void)state;
    wrong = 0;
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = support_thread(regions_without_end, &stop);
    for (unsigned i = 0; i < gc_less(100); i++)
        tp_gc_collect();
    support_set(&stop, 1);
    for (unsigned i = 0; i < THREADS; i++)
        gc_join(threads[i]);
    assert_int_equal(wrong, 0);
}

static void *end_in_a_region(void *cancelled)
{
    int ends[2];
    char byte;
    if (make() == NULL || pipe(ends) != 0)
        return NULL;
    tp_gc_blocking_begin();
    if (cancelled == NULL)
        pthread_exit(NULL);
    while (read(ends[0], &byte, 1) != 1)
        ;
    return NULL;
}

static void a_thread_may_end_in_a_region(void **state)
{
    (void)state;
    gc_join(support_thread(end_in_a_region, NULL));
    tp_gc_collect();
    pthread_t thread = support_thread(end_in_a_region, &wrong);
    gc_sleep_ms(20);
    assert_int_equal(pthread_cancel(thread), 0);
    gc_join(thread);
    tp_gc_collect();
}

static void regions_of_threads_that_are_not_attached_are_nothing(void **state)
{
    (void)state;
    tp_gc_thread_detach();
    tp_gc_blocking_begin();
    tp_gc_collect();
    tp_gc_blocking_end();
}

/* --- misuse --- */

static int end_without_begin(void)
{
    if (tp_gc_thread_attach() == 0)
        tp_gc_blocking_end();
    return 0;
}

static int detach_in_a_region(void)
{
    if (tp_gc_thread_attach() != 0)
        return 1;
    tp_gc_blocking_begin();
    tp_gc_thread_detach();
    return 0;
}

static int allocate_in_a_region(void)
{
    if (tp_gc_alloc_leaf(3) == NULL) /* there is more where it came from */
        return 1;
    tp_gc_blocking_begin();
    return tp_gc_alloc_leaf(3) != NULL ? 0 : 1;
}

/* A thread ends in a region; its value's key is older than the library's, so that the destructor
   comes before the library knows of the end. */
static pthread_key_t key;

static void use_the_heap(void *ends)
{
    (void)live_shortly(NULL);
    support_add(ends, 1);
}

static void end_region(void *whether)
{
    if (whether != NULL)
        tp_gc_blocking_end();
}

static void *exit_in_a_region(void *with_handler)
{
    static unsigned ends;
    (void)live_shortly(NULL);
    pthread_setspecific(key, &ends);
    tp_gc_blocking_begin();
    pthread_cleanup_push(end_region, with_handler);
    pthread_exit(&ends);
    pthread_cleanup_pop(0);
    return NULL;
}

static int threads_exit_in_regions(void *with_handler)
{
    unsigned stop = 0;
    if (pthread_key_create(&key, use_the_heap) != 0)
        return 1;
    pthread_t collector = support_thread(gc_collect_until, &stop);
    const unsigned *ends = NULL;
    for (unsigned i = 0; i < 20; i++)
        ends = in_thread(exit_in_a_region, with_handler);
    support_set(&stop, 1);
    gc_join(collector);
    return *ends == 20 && wrong == 0 ? 0 : 1;
}

static int exit_in_regions(void)
{
    return threads_exit_in_regions(NULL);
}

static int exit_in_regions_with_handlers(void)
{
    return threads_exit_in_regions(&wrong);
}

static void destructors_use_the_heap_behind_regions(void **state)
{
    (void)state;
    support_passes("exit_in_regions_with_handlers", NULL);
    support_aborts("exit_in_regions", NULL, "collected heap", "tp_gc_blocking_begin");
}

static void misused_regions_abort(void **state)
{
    (void)state;
    support_aborts("end_without_begin", NULL, "tp_gc_blocking_end", "region");
    support_aborts("detach_in_a_region", NULL, "tp_gc_thread_detach", "tp_gc_blocking_end");
    support_aborts("allocate_in_a_region", NULL, "collected heap", "tp_gc_blocking_begin");
}

/* --- pools of plain objects in regions: their slow paths poll --- */

enum { HELD = 500 };

static tp_pool *plain;
static unsigned stop_pooling;

static void reset_nothing(void *object, void *context)
{
    (void)object;
    (void)context;
}

static struct node *make_pair(uint64_t number)
{
    struct node *node = make();
    node->number = number;
    tp_gc_store(&node->next, make());
    return node;
}

/* Only its stack leads to its pairs. */
static void *pool_in_regions(void *nothing)
{
    struct node *volatile pairs[HELD];
    for (uint64_t i = 0; i < HELD; i++)
        pairs[i] = make_pair(i);
    for (uint64_t turn = 0; support_read(&stop_pooling) == 0; turn++) {
        tp_gc_blocking_begin();
        for (unsigned i = 0; i < 500; i++)
            tp_pool_put(plain, tp_pool_get(plain));
        tp_gc_blocking_end();
        for (uint64_t i = 0; i < HELD; i++)
            support_add(&wrong, pairs[i]->number != i || pairs[i]->next->number != MAGIC);
        pairs[turn % HELD] = make_pair(turn % HELD);
    }
    return nothing;
}

static void pools_may_be_used_in_a_region(void **state)
{
    (void)state;
    plain = tp_pool_create(&(tp_pool_options){.name = "plain", .size = 64, .reset = reset_nothing});
    assert_non_null(plain);
    support_set(&stop_pooling, 0);
    pthread_t thread = support_thread(pool_in_regions, NULL);
    for (unsigned i = 0; i < gc_less(400); i++)
        tp_gc_collect();
    support_set(&stop_pooling, 1);
    gc_join(thread);
    assert_int_equal(support_read(&wrong), 0);
    tp_pool_destroy(plain);
}

/* --- a store attaches --- */

static struct node *places[2]; /* a root range */

static void *make_first(void *nothing)
{
    for (unsigned i = 0; i < 50; i++) /* so that it is where no test's object was before */
        (void)make();
    tp_gc_store(&places[0], make_watched());
    return nothing;
}

/* In a thread that calls nothing else before. Its object hangs on its stack alone then. */
static void *store_and_hold(void *nothing)
{
    struct node *volatile held = places[0];
    (void)nothing;
    tp_gc_store(&places[1], (struct node *)held);
    tp_gc_store(&places[0], NULL);
    tp_gc_store(&places[1], NULL);
    scrub();
    tp_gc_blocking_begin();
    collect_elsewhere();
    tp_gc_blocking_end();
    return lived() && held->number == MAGIC ? &wrong : NULL;
}

static void the_first_store_attaches(void **state)
{
    (void)state;
    assert_int_equal(tp_gc_root_add(places, sizeof places), 0);
    in_thread(make_first, NULL);
    assert_non_null(in_thread(store_and_hold, NULL));
    assert_int_equal(tp_gc_root_remove(places), 0);
}

static const struct support_scenario scenarios[] = {
    {"end_without_begin", end_without_begin},
    {"detach_in_a_region", detach_in_a_region},
    {"allocate_in_a_region", allocate_in_a_region},
    {"exit_in_regions", exit_in_regions},
    {"exit_in_regions_with_handlers", exit_in_regions_with_handlers},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    (void)argc;
    const struct CMUnitTest tests[] = {
        REGISTER_TESTS cmocka_unit_test(a_region_keeps_what_the_stack_holds),
        cmocka_unit_test(regions_keep_errno_and_race_with_cycles),
        cmocka_unit_test(a_thread_may_end_in_a_region),
        cmocka_unit_test(regions_of_threads_that_are_not_attached_are_nothing),
        cmocka_unit_test(pools_may_be_used_in_a_region),
        cmocka_unit_test(the_first_store_attaches),
        cmocka_unit_test(misused_regions_abort),
        cmocka_unit_test(destructors_use_the_heap_behind_regions),
    };
    support_start(argv, scenarios);
    return support_group("gc_regions", tests, support_modes);
}
