/* SPDX-License-Identifier: BSD-2-Clause */
/* No waiter is forgotten. In each round every worker waits once for an object of a bounded pool,
   holds it for a moment and gives it back in one way or another; nobody comes again, so that a
   wakeup that was lost is made good by nobody. Beside them one thread reserves, trims, collects,
   gets without waiting, or does nothing. A round that does not end is a failure, and so is a
   refusal by a pool that nobody destroyed. Now and then the pool is destroyed under its waiters. */
#include "model.h"

#include <sched.h>
#include <semaphore.h>

enum { WORKERS = 4, ROUND_MAX_S = 20 };

enum way { PUT, PUT_MANY, DROPPED_BY_KEEP, WAYS };

static struct worker {
    pthread_t thread;
    sem_t go, done;
    uint32_t who;
    struct stress_random random;
} workers[WORKERS + 1];

static struct model model;
static _Atomic bool quit, destroying;
static uint64_t rounds, destroyed;

static bool keep_some(const void *object, void *context)
{
    (void)context;
    return ((const struct body *)object)->dirty == 1;
}

static void sem_take(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        ;
}

static void hold_for_a_moment(struct stress_random *random)
{
    uint32_t dice = stress_below(random, 8);
    if (dice == 0)
        stress_sleep_ns(20000);
    else if (dice < 3)
        sched_yield();
}

static void give_back(struct worker *worker, void *object)
{
    switch ((enum way)stress_below(&worker->random, WAYS)) {
    case DROPPED_BY_KEEP:
        ((struct body *)object)->dirty = 2;
        model_put_begins(&model, object, worker->who);
        tp_pool_put(model.pool, object);
        break;
    case PUT_MANY:
        model_put_begins(&model, object, worker->who);
        tp_pool_put_many(model.pool, &object, 1);
        break;
    case PUT:
    case WAYS:
        model_put_begins(&model, object, worker->who);
        tp_pool_put(model.pool, object);
        break;
    }
}

static void wait_once(struct worker *worker)
{
    void *object;
    bool patient = atomic_load(&destroying) || stress_below(&worker->random, 4) != 0;
    do {
        object = tp_pool_get_wait(model.pool, patient ? -1 : 50000);
    } while (object == NULL && errno == EAGAIN && !patient);
    if (object == NULL) {
        STRESS_CHECK(errno == EINVAL && atomic_load(&destroying), "get_wait: %s", strerror(errno));
        return;
    }
    model_got(&model, object, worker->who);
    hold_for_a_moment(&worker->random);
    give_back(worker, object);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (;;) {
        sem_take(&worker->go);
        if (atomic_load(&quit))
            return NULL;
        wait_once(worker);
        sem_post(&worker->done);
    }
}

/* What one more thread does in a round. */
static void disturb_once(struct worker *worker)
{
    void *object;
    switch (stress_below(&worker->random, 6)) {
    case 0:
        tp_pool_trim(model.pool);
        break;
    case 1:
        tp_gc_collect();
        break;
    case 2:
        (void)tp_pool_reserve(model.pool, model.options.live_max);
        break;
    case 3:
        object = tp_pool_get(model.pool);
        if (object == NULL)
            break;
        model_got(&model, object, worker->who);
        hold_for_a_moment(&worker->random);
        give_back(worker, object);
        break;
    default:
        break;
    }
}

static void *disturb(void *argument)
{
    struct worker *worker = argument;
    for (;;) {
        sem_take(&worker->go);
        if (atomic_load(&quit))
            return NULL;
        disturb_once(worker);
        sem_post(&worker->done);
    }
}

static void round_must_end(sem_t *done)
{
    struct timespec until;
    tp_pool_stats stats;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ROUND_MAX_S;
    int error;
    do {
        error = sem_timedwait(done, &until);
    } while (error != 0 && errno == EINTR);
    if (error == 0)
        return;
    tp_pool_stats_read(model.pool, &stats);
    stress_fail("round %llu does not end: %llu wait, %llu idle, %llu live of %zu",
                (unsigned long long)rounds, (unsigned long long)stats.waiting,
                (unsigned long long)stats.idle, (unsigned long long)stats.live,
                model.options.live_max);
}

