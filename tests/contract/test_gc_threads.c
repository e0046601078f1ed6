/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads of the collected heap: attaching and leaving, blocking regions, coroutine stacks, fork,
   longjmp. What must live is held in one place alone (a register, a stack) and asked of a weak
   reference; the same test without that place shows that it would have died. */
#include <sys/mman.h>
#include <ucontext.h>

#include "support.h"

struct node {
    struct node *next;
    uint64_t number;
};
TP_GC_TYPE(node_type, struct node, next);

#define APART __attribute__((noinline)) static

enum { MAGIC = 4711, STACK_BYTES = 64 << 10 };

static unsigned wrong;      /* counted in threads */
static tp_gc_weak *watched; /* the one object that a test is about */

/* What returned functions left below. */
APART void scrub(void)
{
    volatile char deep[16 << 10];
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = 0;
}

static void *collect_twice(void *nothing)
{
    (void)nothing;
    tp_gc_collect();
    tp_gc_collect();
    return NULL;
}

/* In another thread, so that this one may stay where it is. */
APART void collect_elsewhere(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, collect_twice, NULL) != 0 || pthread_join(thread, NULL) != 0)
        support_add(&wrong, 1);
}

APART struct node *make(void)
{
    struct node *node = tp_gc_alloc(&node_type);
    if (node == NULL)
        abort();
    node->number = MAGIC;
    return node;
}

APART struct node *make_watched(void)
{
    struct node *node = make();
    watched = tp_gc_weak_make(node);
    if (watched == NULL)
        abort();
    return node;
}

/* Whether the watched one is alive; forgets it. */
APART bool lived(void)
{
    const struct node *node = tp_gc_weak_get(watched);
    bool alive = node != NULL && node->number == MAGIC;
    tp_gc_weak_free(watched);
    watched = NULL;
    return alive;
}

static void *in_thread(void *(*run)(void *), void *argument)
{
    void *result;
    pthread_t thread = support_thread(run, argument);
    tp_gc_blocking_begin();
    int error = pthread_join(thread, &result);
    tp_gc_blocking_end();
    assert_int_equal(error, 0);
    return result;
}

/* --- attaching and leaving --- */

static void attaching_twice_and_leaving_twice_is_once(void **state)
{
    (void)state;
    assert_int_equal(tp_gc_thread_attach(), 0);
    assert_int_equal(tp_gc_thread_attach(), 0);
    tp_gc_thread_detach();
    tp_gc_thread_detach();
    tp_gc_safepoint();
    assert_non_null(make());
    tp_gc_safepoint();
    tp_gc_thread_detach();
    tp_gc_collect();
}

static void *leave_it(void *detach)
{
    (void)make_watched();
    if (detach != NULL)
        tp_gc_thread_detach();
    return NULL;
}

/* Whether by hand or by its end, a thread that left holds nothing. */
static void what_a_thread_held_dies_with_it(void **state)
{
    (void)state;
    in_thread(leave_it, NULL);
    collect_twice(NULL);
    assert_false(lived());
    in_thread(leave_it, &wrong);
    collect_twice(NULL);
    assert_false(lived());
}

static void *live_shortly(void *number)
{
    struct node *list = NULL;
    for (uint64_t i = 0; i < 100 + (uint64_t)(uintptr_t)number % 7; i++) {
        struct node *node = make();
        tp_gc_store(&node->next, list);
        node->number = i;
        list = node;
    }
    for (uint64_t i = 100 + (uint64_t)(uintptr_t)number % 7; i-- > 0; list = list->next)
        if (list->number != i)
            support_add(&wrong, 1);
    return NULL;
}

static void *collect_until(void *stop)
{
    while (support_read(stop) == 0)
        tp_gc_collect();
    return NULL;
}

static void many_threads_come_and_go(void **state)
{
    enum { ROUNDS = 40, AT_ONCE = 8 };
    unsigned stop = 0;
    (void)state;
    wrong = 0;
    pthread_t collector = support_thread(collect_until, &stop);
    for (uintptr_t round = 0; round < ROUNDS; round++) {
        pthread_t threads[AT_ONCE];
        for (uintptr_t i = 0; i < AT_ONCE; i++)
            threads[i] = support_thread(live_shortly, (void *)(round + i));
        for (unsigned i = 0; i < AT_ONCE; i++)
            support_join(threads[i]);
    }
    support_set(&stop, 1);
    support_join(collector);
    assert_int_equal(wrong, 0);
}

/* --- exit handlers that allocate --- */

static pthread_key_t exit_key;
static unsigned exit_calls;

