/* SPDX-License-Identifier: BSD-2-Clause */
/* The inlined sequences under fire, for test_sequence.c and for tests/control/.

   A delay is compiled in between each sequence's compare and its commit, so that a thread is nearly
   always in the middle of one. Workers get, own, give and put; they come and go, and use pools in
   exit handlers that run after the library's. Beside them a thread takes and rotates without pause,
   and SIGPROF stops workers in mid-operation for a while. No object may be in two hands, and none
   may be lost. */
#ifndef TESTS_STRESS_SEQUENCE_H
#define TESTS_STRESS_SEQUENCE_H

#include <tidepool/attrs.h>

/* Several microseconds: longer than a closer takes. `pause` leaves the flags alone. */
#define TP_DETAIL_SEQUENCE_DELAY ".rept 200\n\tpause\n\t.endr\n\t"

#include "stress.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/time.h>

enum { WORKERS = 3, HELD_MAX = 8, BOUND = 10, HEAP_BYTES = 48 };

struct cell {
    uint64_t stamp;
    unsigned char rest[56];
};

TP_POOL_DEFINE(cell, struct cell)

static tp_pool *open_pool, *bound_pool; /* of foreign objects */
static _Atomic uint64_t foreign_live, operations, interrupted, rounds;
static _Atomic bool stop;
static _Atomic int working;
static pthread_key_t late_key;
static sem_t leaving; /* posted by each worker that is about to end */

/* Foreign objects' memory is never libc's again, so that a clash harms nothing but what we look
   at. */
static struct {
    pthread_mutex_t lock;
    struct cell cells[1 << 16];
    uint32_t links[1 << 16]; /* of the free ones, by index; 0: the last */
    uint32_t first_free, used;
} foreign = {.lock = PTHREAD_MUTEX_INITIALIZER, .used = 1};

static void *foreign_make(void *context)
{
    (void)context;
    pthread_mutex_lock(&foreign.lock);
    uint32_t at = foreign.first_free;
    if (at != 0)
        foreign.first_free = foreign.links[at];
    else
        at = foreign.used++;
    pthread_mutex_unlock(&foreign.lock);
    STRESS_CHECK(at < 1 << 16, "objects are made, and never dropped");
    atomic_fetch_add(&foreign_live, 1);
    stress_constructed(&foreign.cells[at], "make");
    return &foreign.cells[at];
}

static void foreign_destruct(void *object, void *context)
{
    uint32_t at = (uint32_t)((struct cell *)object - foreign.cells);
    (void)context;
    stress_destructed(object, "destruct");
    atomic_fetch_sub(&foreign_live, 1);
    pthread_mutex_lock(&foreign.lock);
    foreign.links[at] = foreign.first_free;
    foreign.first_free = at;
    pthread_mutex_unlock(&foreign.lock);
}

/* --- what a worker does: gets some, owns them for a moment, puts them --- */

static void own(void **objects, size_t n, uint32_t who, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        stress_take(objects[i], who, what);
        ((struct cell *)objects[i])->stamp = who;
    }
}

static void disown(void **objects, size_t n, uint32_t who, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t stamp = ((struct cell *)objects[i])->stamp;
        STRESS_CHECK(stamp == who, "%s: object %p of %u was written by %llu", what, objects[i], who,
                     (unsigned long long)stamp);
        stress_give(objects[i], who, what);
    }
}

static void do_singles(tp_pool *pool, uint32_t who, size_t n, const char *what)
{
    void *objects[HELD_MAX];
    size_t got = 0;
    while (got < n && (objects[got] = tp_pool_get(pool)) != NULL)
        got++;
    STRESS_CHECK(got == n || errno == EAGAIN, "%s: %s", what, strerror(errno));
    own(objects, got, who, what);
    disown(objects, got, who, what);
    while (got > 0)
        tp_pool_put(pool, objects[--got]);
}

static void do_many(uint32_t who, size_t n)
{
    void *objects[HELD_MAX];
    size_t got = tp_pool_get_many(open_pool, objects, n);
    STRESS_CHECK(got == n, "get_many: %s", strerror(errno));
    own(objects, got, who, "get_many");
    disown(objects, got, who, "put_many");
    tp_pool_put_many(open_pool, objects, got);
}

static void do_cells(uint32_t who, size_t n)
{
    void *objects[HELD_MAX];
    for (size_t i = 0; i < n; i++)
        objects[i] = cell_get();
    own(objects, n, who, "static pool");
    disown(objects, n, who, "static pool");
    while (n > 0)
        cell_put((struct cell *)objects[--n]);
}

static void do_heap(uint32_t who, size_t n)
{
    void *objects[HELD_MAX];
    for (size_t i = 0; i < n; i++)
        objects[i] = tp_heap_alloc(HEAP_BYTES);
    own(objects, n, who, "heap");
    disown(objects, n, who, "heap");
    while (n > 0)
        tp_heap_free(objects[--n]);
}

static void do_something(struct stress_random *random, uint32_t who)
{
    size_t n = 1 + stress_below(random, HELD_MAX);
    switch (stress_below(random, 8)) {
    case 0:
        do_many(who, n);
        break;
    case 1:
        do_singles(bound_pool, who, n, "bounded pool");
        break;
    case 2:
        do_cells(who, n);
        break;
    case 3:
        do_heap(who, n);
        break;
    default:
        do_singles(open_pool, who, n, "pool");
        break;
    }
    atomic_fetch_add_explicit(&operations, n, memory_order_relaxed);
}

