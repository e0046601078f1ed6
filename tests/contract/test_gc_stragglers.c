/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that do not answer the collector by themselves: they are asked by a signal, and what only
   they hold lives; where they block the signal, or there is none, a line on stderr names them and
   tp_gc_collect returns. A straggler holds the watched object; main's thread collects. */
#include <poll.h>
#include <semaphore.h>
#include <sys/prctl.h>

#include "gc_threads_help.h"

enum { STRAGGLE_MS_MAX = 500 }; /* 20 on a machine that has nothing else to do */

struct straggler {
    const char *name;
    void (*wait)(struct straggler *straggler); /* until `stop`, or `ends` can be read */
    unsigned ready, stop;
    int ends[2];
    int error; /* of the wait */
    bool alive;
    pthread_t thread;
};

static void *straggle(void *argument)
{
    struct straggler *straggler = argument;
    struct node *volatile held = make_watched();
    scrub();
    support_set(&straggler->ready, 1);
    straggler->wait(straggler);
    straggler->alive = held->number == MAGIC && lived();
    return NULL;
}

static void straggler_start(struct straggler *straggler)
{
    assert_int_equal(pipe(straggler->ends), 0);
    straggler->thread = support_thread(straggle, straggler);
    support_until(support_read(&straggler->ready) != 0);
    support_sleep_ms(20);
}

static void straggler_end(struct straggler *straggler)
{
    support_set(&straggler->stop, 1);
    assert_int_equal(write(straggler->ends[1], "x", 1), 1);
    gc_join(straggler->thread);
    close(straggler->ends[0]);
    close(straggler->ends[1]);
    assert_true(straggler->alive);
}

static int64_t collect_ms(void)
{
    int64_t start = support_now_ns();
    tp_gc_collect();
    return (support_now_ns() - start) / 1000000;
}

/* The shorter of two cycles that wait for it. */
static void straggler_run(struct straggler *straggler)
{
    straggler_start(straggler);
    int64_t first = collect_ms(), second = collect_ms();
    print_message("%s: cycles of %lld and %lld ms\n", straggler->name, (long long)first,
                  (long long)second);
    straggler_end(straggler);
    assert_true((first < second ? first : second) < STRAGGLE_MS_MAX);
}

/* --- system calls --- */

/* Restarted, as SA_RESTART has it. */
static void wait_by_read(struct straggler *straggler)
{
    char byte;
    straggler->error = read(straggler->ends[0], &byte, 1) == 1 ? 0 : errno;
}

static void read_is_restarted(void **state)
{
    struct straggler straggler = {.name = "read", .wait = wait_by_read};
    (void)state;
    straggler_run(&straggler);
    assert_int_equal(straggler.error, 0);
}

/* These end with EINTR; the caller asks again. */
static void wait_by_poll(struct straggler *straggler)
{
    struct pollfd end = {.fd = straggler->ends[0], .events = POLLIN};
    while (poll(&end, 1, -1) != 1)
        straggler->error = errno;
}

static void wait_by_sleep(struct straggler *straggler)
{
    struct timespec left = {.tv_sec = 0, .tv_nsec = 100000000};
    while (support_read(&straggler->stop) == 0) {
        if (nanosleep(&left, &left) != 0)
            straggler->error = errno;
        else
            left.tv_nsec = 100000000;
    }
}

static void wait_by_semaphore(struct straggler *straggler)
{
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    while (support_read(&straggler->stop) == 0) {
        struct timespec deadline;
        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_sec++;
        if (sem_timedwait(&semaphore, &deadline) != 0 && errno != ETIMEDOUT)
            straggler->error = errno;
    }
    sem_destroy(&semaphore);
}

static void other_calls_end_with_eintr_at_most(void **state)
{
    struct straggler stragglers[] = {
        {.name = "poll", .wait = wait_by_poll},
        {.name = "nanosleep", .wait = wait_by_sleep},
        {.name = "sem_timedwait", .wait = wait_by_semaphore},
    };
    (void)state;
    for (unsigned i = 0; i < SUPPORT_COUNT(stragglers); i++) {
        straggler_run(&stragglers[i]);
        assert_true(stragglers[i].error == 0 || stragglers[i].error == EINTR);
    }
}

