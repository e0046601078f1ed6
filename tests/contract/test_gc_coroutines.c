/* SPDX-License-Identifier: BSD-2-Clause */
/* Coroutine stacks of the collected heap, by ucontext(3). The contexts lie at the bottom of their
   stacks, since swapcontext keeps registers in them. */
#include <sys/mman.h>
#include <ucontext.h>

#include "gc_threads_help.h"

enum { STACK_BYTES = 64 << 10 };

struct coroutine {
    ucontext_t self, resumer;
    struct node *(*run)(struct coroutine *coroutine);
    struct node *result;
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

/* Whether it lives; add: the stack stays added meanwhile. */
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
    return lives ? &wrong : NULL;
}

static void a_stack_that_was_added_is_searched(void **state)
{
    (void)state;
    assert_non_null(in_thread(coroutine_holds, &wrong));
    assert_true(returns_null_once(coroutine_holds, NULL));
}

static struct node *collect_in_coroutine(struct coroutine *coroutine)
{
    (void)coroutine;
    scrub();
    tp_gc_collect();
    tp_gc_blocking_begin();
    collect_elsewhere();
    tp_gc_blocking_end();
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
    (void)state;
    coroutine_begin(relay.coroutine, hold_and_yield);
    assert_int_equal(tp_gc_stack_add(relay.coroutine, STACK_BYTES), 0);
    coroutine_resume(relay.coroutine);
    pthread_t other = support_thread(resume_in_another, &relay);
    support_gate_wait(&relay.added);
    assert_int_equal(tp_gc_stack_remove(relay.coroutine), 0);
    support_gate_open(&relay.removed);
    assert_non_null(gc_join_result(other));
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

int main(int argc, char **argv)
{
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_that_was_added_is_searched),
        cmocka_unit_test(the_own_stack_is_searched_while_a_coroutine_runs),
        cmocka_unit_test(a_coroutine_may_go_on_in_another_thread),
        cmocka_unit_test(stacks_that_make_no_sense_are_refused),
    };
    support_start(argv, support_no_scenarios);
    if (support_tsan) { /* it does not know what swapcontext does */
        print_message("no coroutines under ThreadSanitizer\n");
        return 77;
    }
    return support_group("gc_coroutines", tests, support_modes);
}
