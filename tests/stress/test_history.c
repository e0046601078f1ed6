/* SPDX-License-Identifier: BSD-2-Clause */
/* Random histories of everything that threads may do to pools and the heap, against the model
   (model.h): get, put, many, wait, reserve, trim, cycles, pools that come and go, objects that
   travel, threads that end and begin again, callbacks that call the library.

   Every tenth of a second all threads stop, with what they hold, and every count must be exact.
   At the end everything is put, and nothing may be left. The seed decides what each thread does,
   though not when. */
#include "model.h"

enum {
    WORKERS = 4,
    HELD_MAX = 96,
    MANY_MAX = 20,
    MAILBOXES = 16,
    SLOTS = 4,
    TRANSIENT_MAX = 2048,
    ROUND_NS = 100000000,
    MAIN = 1000000 /* an owner */
};

struct held {
    void *object;
    struct model *model; /* NULL: of the heap */
    size_t bytes;        /* of the heap's */
};

struct worker {
    pthread_t thread;
    uint32_t who, lives;
    struct stress_random random;
    struct held held[HELD_MAX];
    size_t n;
    _Atomic bool ended;
};

/* --- the pools --- */

static struct model models[] = {
    {.options = {.name = "plain", .size = 64}},
    {.options = {.name = "built", .size = 200, .construct = model_construct, .reset = model_reset,
                 .destruct = model_destruct}},
    {.options = {.name = "picky", .size = 120, .construct = model_construct, .reset = model_reset,
                 .keep = model_keep, .destruct = model_destruct}},
    {.options = {.name = "idle_max", .size = 48, .construct = model_construct, .idle_max = 20,
                 .destruct = model_destruct}},
    {.options = {.name = "live_max", .size = 40, .construct = model_construct, .live_max = 24,
                 .destruct = model_destruct}},
    {.options = {.name = "foreign", .make = model_make, .live_max = 50, .idle_max = 10,
                 .destruct = model_destruct},
     .bytes = 72},
    {.options = {.name = "large", .size = 6000, .align = 256, .construct = model_construct,
                 .destruct = model_destruct}},
    {.options = {.name = "huge", .size = 40000, .live_max = 12}},
    {.options = {.name = "flaky", .size = 32, .construct = model_construct,
                 .destruct = model_destruct},
     .flaky = 16},
    {.options = {.name = "flaky foreign", .make = model_make, .destruct = model_destruct},
     .bytes = 90, .flaky = 16},
    {.options = {.name = "outer", .size = 100, .construct = model_construct, .reset = model_reset,
                 .destruct = model_destruct},
     .inner = &models[0]},
};

enum { MODELS = sizeof models / sizeof models[0] };

/* Pools that come and go. No get may run beside a destroy, hence the lock; a put may. */
static struct slot {
    pthread_rwlock_t lock;
    struct model *model;
} slots[SLOTS];

static struct model transient[TRANSIENT_MAX];
static _Atomic unsigned transient_used;

static struct worker workers[WORKERS];
static struct held *_Atomic mailboxes[MAILBOXES];
static _Atomic bool pausing, ending;
static _Atomic unsigned parked;
static pthread_key_t exit_key;

/* --- holding --- */

static void hold(struct worker *worker, struct model *model, void *object)
{
    model_got(model, object, worker->who);
    worker->held[worker->n++] = (struct held){.object = object, .model = model};
}

static struct held hold_take(struct worker *worker, size_t at)
{
    struct held held = worker->held[at];
    worker->held[at] = worker->held[--worker->n];
    return held;
}

static void put_back(struct worker *worker, struct held held)
{
    if (held.model != NULL) {
        model_put_begins(held.model, held.object, worker->who);
        errno = 12345;
        tp_pool_put(held.model->pool, held.object);
        STRESS_CHECK(errno == 12345, "%s: a put changed errno", held.model->options.name);
        return;
    }
    STRESS_CHECK(*(uint32_t *)held.object == worker->who, "heap: %p of %u was written by %u",
                 held.object, worker->who, *(uint32_t *)held.object);
    stress_give(held.object, worker->who, "heap");
    tp_heap_free(held.object);
}