/* In each of the four rounds that libc gives it. In late ones it may be told that it is too late. */
static void allocate_at_exit(void *mark)
{
    unsigned round = support_add(&exit_calls, 1) % 4;
    errno = 0;
    struct node *node = tp_gc_alloc(&node_type);
    if (node == NULL && (errno != ENOMEM || round == 0))
        support_add(&wrong, 1);
    pthread_setspecific(exit_key, mark);
}

static void *allocate_and_end(void *first)
{
    pthread_setspecific(exit_key, &exit_key);
    if (first != NULL && make() == NULL)
        support_add(&wrong, 1);
    return NULL;
}

static void exit_handlers_may_allocate(void **state)
{
    (void)state;
    wrong = exit_calls = 0;
    assert_int_equal(pthread_key_create(&exit_key, allocate_at_exit), 0);
    for (unsigned i = 0; i < 20; i++) {
        in_thread(allocate_and_end, i % 2 != 0 ? &wrong : NULL);
        tp_gc_collect();
    }
    assert_int_equal(exit_calls, 80);
    assert_int_equal(wrong, 0);
    pthread_key_delete(exit_key);
}

/* --- blocking regions --- */

#if defined(__x86_64__) || defined(__aarch64__)
#define REGISTER_TEST 1
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
    if (tp_gc_blocking_call(collect_in_call, &exit_calls) != &exit_calls)
        return NULL;
    return local->number == MAGIC && lived() ? &wrong : NULL;
}

static void a_region_keeps_what_the_stack_holds(void **state)
{
    (void)state;
    assert_non_null(in_thread(region_with_a_local, NULL));
    assert_non_null(in_thread(region_by_call, NULL));
    assert_null(in_thread(region_with_nothing, NULL));
}

static void *regions_without_end(void *stop)
{
    struct node *node = make();
    while (support_read(stop) == 0) {
        for (unsigned i = 0; i < 1000; i++) {
            errno = (int)i;
            tp_gc_blocking_begin();
            tp_gc_blocking_end();
            if (errno != (int)i || node->number != MAGIC)
                support_add(&wrong, 1);
        }
        struct node *next = make();
        tp_gc_store(&next->next, node);
        node = next;
    }
    return NULL;
}

static void regions_keep_errno_and_race_with_cycles(void **state)
{
    enum { CYCLES = 100, THREADS = 3 };
    pthread_t threads[THREADS];
    unsigned stop = 0;
    (void)state;
    wrong = 0;
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = support_thread(regions_without_end, &stop);
    for (unsigned i = 0; i < CYCLES; i++)
        tp_gc_collect();
    support_set(&stop, 1);
    for (unsigned i = 0; i < THREADS; i++)
        support_join(threads[i]);
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
    support_join(support_thread(end_in_a_region, NULL));
    tp_gc_collect();
    pthread_t thread = support_thread(end_in_a_region, &wrong);
    support_sleep_ms(20);
    assert_int_equal(pthread_cancel(thread), 0);
    support_join(thread);
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
    if (tp_gc_thread_attach() != 0)
        return 1;
    tp_gc_blocking_begin();
    return tp_gc_alloc_leaf(3) != NULL ? 0 : 1;
}

static void misused_regions_abort(void **state)
{
    (void)state;
    support_aborts("end_without_begin", NULL, "tp_gc_blocking_end", "region");
    support_aborts("detach_in_a_region", NULL, "tp_gc_thread_detach", "tp_gc_blocking_end");
    if (support_poisons()) /* a checked build */
        support_aborts("allocate_in_a_region", NULL, "collected heap", "tp_gc_blocking_begin");
}

/* --- coroutines. Their contexts lie at the bottom of their stacks: swapcontext keeps registers in
   them --- */

struct coroutine {
    ucontext_t self, resumer;
    struct node *(*run)(struct coroutine *coroutine);
    struct node *result;
    pthread_t *after;
};

static struct coroutine *coroutine_map(void)
{
    void *memory =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    return memory;
}

static void coroutine_main(unsigned high, unsigned low)
{
    struct coroutine *coroutine = (struct coroutine *)((uintptr_t)high << 32 | low);
    coroutine->result = coroutine->run(coroutine);
}

static void coroutine_begin(struct coroutine *coroutine,
                            struct node *(*run)(struct coroutine *coroutine))
{
    uintptr_t address = (uintptr_t)coroutine;
    coroutine->run = run;
    if (getcontext(&coroutine->self) != 0)
        abort();
    coroutine->self.uc_stack.ss_sp = (char *)coroutine + sizeof *coroutine;
    coroutine->self.uc_stack.ss_size = STACK_BYTES - sizeof *coroutine;
    coroutine->self.uc_link = &coroutine->resumer;
    makecontext(&coroutine->self, (void (*)(void))coroutine_main, 2, (unsigned)(address >> 32),
                (unsigned)address);
}

