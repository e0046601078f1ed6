/* SPDX-License-Identifier: BSD-2-Clause */
/* The one thread that writes.

   Each pass takes from every ring as many batches as were there when it looked, so a pass ends
   however busy the producers are, and whatever was in a ring when it began is in the buffer when it
   ends. A flush is asked for after the batches were sent off: the pass that begins with the
   question seen is the one that answers it.

   When a pass finds nothing the writer waits a little, LINGER_NS in all, for more to come and be
   written in one call; then it writes, and collects the batches that did not fill up. When nothing
   at all is left it sleeps until it is woken. So a line waits for 2 x LINGER_NS or so at most, and
   an idle logger costs nothing.

   Falling asleep: the writer stores `sleep`, fences, looks at rings and batches, and only then
   waits. A producer stores its record, fences, and looks at `sleep`. One of them sees the other. */
#include "internal.h"

#define LINGER_NS 5000000L

void writer_knock(struct logger *log)
{
    pthread_mutex_lock(&log->door);
    log->knocked = true;
    pthread_cond_signal(&log->knock);
    pthread_mutex_unlock(&log->door);
}

void writer_wake(struct logger *log, enum sleep depth)
{
    ck_pr_fence_store_load(); /* pairs with the one in rest() */
    if (atomic_load_explicit(&log->sleep, memory_order_relaxed) >= (int)depth)
        writer_knock(log);
}

static struct producer *first_producer(struct logger *log)
{
    return atomic_load_explicit(&log->producers, memory_order_acquire);
}

static bool rings_are_empty(struct logger *log)
{
    for (struct producer *p = first_producer(log); p != NULL; p = p->next) {
        if (ring_used(&p->ring) != 0)
            return false;
    }
    return true;
}

static bool batches_are_empty(struct logger *log)
{
    for (struct producer *p = first_producer(log); p != NULL; p = p->next) {
        if (atomic_load_explicit(&p->pending, memory_order_relaxed) != 0)
            return false;
    }
    return true;
}

static void write_batch(struct logger *log, struct record *line)
{
    while (line != NULL) {
        struct record *next = line->next;
        sink_line(&log->sink, line);
        record_put_line(&log->records, line);
        line = next;
    }
}

/* Returns how many batches it took. */
static unsigned pass(struct logger *log)
{
    unsigned taken = 0;
    for (struct producer *p = first_producer(log); p != NULL; p = p->next) {
        struct record *batch;
        for (unsigned n = ring_used(&p->ring); n > 0 && ring_dequeue(&p->ring, &batch); n--) {
            write_batch(log, batch);
            taken++;
        }
    }
    return taken;
}

/* Tells the threads that log: from now on they count their lines as lost by themselves. */
static void note_error(struct logger *log)
{
    if (log->sink.error != 0)
        atomic_store_explicit(&log->error, log->sink.error, memory_order_release);
}

static void write_out(struct logger *log)
{
    sink_write(&log->sink);
    note_error(log);
}

static void answer_flushes(struct logger *log, uint64_t asked)
{
    pthread_mutex_lock(&log->door);
    log->flush_done = asked;
    pthread_cond_broadcast(&log->answer);
    pthread_mutex_unlock(&log->door);
}

static int64_t now_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Waits at the door for a knock, until `end_ns`; 0: for ever. */
static void wait_for_knock(struct logger *log, int64_t end_ns)
{
    struct timespec end = {.tv_sec = (time_t)(end_ns / 1000000000),
                           .tv_nsec = (long)(end_ns % 1000000000)};
    int over = 0;
    tp_gc_blocking_begin();
    pthread_mutex_lock(&log->door);
    while (!log->knocked && over == 0) {
        if (end_ns == 0)
            over = pthread_cond_wait(&log->knock, &log->door);
        else
            over = pthread_cond_timedwait(&log->knock, &log->door, &end);
    }
    log->knocked = false;
    pthread_mutex_unlock(&log->door);
    tp_gc_blocking_end();
}

static void rest(struct logger *log, enum sleep depth, int64_t end_ns)
{
    atomic_store_explicit(&log->sleep, (int)depth, memory_order_relaxed);
    ck_pr_fence_store_load(); /* pairs with the one in writer_wake() */
    if (rings_are_empty(log) && (depth == NAP || batches_are_empty(log)))
        wait_for_knock(log, end_ns);
    atomic_store_explicit(&log->sleep, AWAKE, memory_order_relaxed);
}

/* Nothing is in the rings. *due_ns: when to write at last; 0: nothing has been waiting. */
static void idle(struct logger *log, int64_t *due_ns)
{
    int64_t now;
    if (log->sink.used == 0 && batches_are_empty(log)) {
        *due_ns = 0;
        rest(log, SLEEP, 0);
        return;
    }
    now = now_ns();
    if (*due_ns == 0)
        *due_ns = now + LINGER_NS;
    if (now < *due_ns) {
        rest(log, NAP, *due_ns);
        return;
    }
    *due_ns = 0;
    write_out(log);
    for (struct producer *p = first_producer(log); p != NULL; p = p->next)
        producer_try_publish(p);
}

void *writer_run(void *argument)
{
    struct logger *log = argument;
    uint64_t done = 0;
    int64_t due_ns = 0;
    for (unsigned turn = 0; !records_enter(&log->records);)
        back_off(&turn);
    for (;;) {
        /* both pair with the stores in logger.c: what was sent off before them is seen below */
        bool closing = atomic_load_explicit(&log->closing, memory_order_acquire);
        uint64_t asked = atomic_load_explicit(&log->flush_asked, memory_order_acquire);
        unsigned taken = pass(log);
        note_error(log);
        if (asked != done) {
            write_out(log);
            answer_flushes(log, asked);
            done = asked;
        }
        tp_gc_safepoint(); /* a pass that fills no buffer does not block */
        if (taken != 0)
            continue;
        if (closing)
            break;
        idle(log, &due_ns);
    }
    write_out(log);
    return NULL;
}