static struct model *any_model(struct worker *worker)
{
    return &models[stress_below(&worker->random, MODELS)];
}

/* --- what workers do. There is room for MANY_MAX more in held[] --- */

static void do_get(struct worker *worker)
{
    struct model *model = any_model(worker);
    void *object = tp_pool_get(model->pool);
    if (object != NULL)
        hold(worker, model, object);
    else
        model_refused(model, errno);
}

static void do_put(struct worker *worker)
{
    if (worker->n > 0)
        put_back(worker, hold_take(worker, stress_below(&worker->random, (uint32_t)worker->n)));
}

static void do_get_wait(struct worker *worker)
{
    static const int64_t timeouts[] = {0, 100000, 3000000};
    struct model *model = any_model(worker);
    void *object = tp_pool_get_wait(model->pool, timeouts[stress_below(&worker->random, 3)]);
    if (object != NULL)
        hold(worker, model, object);
    else
        model_refused(model, errno);
}

static void do_get_many(struct worker *worker)
{
    struct model *model = any_model(worker);
    void *objects[MANY_MAX];
    size_t n = stress_below(&worker->random, MANY_MAX + 1);
    size_t got = tp_pool_get_many(model->pool, objects, n);
    if (got < n)
        model_refused(model, errno);
    for (size_t i = 0; i < got; i++)
        hold(worker, model, objects[i]);
}

/* All that it holds of one pool, up to MANY_MAX, and sometimes a NULL. */
static void do_put_many(struct worker *worker)
{
    struct model *model = any_model(worker);
    void *objects[MANY_MAX];
    size_t n = 0;
    if (stress_below(&worker->random, 4) == 0)
        objects[n++] = NULL;
    for (size_t i = worker->n; i-- > 0 && n < MANY_MAX;) {
        if (worker->held[i].model != model)
            continue;
        struct held held = hold_take(worker, i);
        model_put_begins(model, held.object, worker->who);
        objects[n++] = held.object;
    }
    tp_pool_put_many(model->pool, objects, n);
}

static void do_reserve(struct worker *worker)
{
    struct model *model = any_model(worker);
    size_t n = stress_below(&worker->random, 40);
    size_t ready = tp_pool_reserve(model->pool, n);
    int error = errno;
    STRESS_CHECK(ready <= n, "%s: %zu ready of %zu", model->options.name, ready, n);
    STRESS_CHECK(ready == n || model->flaky != 0 || error == EAGAIN, "%s: reserve: %s",
                 model->options.name, strerror(error));
}

static void do_heap(struct worker *worker)
{
    size_t bytes = (size_t)4 << stress_below(&worker->random, 14);
    bytes += stress_below(&worker->random, (uint32_t)bytes);
    size_t at = worker->n == 0 ? 0 : stress_below(&worker->random, (uint32_t)worker->n);
    struct held held = {.bytes = bytes};
    if (worker->n > 0 && worker->held[at].model == NULL) {
        held.object = hold_take(worker, at).object;
        stress_give(held.object, worker->who, "heap");
        held.object = tp_heap_realloc(held.object, bytes);
    } else {
        held.object = tp_heap_alloc(bytes);
    }
    STRESS_CHECK(held.object != NULL && tp_heap_usable_size(held.object) >= bytes,
                 "heap: no %zu bytes", bytes);
    stress_take(held.object, worker->who, "heap");
    *(uint32_t *)held.object = worker->who;
    worker->held[worker->n++] = held;
}