static void *collect_and_measure(void *ms)
{
    support_sleep_ms(20);
    *(int64_t *)ms = collect_ms();
    return NULL;
}

static void main_may_join(void **state)
{
    struct node *volatile held = make_watched();
    int64_t ms = 0;
    (void)state;
    scrub();
    support_join(support_thread(collect_and_measure, &ms));
    print_message("pthread_join: a cycle of %lld ms\n", (long long)ms);
    assert_true(ms < STRAGGLE_MS_MAX);
    assert_int_equal(held->number, MAGIC);
    assert_true(lived());
}

/* --- the user's signal handler, on a stack of its own --- */

static struct straggler *interrupted;

static void read_in_handler(int number)
{
    int saved = errno;
    (void)number;
    wait_by_read(interrupted);
    errno = saved;
}

static void wait_in_handler(struct straggler *straggler)
{
    stack_t stack = {.ss_size = 128 << 10}, none = {.ss_flags = SS_DISABLE};
    struct sigaction action = {.sa_handler = read_in_handler, .sa_flags = SA_ONSTACK}, before;
    stack.ss_sp = malloc(stack.ss_size);
    interrupted = straggler;
    straggler->error = sigaltstack(&stack, NULL) | sigaction(SIGUSR1, &action, &before);
    raise(SIGUSR1);
    sigaction(SIGUSR1, &before, NULL);
    sigaltstack(&none, NULL);
    free(stack.ss_sp);
}

static void a_handler_on_a_stack_of_its_own_may_wait(void **state)
{
    struct straggler straggler = {.name = "handler", .wait = wait_in_handler};
    (void)state;
    straggler_run(&straggler);
    assert_int_equal(straggler.error, 0);
}

/* --- loops --- */

static void wait_by_loop(struct straggler *straggler)
{
    volatile uint64_t sum = 0;
    while (support_read(&straggler->stop) == 0)
        sum += sum * 3 + 1;
}

static void a_long_loop_is_interrupted(void **state)
{
    struct straggler straggler = {.name = "loop", .wait = wait_by_loop};
    (void)state;
    straggler_run(&straggler);
}

/* One object wanders between two others: at any time it hangs on one of them, and is seen by the
   thread. Most signals find the thread in a barrier. */
static void wait_by_stores(struct straggler *straggler)
{
    struct node *volatile one = make(), *volatile other = make();
    struct node *wanderer = make();
    tp_gc_store(&one->next, wanderer);
    wanderer = NULL;
    while (support_read(&straggler->stop) == 0) {
        for (unsigned i = 0; i < 1000; i++) {
            tp_gc_store(&other->next, one->next);
            tp_gc_store(&one->next, NULL);
            tp_gc_store(&one->next, other->next);
            tp_gc_store(&other->next, NULL);
        }
        if (one->next->number != MAGIC)
            support_add(&wrong, 1);
    }
}

static void a_loop_of_stores_is_interrupted(void **state)
{
    struct straggler straggler = {.name = "stores", .wait = wait_by_stores};
    unsigned stop = 0;
    (void)state;
    wrong = 0;
    straggler_run(&straggler);
    straggler = (struct straggler){.name = "stores", .wait = wait_by_stores};
    straggler_start(&straggler);
    pthread_t other = support_thread(gc_collect_until, &stop); /* two that ask */
    for (unsigned i = 0; i < 20; i++)
        tp_gc_collect();
    support_set(&stop, 1);
    gc_join(other);
    straggler_end(&straggler);
    assert_int_equal(wrong, 0);
}

#if defined(__x86_64__) || defined(__aarch64__)
/* Its object is in one vector register alone from when *ready is 1 until *stop is not 0. */
struct node *hold_in_vector(struct node *(*get)(void), void (*clean)(void), unsigned *ready,
                            const unsigned *stop);