static void open_pool(struct stress_random *random)
{
    static const tp_pool_options kinds[] = {
        {.name = "plain", .size = 64},
        {.name = "built", .size = 64, .construct = model_construct, .destruct = model_destruct},
        {.name = "foreign", .make = model_make, .destruct = model_destruct},
    };
    memset(&model, 0, sizeof model);
    model.options = kinds[stress_below(random, 3)];
    model.bytes = 64;
    model.options.live_max = 1 + stress_below(random, 3);
    if (stress_below(random, 2) == 0)
        model.options.keep = keep_some;
    if (stress_below(random, 4) == 0)
        model.options.idle_max = 1;
    model_open(&model);
}

/* All that there is is held here; every worker waits; the pool goes; nobody sleeps on. */
static void round_of_destruction(struct stress_random *random)
{
    void *objects[3];
    size_t n = 0;
    tp_pool_stats stats;
    while (n < 3 && (objects[n] = tp_pool_get(model.pool)) != NULL)
        model_got(&model, objects[n++], 99);
    atomic_store(&destroying, true);
    for (int i = 0; i < WORKERS; i++)
        sem_post(&workers[i].go);
    do {
        stress_sleep_ns(20000);
        tp_pool_stats_read(model.pool, &stats);
    } while (stats.waiting < WORKERS);
    if (stress_below(random, 2) == 0)
        stress_sleep_ns(30000);
    tp_pool_destroy(model.pool);
    for (int i = 0; i < WORKERS; i++)
        round_must_end(&workers[i].done);
    while (n > 0) {
        model_put_begins(&model, objects[--n], 99);
        tp_pool_put(model.pool, objects[n]);
    }
    tp_gc_collect();
    STRESS_CHECK(atomic_load(&model.live) == 0, "a pool that is gone left %llu objects",
                 (unsigned long long)atomic_load(&model.live));
    atomic_store(&destroying, false);
    open_pool(random);
    destroyed++;
}

static void waiters_run(int64_t deadline)
{
    struct stress_random random = stress_stream(0, 0);
    tp_gc_percent_set(-1);
    model_probe();
    open_pool(&random);
    for (uint32_t i = 0; i <= WORKERS; i++) {
        workers[i].who = i + 1;
        workers[i].random = stress_stream(i + 1, 0);
        sem_init(&workers[i].go, 0, 0);
        sem_init(&workers[i].done, 0, 0);
        pthread_create(&workers[i].thread, NULL, i < WORKERS ? work : disturb, &workers[i]);
    }
    for (; stress_now_ns() < deadline; rounds++) {
        for (int i = 0; i <= WORKERS; i++)
            sem_post(&workers[i].go);
        for (int i = 0; i <= WORKERS; i++)
            round_must_end(&workers[i].done);
        if (rounds % 64 == 0)
            model_check(&model);
        if (stress_below(&random, 100) == 0)
            round_of_destruction(&random);
    }
    atomic_store(&quit, true);
    for (int i = 0; i <= WORKERS; i++) {
        sem_post(&workers[i].go);
        pthread_join(workers[i].thread, NULL);
    }
    model_is_empty(&model);
    tp_pool_destroy(model.pool);
    printf("%llu rounds, %llu pools destroyed\n", (unsigned long long)rounds,
           (unsigned long long)destroyed);
}

int main(int argc, char **argv)
{
    static const struct stress_mode modes[] = {
        {"lossy=0", "2"}, {"rseq=off,lossy=0", "4"}, {"service=0,lossy=0", "8"},
        {"poolcheck=1", "8"}};
    return stress_main(argc, argv, "test_waiters", waiters_run, modes,
                       sizeof modes / sizeof modes[0]);
}