APART void coroutine_resume(struct coroutine *coroutine)
{
    if (swapcontext(&coroutine->resumer, &coroutine->self) != 0)
        abort();
}

APART void coroutine_yield(struct coroutine *coroutine)
{
    if (swapcontext(&coroutine->self, &coroutine->resumer) != 0)
        abort();
}

static struct node *hold_and_yield(struct coroutine *coroutine)
{
    struct node *volatile held = make_watched();
    coroutine_yield(coroutine);
    return held;
}

/* Something below has to be written over again: what begin_and_yield left. */
static void *coroutine_holds(void *add)
{
    struct coroutine *coroutine = coroutine_map();
    bool lives;
    coroutine_begin(coroutine, hold_and_yield);
    if (tp_gc_stack_add(coroutine, STACK_BYTES) != 0)
        return NULL;
    coroutine_resume(coroutine);
    if (add == NULL && tp_gc_stack_remove(coroutine) != 0)
        return NULL;
    scrub();
    tp_gc_collect();
    scrub();
    tp_gc_collect();
    lives = lived();
    if (add != NULL && tp_gc_stack_remove(coroutine) != 0)
        return NULL;
    munmap(coroutine, STACK_BYTES);
    return lives == (add != NULL) ? &wrong : NULL;
}

static void a_stack_that_was_added_is_searched(void **state)
{
    (void)state;
    assert_non_null(in_thread(coroutine_holds, &wrong));
    assert_non_null(in_thread(coroutine_holds, NULL));
}

static struct node *collect_in_coroutine(struct coroutine *coroutine)
{
    (void)coroutine;
    scrub();
    tp_gc_collect();
    tp_gc_collect();
    collect_elsewhere();
    return NULL;
}

/* While a coroutine runs, the thread's own stack holds it. */
static void *thread_holds(void *nothing)
{
    struct coroutine *coroutine = coroutine_map();
    (void)nothing;
    struct node *volatile held = make_watched();
    coroutine_begin(coroutine, collect_in_coroutine);
    if (tp_gc_stack_add(coroutine, STACK_BYTES) != 0)
        return NULL;
    coroutine_resume(coroutine);
    if (tp_gc_stack_remove(coroutine) != 0)
        return NULL;
    munmap(coroutine, STACK_BYTES);
    return held->number == MAGIC && lived() ? &wrong : NULL;
}

static void the_own_stack_is_searched_while_a_coroutine_runs(void **state)
{
    (void)state;
    assert_non_null(in_thread(thread_holds, NULL));
    assert_non_null(thread_holds(NULL)); /* the first thread's stack grows */
}

struct relay {
    struct coroutine *coroutine;
    struct support_gate added, removed;
};

static void *resume_in_another(void *argument)
{
    struct relay *relay = argument;
    if (tp_gc_stack_add(relay->coroutine, STACK_BYTES) != 0)
        return NULL;
    support_gate_open(&relay->added);
    tp_gc_blocking_begin();
    support_gate_wait(&relay->removed);
    tp_gc_blocking_end();
    scrub();
    tp_gc_collect();
    coroutine_resume(relay->coroutine);
    const struct node *node = relay->coroutine->result;
    bool lives = node->number == MAGIC && lived();
    return tp_gc_stack_remove(relay->coroutine) == 0 && lives ? &wrong : NULL;
}

static void a_coroutine_may_go_on_in_another_thread(void **state)
{
    struct relay relay = {coroutine_map(), SUPPORT_GATE_INIT, SUPPORT_GATE_INIT};
    void *result;
    (void)state;
    coroutine_begin(relay.coroutine, hold_and_yield);
    assert_int_equal(tp_gc_stack_add(relay.coroutine, STACK_BYTES), 0);
    coroutine_resume(relay.coroutine);
    pthread_t other = support_thread(resume_in_another, &relay);
    support_gate_wait(&relay.added);
    assert_int_equal(tp_gc_stack_remove(relay.coroutine), 0);
    support_gate_open(&relay.removed);
    tp_gc_blocking_begin();
    assert_int_equal(pthread_join(other, &result), 0);
    tp_gc_blocking_end();
    assert_non_null(result);
    munmap(relay.coroutine, STACK_BYTES);
}