#if defined(__x86_64__)
__asm__(".text\n"
        ".globl hold_in_vector\n"
        ".type hold_in_vector, @function\n"
        "hold_in_vector:\n\t"
        "pushq %rbx\n\t"
        "pushq %rbp\n\t"
        "pushq %r12\n\t"
        "pushq %r13\n\t"
        "subq $8, %rsp\n\t"
        "movq %rsi, %rbp\n\t"
        "movq %rdx, %r12\n\t"
        "movq %rcx, %r13\n\t"
        "call *%rdi\n\t"
        "movq %rax, %rbx\n\t"
        "notq %rbx\n\t" /* no pointer while it is cleaned up */
        "call *%rbp\n\t"
        "notq %rbx\n\t"
        "movq %rbx, %xmm9\n\t"
        "xorl %ebx, %ebx\n\t"
        "movl $1, (%r12)\n"
        "1:\n\t"
        "pause\n\t"
        "cmpl $0, (%r13)\n\t"
        "je 1b\n\t"
        "movq %xmm9, %rax\n\t"
        "addq $8, %rsp\n\t"
        "popq %r13\n\t"
        "popq %r12\n\t"
        "popq %rbp\n\t"
        "popq %rbx\n\t"
        "ret\n\t"
        ".size hold_in_vector, . - hold_in_vector\n");
#else
__asm__(".text\n"
        ".globl hold_in_vector\n"
        ".type hold_in_vector, %function\n"
        "hold_in_vector:\n\t"
        "stp x29, x30, [sp, #-48]!\n\t"
        "stp x19, x20, [sp, #16]\n\t"
        "stp x21, x22, [sp, #32]\n\t"
        "mov x20, x1\n\t"
        "mov x21, x2\n\t"
        "mov x22, x3\n\t"
        "blr x0\n\t"
        "mvn x19, x0\n\t"
        "blr x20\n\t"
        "mvn x0, x19\n\t"
        "mov x19, #0\n\t"
        "fmov d20, x0\n\t"
        "mov x0, #0\n\t"
        "mov w1, #1\n\t"
        "str w1, [x21]\n"
        "1:\n\t"
        "ldr w1, [x22]\n\t"
        "cbz w1, 1b\n\t"
        "fmov x0, d20\n\t"
        "ldp x21, x22, [sp, #32]\n\t"
        "ldp x19, x20, [sp, #16]\n\t"
        "ldp x29, x30, [sp], #48\n\t"
        "ret\n\t"
        ".size hold_in_vector, . - hold_in_vector\n");
#endif

static void *straggle_with_a_vector(void *argument)
{
    struct straggler *straggler = argument;
    const struct node *node =
        hold_in_vector(make_watched, scrub, &straggler->ready, &straggler->stop);
    straggler->alive = node->number == MAGIC && lived();
    return NULL;
}

static void vector_registers_are_searched(void **state)
{
    struct straggler straggler = {.ready = 0};
    (void)state;
    straggler.thread = support_thread(straggle_with_a_vector, &straggler);
    support_until(support_read(&straggler.ready) != 0);
    (void)collect_ms();
    (void)collect_ms();
    support_set(&straggler.stop, 1);
    gc_join(straggler.thread);
    assert_true(straggler.alive);
}
#define VECTOR_TESTS cmocka_unit_test(vector_registers_are_searched),
#else
#define VECTOR_TESTS
#endif

/* --- a barrier's block that takes long: each signal in it sets the thread back to its start --- */

#if defined(TP_DETAIL_GC_BLOCKS)
static unsigned begun; /* how often the block was */

#if defined(__x86_64__)
static void wait_in_block(struct straggler *straggler)
{
    __asm__ volatile(TP_DETAIL_GC_BLOCK_BEGIN "incl %[begun]\n"
                                              "3:\tpause\n\t"
                                              "cmpl $0, %[stop]\n\t"
                                              "je 3b\n" TP_DETAIL_GC_BLOCK_END
                     : [begun] "+m"(begun)
                     : [stop] "m"(straggler->stop)
                     : "memory", "cc");
}
#else
static void wait_in_block(struct straggler *straggler)
{
    __asm__ volatile(TP_DETAIL_GC_BLOCK_BEGIN "ldr w9, %[begun]\n\t"
                                              "add w9, w9, #1\n\t"
                                              "str w9, %[begun]\n"
                                              "3:\tldr w9, %[stop]\n\t"
                                              "cbz w9, 3b\n" TP_DETAIL_GC_BLOCK_END
                     : [begun] "+Q"(begun)
                     : [stop] "Q"(straggler->stop)
                     : "memory", "x9");
}
#endif

