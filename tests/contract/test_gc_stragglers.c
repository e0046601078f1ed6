/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that do not answer the collector by themselves: they are asked by a signal, and what only
   they hold lives; where they block the signal, or there is none, a line on stderr names them and
   tp_gc_collect returns. A straggler holds the watched object; main's thread collects. */
#include <poll.h>
#include <semaphore.h>

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
    support_join(straggler->thread);
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

static void straggler_run(struct straggler *straggler)
{
    straggler_start(straggler);
    int64_t first = collect_ms(), second = collect_ms();
    print_message("%s: cycles of %lld and %lld ms\n", straggler->name, (long long)first,
                  (long long)second);
    straggler_end(straggler);
    if (!support_sanitized) /* under ThreadSanitizer there are no signals */
        assert_true(tpi_min_ms(first, second) < STRAGGLE_MS_MAX);
}