static void stacks_that_make_no_sense_are_refused(void **state)
{
    char *stack = malloc(STACK_BYTES);
    (void)state;
    assert_non_null(stack);
    errno = 0;
    assert_int_equal(tp_gc_stack_add(NULL, STACK_BYTES), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(tp_gc_stack_add(stack, 0), -1);
    assert_int_equal(tp_gc_stack_add(stack, SIZE_MAX), -1);
    assert_int_equal(tp_gc_stack_add(stack, STACK_BYTES), 0);
    errno = 0;
    assert_int_equal(tp_gc_stack_add(stack + 100, 8), -1); /* overlaps */
    assert_int_equal(errno, EINVAL);
    errno = 0;
    assert_int_equal(tp_gc_stack_remove(stack + 64), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(tp_gc_stack_remove(stack), 0);
    assert_int_equal(tp_gc_stack_remove(stack), -1);
    free(stack);
}

/* --- fork and longjmp --- */

static int use_in_child(const struct node *list)
{
    for (unsigned round = 0; round < 3; round++) {
        if (live_shortly(NULL) != NULL)
            return 2;
        tp_gc_collect();
    }
    for (uint64_t i = 100; i-- > 0; list = list->next)
        if (list == NULL || list->number != i)
            return 3;
    many_threads_come_and_go(NULL);
    return support_read(&wrong) == 0 ? 0 : 4;
}

static void *fork_here(void *nothing)
{
    struct node *list = NULL;
    int status;
    (void)nothing;
    for (uint64_t i = 0; i < 100; i++) {
        struct node *node = make();
        tp_gc_store(&node->next, list);
        node->number = i;
        list = node;
    }
    pid_t child = fork();
    if (child == 0)
        _exit(use_in_child(list));
    tp_gc_blocking_begin();
    pid_t ended = waitpid(child, &status, 0);
    tp_gc_blocking_end();
    if (child < 0 || ended != child || status != 0 || list->number != 99)
        support_add(&wrong, 1);
    return NULL;
}

/* Beside threads that allocate and cycles; from the first thread and from another. */
static void a_child_allocates_and_collects(void **state)
{
    pthread_t busy[2];
    unsigned stop = 0;
    (void)state;
    if (support_tsan) /* it cannot follow threads in the child of a threaded process */
        skip();
    wrong = 0;
    busy[0] = support_thread(collect_until, &stop);
    busy[1] = support_thread(regions_without_end, &stop);
    for (unsigned i = 0; i < 3; i++) {
        fork_here(NULL);
        in_thread(fork_here, NULL);
    }
    support_set(&stop, 1);
    for (unsigned i = 0; i < 2; i++)
        support_join(busy[i]);
    assert_int_equal(wrong, 0);
}

static jmp_buf back;

APART void store_and_jump(struct node *parent, int depth)
{
    struct node *volatile child = make();
    tp_gc_store(&parent->next, (struct node *)child);
    if (depth == 0)
        longjmp(back, 1);
    store_and_jump(child, depth - 1);
}

static void longjmp_over_stores_is_safe(void **state)
{
    unsigned stop = 0;
    (void)state;
    pthread_t collector = support_thread(collect_until, &stop);
    struct node *volatile parent = make();
    for (volatile unsigned i = 0; i < 300; i++) {
        if (setjmp(back) == 0)
            store_and_jump(parent, 20);
        unsigned length = 0;
        for (const struct node *node = parent; node != NULL; node = node->next, length++)
            assert_int_equal(node->number, MAGIC);
        assert_int_equal(length, 22);
    }
    support_set(&stop, 1);
    tp_gc_blocking_begin();
    support_join(collector);
    tp_gc_blocking_end();
}

static const struct support_scenario scenarios[] = {
    {"end_without_begin", end_without_begin},
    {"detach_in_a_region", detach_in_a_region},
    {"allocate_in_a_region", allocate_in_a_region},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attaching_twice_and_leaving_twice_is_once),
        cmocka_unit_test(what_a_thread_held_dies_with_it),
        cmocka_unit_test(many_threads_come_and_go),
        cmocka_unit_test(exit_handlers_may_allocate),
#ifdef REGISTER_TEST
        cmocka_unit_test(a_region_keeps_what_a_register_holds),
#endif
        cmocka_unit_test(a_region_keeps_what_the_stack_holds),
        cmocka_unit_test(regions_keep_errno_and_race_with_cycles),
        cmocka_unit_test(a_thread_may_end_in_a_region),
        cmocka_unit_test(regions_of_threads_that_are_not_attached_are_nothing),
        cmocka_unit_test(misused_regions_abort),
        cmocka_unit_test(a_stack_that_was_added_is_searched),
        cmocka_unit_test(the_own_stack_is_searched_while_a_coroutine_runs),
        cmocka_unit_test(a_coroutine_may_go_on_in_another_thread),
        cmocka_unit_test(stacks_that_make_no_sense_are_refused),
        cmocka_unit_test(a_child_allocates_and_collects),
        cmocka_unit_test(longjmp_over_stores_is_safe),
    };
    support_start(argv, scenarios);
    return support_group("gc_threads", tests, support_modes);
}
