/* SPDX-License-Identifier: BSD-2-Clause */
/* Forks in the midst of all that threads do, callbacks and cycles included. The child has a copy of
   the table of owners: what another thread owned when the parent forked is lost to the child, and
   may never be handed out there; what was idle must be. The child gets, puts, starts threads,
   collects, destroys, forks a grandchild now and then, and must end in time and without a clash. */
#include "model.h"

#include <signal.h>

enum { WORKERS = 3, HELD_MAX = 24, MANY_MAX = 8, CHILD_MAX_S = 60, PARENT = 100, CHILD = 200 };

static struct model models[] = {
    {.options = {.name = "plain", .size = 64}},
    {.options = {.name = "built", .size = 200, .construct = model_construct, .reset = model_reset,
                 .destruct = model_destruct}},
    {.options = {.name = "picky", .size = 80, .construct = model_construct, .keep = model_keep,
                 .destruct = model_destruct}},
    {.options = {.name = "bounded", .size = 48, .construct = model_construct, .live_max = 40,
                 .idle_max = 30, .destruct = model_destruct}},
    {.options = {.name = "foreign", .make = model_make, .destruct = model_destruct},
     .bytes = 72, .from_heap = true},
    {.options = {.name = "large", .size = 50000}},
    {.options = {.name = "outer", .size = 100, .construct = model_construct,
                 .destruct = model_destruct},
     .inner = &models[0]},
};

enum { MODELS = sizeof models / sizeof models[0] };

static _Atomic bool stop;
static _Atomic uint32_t next_who;

struct worker {
    uint32_t who;
    struct stress_random random;
    struct {
        void *object;
        struct model *model; /* NULL: of the heap */
    } held[HELD_MAX + MANY_MAX];
    size_t n;
};

/* --- what every thread does --- */

static void hold(struct worker *worker, struct model *model, void *object)
{
    worker->held[worker->n].object = object;
    worker->held[worker->n++].model = model;
}

static void get_some(struct worker *worker)
{
    struct model *model = &models[stress_below(&worker->random, MODELS)];
    void *objects[MANY_MAX];
    size_t want = 1 + stress_below(&worker->random, MANY_MAX);
    size_t got = 0;
    if (stress_below(&worker->random, 2) == 0)
        got = tp_pool_get_many(model->pool, objects, want);
    else if ((objects[0] = tp_pool_get_wait(model->pool, 100000)) != NULL)
        got = 1;
    if (got == 0)
        model_refused(model, errno);
    for (size_t i = 0; i < got; i++) {
        model_got(model, objects[i], worker->who);
        hold(worker, model, objects[i]);
    }
}

static void alloc_some(struct worker *worker)
{
    uint32_t *memory = tp_heap_alloc((size_t)16 << stress_below(&worker->random, 13));
    STRESS_CHECK(memory != NULL, "tp_heap_alloc: %s", strerror(errno));
    stress_take(memory, worker->who, "heap");
    *memory = worker->who;
    hold(worker, NULL, memory);
}

static void put_one(struct worker *worker)
{
    if (worker->n == 0)
        return;
    size_t at = stress_below(&worker->random, (uint32_t)worker->n);
    void *object = worker->held[at].object;
    struct model *model = worker->held[at].model;
    worker->held[at] = worker->held[--worker->n];
    if (model != NULL) {
        model_put_begins(model, object, worker->who);
        tp_pool_put(model->pool, object);
    } else {
        STRESS_CHECK(*(uint32_t *)object == worker->who, "heap: %p was written", object);
        stress_give(object, worker->who, "heap");
        tp_heap_free(object);
    }
}

static void do_something(struct worker *worker)
{
    uint32_t dice = stress_below(&worker->random, 200);
    while (worker->n > HELD_MAX)
        put_one(worker);
    if (dice < 60)
        get_some(worker);
    else if (dice < 80)
        alloc_some(worker);
    else if (dice < 196)
        put_one(worker);
    else if (dice < 198)
        tp_pool_trim(models[stress_below(&worker->random, MODELS)].pool);
    else if (dice < 199)
        tp_gc_collect();
    else
        (void)tp_pool_reserve(models[stress_below(&worker->random, MODELS)].pool, 20);
}

static void *work(void *argument)
{
    struct worker worker = {.who = atomic_fetch_add(&next_who, 1)};
    worker.random = stress_stream(worker.who, (uint64_t)getpid());
    uint32_t left = (uint32_t)(uintptr_t)argument;
    while (left-- > 0 && !atomic_load(&stop))
        do_something(&worker);
    while (worker.n > 0)
        put_one(&worker);
    return NULL;
}

/* --- the child --- */

static pid_t fork_one(unsigned generation);

static void child_lives(unsigned generation)
{
    pthread_t thread;
    stress_in_child = true;
    alarm(CHILD_MAX_S);
    atomic_store(&next_who, CHILD * (generation + 1));
    atomic_store(&stop, false);
    if (stress_child_may_start_threads)
        STRESS_CHECK(pthread_create(&thread, NULL, work, (void *)500) == 0, "no thread in a child");
    work((void *)300);
    pid_t grandchild = generation < 2 && chance(4) ? fork_one(generation + 1) : 0;
    if (stress_child_may_start_threads)
        pthread_join(thread, NULL);
    uint64_t cycle = tp_gc_collect();
    STRESS_CHECK(tp_gc_cycle() >= cycle, "a cycle of a child did not end");
    for (unsigned i = MODELS; i-- > 0;)
        tp_pool_destroy(models[i].pool);
    if (grandchild != 0) {
        int status;
        waitpid(grandchild, &status, 0);
        STRESS_CHECK(status == 0, "a grandchild ended with wait status 0x%x", (unsigned)status);
    }
    _exit(0);
}

static pid_t fork_one(unsigned generation)
{
    pid_t child = fork();
    STRESS_CHECK(child >= 0, "fork: %s", strerror(errno));
    if (child == 0)
        child_lives(generation);
    return child;
}

/* --- the parent --- */

static void fork_run(int64_t deadline)
{
    pthread_t threads[WORKERS];
    unsigned forks = 0;
    atomic_store(&next_who, PARENT);
    for (unsigned i = 0; i < MODELS; i++)
        model_open(&models[i]);
    for (unsigned i = 0; i < WORKERS; i++)
        STRESS_CHECK(pthread_create(&threads[i], NULL, work, (void *)UINT32_MAX) == 0, "no thread");
    do {
        int status;
        pid_t child = fork_one(0);
        STRESS_CHECK(waitpid(child, &status, 0) == child && status == 0,
                     "a child ended with wait status 0x%x", (unsigned)status);
        stress_sleep_ns(1000000);
        forks++;
    } while (stress_now_ns() < deadline);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    tp_gc_collect();
    for (unsigned i = MODELS; i-- > 0;) { /* outer ones before inner ones */
        model_is_empty(&models[i]);
        tp_pool_destroy(models[i].pool);
    }
    printf("%u forks, %llu cycles\n", forks, (unsigned long long)tp_gc_cycle());
}

int main(int argc, char **argv)
{
    static const struct stress_mode modes[] = {
        {"poolcheck=1,service=0", "4"}, {"service=0", "4"}, {"", "2"}, {"rseq=off", "4"}};
    int first = stress_child_may_malloc ? 0 : 1; /* poolcheck does */
    int end = stress_child_may_start_threads ? 4 : 2;
    return stress_main(argc, argv, "test_fork", fork_run, modes + first, (size_t)(end - first));
}