/* Objects travel: one is left in a mailbox, and what was there is taken. */
static void do_mail(struct worker *worker)
{
    struct held *sent = NULL;
    if (worker->n > 0 && stress_below(&worker->random, 4) != 0) {
        sent = malloc(sizeof *sent);
        STRESS_CHECK(sent != NULL, "no memory");
        *sent = hold_take(worker, stress_below(&worker->random, (uint32_t)worker->n));
        stress_pass(sent->object, worker->who, OWNER_MAIL, "mail");
    }
    struct held *came = atomic_exchange(&mailboxes[stress_below(&worker->random, MAILBOXES)], sent);
    if (came == NULL)
        return;
    stress_pass(came->object, OWNER_MAIL, worker->who, "mail");
    if (came->model != NULL)
        ((struct body *)came->object)->stamp = worker->who;
    else
        *(uint32_t *)came->object = worker->who;
    worker->held[worker->n++] = *came;
    free(came);
}

static void slot_open(struct slot *slot, struct worker *worker)
{
    unsigned i = atomic_fetch_add(&transient_used, 1);
    if (i >= TRANSIENT_MAX)
        return;
    struct model *model = &transient[i];
    model->options = models[stress_below(&worker->random, 5)].options;
    if (stress_below(&worker->random, 3) == 0)
        model->options.live_max = 1 + stress_below(&worker->random, 30);
    model_open(model);
    slot->model = model;
}

static void do_transient(struct worker *worker)
{
    struct slot *slot = &slots[stress_below(&worker->random, SLOTS)];
    if (stress_below(&worker->random, 8) == 0) {
        pthread_rwlock_wrlock(&slot->lock);
        if (slot->model == NULL) {
            slot_open(slot, worker);
        } else {
            tp_pool_destroy(slot->model->pool);
            slot->model = NULL;
        }
    } else {
        pthread_rwlock_rdlock(&slot->lock);
        for (int i = 0; i < 8 && slot->model != NULL; i++) {
            void *object = tp_pool_get(slot->model->pool);
            if (object != NULL)
                hold(worker, slot->model, object);
            else
                model_refused(slot->model, errno);
        }
    }
    pthread_rwlock_unlock(&slot->lock);
}

static void do_rare(struct worker *worker)
{
    tp_pool_stats stats;
    struct model *model = any_model(worker);
    switch (stress_below(&worker->random, 8)) {
    case 0:
        tp_pool_trim(model->pool);
        break;
    case 1:
        tp_gc_collect();
        break;
    case 2:
        tp_heap_trim();
        break;
    case 3:
    case 4:
        do_reserve(worker);
        break;
    default:
        tp_pool_stats_read(model->pool, &stats);
        STRESS_CHECK(model->options.live_max == 0 || stats.live <= model->options.live_max,
                     "%s: %llu live", model->options.name, (unsigned long long)stats.live);
        break;
    }
}

static void do_something(struct worker *worker)
{
    uint32_t what = stress_below(&worker->random, 100);
    if (worker->n > HELD_MAX - MANY_MAX)
        for (size_t left = HELD_MAX / 2; worker->n > left;)
            do_put(worker);
    if (what < 30)
        do_get(worker);
    else if (what < 60)
        do_put(worker);
    else if (what < 68)
        do_get_many(worker);
    else if (what < 76)
        do_put_many(worker);
    else if (what < 79)
        do_get_wait(worker);
    else if (what < 87)
        do_mail(worker);
    else if (what < 94)
        do_heap(worker);
    else if (what < 96)
        do_transient(worker);
    else
        do_rare(worker);
}

/* --- workers' lives --- */

static void park(void)
{
    atomic_fetch_add(&parked, 1);
    while (atomic_load(&pausing))
        stress_sleep_ns(200000);
    atomic_fetch_sub(&parked, 1);
}

/* Runs after the library's own exit handler: what the worker still holds is put all the same. */
static void on_exit_put(void *argument)
{
    struct worker *worker = argument;
    while (worker->n > 0)
        do_put(worker);
    atomic_store(&worker->ended, true);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    worker->random = stress_stream(worker->who, worker->lives);
    pthread_setspecific(exit_key, worker);
    uint32_t left = 20 + stress_below(&worker->random, 20000);
    while (left-- > 0 && !atomic_load(&ending)) {
        if (atomic_load(&pausing))
            park();
        do_something(worker);
    }
    while (worker->n > 8)
        do_put(worker);
    return NULL;
}