static void blocks_are_begun_again(void **state)
{
    struct straggler straggler = {.name = "block", .wait = wait_in_block};
    (void)state;
    begun = 0;
    straggler_run(&straggler);
    assert_true(begun >= 2);
}
#define BLOCK_TESTS cmocka_unit_test(blocks_are_begun_again),
#else
#define BLOCK_TESTS
#endif

/* --- who cannot be asked --- */

/* Gives up by itself, for where the collecting thread is the one that waits. */
static void wait_deaf(struct straggler *straggler)
{
    struct pollfd end = {.fd = straggler->ends[0], .events = POLLIN};
    poll(&end, 1, 3000);
}

static void wait_blocked(struct straggler *straggler)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "hard-of-hearing");
    wait_deaf(straggler);
}

/* Whether tp_gc_collect comes back, and once more when the straggler answers again. */
static int collect_beside(struct straggler *straggler)
{
    if (pipe(straggler->ends) != 0)
        return 1;
    if (pthread_create(&straggler->thread, NULL, straggle, straggler) != 0)
        return 2;
    while (support_read(&straggler->ready) == 0)
        support_sleep_ms(1);
    support_sleep_ms(50);
    if (collect_ms() > 10000)
        return 3;
    if (write(straggler->ends[1], "x", 1) != 1 || pthread_join(straggler->thread, NULL) != 0)
        return 4;
    uint64_t cycle = tp_gc_collect();
    return straggler->alive && tp_gc_cycle() >= cycle ? 0 : 5;
}

static int beside_blocked_signals(void)
{
    struct straggler straggler = {.wait = wait_blocked};
    return collect_beside(&straggler);
}

static int beside_a_bare_poll(void)
{
    struct straggler straggler = {.wait = wait_deaf};
    return collect_beside(&straggler);
}

static void expect_line(const char *scenario, const char *options, const char *says,
                        const char *names)
{
    struct support_result result;
    support_run(scenario, options, &result);
    if (!support_has_passed(&result) || strstr(result.text, "has not answered") == NULL ||
        strstr(result.text, says) == NULL || strstr(result.text, names) == NULL)
        fail_msg("'%s': status 0x%x, stderr:\n%s", scenario, (unsigned)result.status, result.text);
}

static void who_blocks_the_signal_is_named(void **state)
{
    (void)state;
    expect_line("beside_blocked_signals", NULL,
                support_tsan ? "signals are off (ThreadSanitizer" : "blocks the signal",
                "(hard-of-hearing)");
}

static void without_signals_who_does_not_poll_is_named(void **state)
{
    (void)state;
    expect_line("beside_a_bare_poll", "gcsignal=0", "signals are off", "tp_gc_safepoint");
}

static const struct support_scenario scenarios[] = {
    {"beside_blocked_signals", beside_blocked_signals},
    {"beside_a_bare_poll", beside_a_bare_poll},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_is_restarted),
        cmocka_unit_test(other_calls_end_with_eintr_at_most),
        cmocka_unit_test(main_may_join),
        cmocka_unit_test(a_handler_on_a_stack_of_its_own_may_wait),
        cmocka_unit_test(a_long_loop_is_interrupted),
        cmocka_unit_test(a_loop_of_stores_is_interrupted),
        BLOCK_TESTS VECTOR_TESTS cmocka_unit_test(who_blocks_the_signal_is_named),
        cmocka_unit_test(without_signals_who_does_not_poll_is_named),
    };
    const struct CMUnitTest without_signals[] = {
        cmocka_unit_test(who_blocks_the_signal_is_named),
        cmocka_unit_test(without_signals_who_does_not_poll_is_named),
    };
    support_start(argv, scenarios);
    if (support_tsan)
        return support_group("gc_stragglers", without_signals, support_modes);
    return support_group("gc_stragglers", tests, support_modes);
}