/* Runs after the library's own exit handler: the thread has no fast path any more, and its
   successor, which starts now, may be given its record. */
static void late(void *argument)
{
    uint32_t who = (uint32_t)(uintptr_t)argument;
    struct stress_random random = stress_stream(who, 1);
    sem_post(&leaving);
    for (int i = 0; i < 500; i++)
        do_something(&random, who);
    atomic_fetch_sub(&working, 1);
}

static void *work(void *argument)
{
    uint32_t who = (uint32_t)(uintptr_t)argument;
    struct stress_random random = stress_stream(who, 0);
    pthread_setspecific(late_key, argument);
    for (uint32_t left = 100 + stress_below(&random, 4000); left > 0 && !atomic_load(&stop); left--)
        do_something(&random, who);
    return NULL;
}

/* --- those who disturb --- */

/* In mid-operation, mostly; others go on meanwhile. */
static void on_profile(int signal)
{
    int saved = errno;
    (void)signal;
    stress_sleep_ns(100000);
    atomic_fetch_add_explicit(&interrupted, 1, memory_order_relaxed);
    errno = saved;
}

/* A limit that was left open may also lead a put to where a magazine no longer is. */
static void on_fault(int signal)
{
    stress_fail("signal %d: somebody used a magazine that was taken", signal);
}

static void *disturb(void *argument)
{
    (void)argument;
    for (uint64_t i = 0; !atomic_load(&stop); i++) {
        if (i % 4 == 0)
            tp_gc_collect();
        else
            tp_pool_trim(i % 4 == 1 ? bound_pool : i % 4 == 2 ? open_pool : cell_pool());
        atomic_fetch_add(&rounds, 1);
    }
    return NULL;
}

static void profile_start(void)
{
    struct sigaction on = {.sa_handler = on_profile, .sa_flags = SA_RESTART};
    struct itimerval every_ms = {{.tv_usec = 1000}, {.tv_usec = 1000}};
    sigaction(SIGPROF, &on, NULL);
    setitimer(ITIMER_PROF, &every_ms, NULL);
}

static void profile_stop(void)
{
    struct itimerval never = {{0}, {0}};
    setitimer(ITIMER_PROF, &never, NULL);
}

/* --- one run --- */

static void pools_open(void)
{
    tp_pool_options options = {
        .name = "open", .make = foreign_make, .destruct = foreign_destruct};
    open_pool = tp_pool_create(&options);
    options.name = "bounded";
    options.live_max = BOUND;
    bound_pool = tp_pool_create(&options);
    STRESS_CHECK(open_pool != NULL && bound_pool != NULL, "tp_pool_create: %s", strerror(errno));
}

static void pool_is_whole(tp_pool *pool, const char *what)
{
    tp_pool_stats stats;
    tp_pool_trim(pool);
    tp_pool_stats_read(pool, &stats);
    STRESS_CHECK(stats.live == 0 && stats.made == stats.dropped,
                 "%s: all was put and trimmed, but %llu objects are lost (made %llu, dropped %llu)",
                 what, (unsigned long long)stats.live, (unsigned long long)stats.made,
                 (unsigned long long)stats.dropped);
    STRESS_CHECK(stats.gets == stats.puts, "%s: %llu gets, %llu puts", what,
                 (unsigned long long)stats.gets, (unsigned long long)stats.puts);
}

static void pools_close(void)
{
    pool_is_whole(open_pool, "pool");
    pool_is_whole(bound_pool, "bounded pool");
    pool_is_whole(cell_pool(), "static pool");
    tp_pool_destroy(open_pool);
    tp_pool_destroy(bound_pool);
    STRESS_CHECK(atomic_load(&foreign_live) == 0, "destroyed pools left %llu objects",
                 (unsigned long long)atomic_load(&foreign_live));
}

/* Detached workers, each known by its number. They get SIGPROF, and nobody else does. */
static void worker_start(uintptr_t who, const sigset_t *profile)
{
    pthread_t thread;
    atomic_fetch_add(&working, 1);
    pthread_sigmask(SIG_UNBLOCK, profile, NULL);
    int error = pthread_create(&thread, NULL, work, (void *)who);
    pthread_sigmask(SIG_BLOCK, profile, NULL);
    STRESS_CHECK(error == 0, "pthread_create: %s", strerror(error));
    pthread_detach(thread);
}

/* Until the deadline each worker that leaves has a successor. */
static void workers_run(int64_t deadline, const sigset_t *profile)
{
    uintptr_t who = 0;
    while (who < WORKERS)
        worker_start(++who, profile);
    while (stress_now_ns() < deadline) {
        sem_wait(&leaving);
        worker_start(++who, profile);
    }
    atomic_store(&stop, true);
    while (atomic_load(&working) > 0)
        stress_sleep_ns(1000000);
}

/* Fails or returns at the deadline. */
static void sequence_run(int64_t deadline)
{
    pthread_t disturber;
    sigset_t profile;
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    sigemptyset(&profile);
    sigaddset(&profile, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &profile, NULL);
    pthread_key_create(&late_key, late);
    sem_init(&leaving, 0, 0);
    pools_open();
    int error = pthread_create(&disturber, NULL, disturb, NULL);
    STRESS_CHECK(error == 0, "pthread_create: %s", strerror(error));
    profile_start();
    workers_run(deadline, &profile);
    pthread_join(disturber, NULL);
    profile_stop();
    pools_close();
    printf("%llu operations, %llu cycles and trims, %llu times interrupted\n",
           (unsigned long long)operations, (unsigned long long)rounds,
           (unsigned long long)interrupted);
}

#endif