static void worker_start(struct worker *worker)
{
    atomic_store(&worker->ended, false);
    worker->lives++;
    int error = pthread_create(&worker->thread, NULL, work, worker);
    STRESS_CHECK(error == 0, "pthread_create: %s", strerror(error));
}

static void workers_renew(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        if (!atomic_load(&workers[i].ended))
            continue;
        pthread_join(workers[i].thread, NULL);
        worker_start(&workers[i]);
    }
}

/* All stop; every count must be exact; all go on. */
static void check_all(void)
{
    atomic_store(&pausing, true);
    while (atomic_load(&parked) < WORKERS) {
        workers_renew();
        stress_sleep_ns(100000);
    }
    tp_gc_collect(); /* what was doomed has been dropped when it returns */
    tp_gc_collect(); /* a destruct may have asked for one, and dropped something itself */
    for (unsigned i = 0; i < MODELS; i++) {
        model_check(&models[i]);
        if (models[i].options.live_max != 0)
            model_exhaust(&models[i], MAIN);
        model_check(&models[i]);
    }
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].model != NULL)
            model_check(slots[i].model);
    atomic_store(&pausing, false);
    while (atomic_load(&parked) > 0)
        stress_sleep_ns(100000);
}

/* --- the end --- */

static void mail_return(void)
{
    static struct worker last = {.who = MAIN};
    for (unsigned i = 0; i < MAILBOXES; i++) {
        struct held *held = atomic_exchange(&mailboxes[i], NULL);
        if (held == NULL)
            continue;
        stress_pass(held->object, OWNER_MAIL, MAIN, "mail");
        if (held->model != NULL)
            ((struct body *)held->object)->stamp = MAIN;
        else
            *(uint32_t *)held->object = MAIN;
        put_back(&last, *held);
        free(held);
    }
}

static void all_is_empty(void)
{
    mail_return();
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].model != NULL)
            tp_pool_destroy(slots[i].model->pool);
    tp_gc_collect();
    for (unsigned i = 0; i < TRANSIENT_MAX; i++)
        STRESS_CHECK(atomic_load(&transient[i].live) == 0 && atomic_load(&transient[i].owned) == 0,
                     "a pool that is gone left %llu objects",
                     (unsigned long long)transient[i].live);
    for (unsigned i = MODELS; i-- > 0;) /* outer ones before inner ones */
        model_is_empty(&models[i]);
    for (unsigned i = 0; i < MODELS; i++)
        tp_pool_destroy(models[i].pool);
}

static void history_run(int64_t deadline)
{
    unsigned lives = 0;
    tp_gc_percent_set(-1); /* cycles are the test's alone, so that counts can be exact */
    pthread_key_create(&exit_key, on_exit_put);
    model_probe();
    for (unsigned i = 0; i < SLOTS; i++)
        pthread_rwlock_init(&slots[i].lock, NULL);
    for (unsigned i = 0; i < MODELS; i++)
        model_open(&models[i]);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i].who = i + 1;
        worker_start(&workers[i]);
    }
    while (stress_now_ns() < deadline) {
        for (int64_t end = stress_now_ns() + ROUND_NS; stress_now_ns() < end;) {
            workers_renew();
            stress_sleep_ns(1000000);
        }
        check_all();
    }
    atomic_store(&ending, true);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        lives += workers[i].lives;
    }
    all_is_empty();
    printf("%u threads, %u pools that came and went, %llu cycles\n", lives, transient_used,
           (unsigned long long)tp_gc_cycle());
}

int main(int argc, char **argv)
{
    static const struct stress_mode modes[] = {
        {"", "2"},
        {"rseq=off", "10"},
        {"service=0", "10"},
        {"poolcheck=1", "10"},
        {"poolcheck=5", "10"},
        {"cachemax=64KiB", "10"},
    };
    return stress_main(argc, argv, "test_history", history_run, modes,
                       sizeof modes / sizeof modes[0]);
}
