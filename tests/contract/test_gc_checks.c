/* SPDX-License-Identifier: BSD-2-Clause */
/* Cycles that stop the world (stw, checkmark): threads are stopped wherever they are, with the C
   library's locks too; and those in blocking regions go on, and fork. */
#define _GNU_SOURCE
#include <link.h>
#include <malloc.h>

#include "fork_help.h"
#include "gc_help.h"

/* --- a fork beside the check --- */

enum { NODES = 60000, FORKS = 8 };

static __attribute__((noreturn)) void in_the_child(void)
{
    tp_gc_blocking_end();
    for (int i = 0; i < 2; i++)
        tp_gc_collect();
    check(gc_list_is_whole(gc_ballast, NODES));
    _exit(0);
}

static int forks(void)
{
    static unsigned never;
    bool well = true;
    gc_ballast_load(NODES);
    support_thread(gc_collect_until, &never);
    for (unsigned i = 0; i < FORKS && well; i++) {
        pid_t child;
        tp_gc_blocking_begin();
        support_sleep_ms(1 + i * 7 % 20);
        if (forked(&child))
            in_the_child();
        well = has_ended_well(child);
        tp_gc_blocking_end();
    }
    return !well;
}

static void a_child_of_the_check_collects(void **state)
{
    (void)state;
    support_passes("forks", "checkmark=1");
    support_passes("forks", "checkmark=1,stw=1");
}

/* --- threads that are stopped with a lock of the C library's --- */

static void *use_malloc(void *nothing)
{
    tp_gc_thread_attach();
    for (;;) {
        void *volatile one = malloc(3000);
        void *volatile two = malloc(9000);
        free(one);
        free(two);
    }
    return nothing;
}

static int look_at_object(struct dl_phdr_info *object, size_t size, void *count)
{
    (void)object;
    (void)size;
    (*(volatile long *)count)++;
    return 0;
}

static void *use_the_loader(void *nothing)
{
    long count = 0;
    tp_gc_thread_attach();
    for (;;)
        dl_iterate_phdr(look_at_object, &count);
    return nothing;
}

static int collect_beside(void *(*thread)(void *))
{
    enum { CYCLES = 10 };
    alarm(CHILD_SECONDS);
    (void)!tp_gc_alloc_leaf(16);
    support_thread(thread, NULL);
    support_sleep_ms(20);
    for (int i = 0; i < CYCLES; i++)
        tp_gc_collect();
    return 0;
}

static int beside_malloc(void)
{
    mallopt(M_ARENA_MAX, 1); /* all threads have one lock */
    return collect_beside(use_malloc);
}

static int beside_the_loader(void)
{
    return collect_beside(use_the_loader);
}

static void the_stopped_world_may_hold_locks(void **state)
{
    (void)state;
    if (support_tsan) /* no signals: nobody is stopped there */
        skip();
    for (int i = 0; i < 3; i++)
        support_passes("beside malloc", "stw=1,gcworkers=2");
    support_passes("beside the loader", "stw=1,dsoroots=1");
    support_passes("beside the loader", "checkmark=1,dsoroots=1");
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {
        {"forks", forks},
        {"beside malloc", beside_malloc},
        {"beside the loader", beside_the_loader},
        {NULL, NULL},
    };
    static const char *const no_modes[] = {NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_of_the_check_collects),
        cmocka_unit_test(the_stopped_world_may_hold_locks),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("gc checks", tests, no_modes);
}
