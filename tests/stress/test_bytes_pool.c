/* SPDX-License-Identifier: BSD-2-Clause */
/* Random histories of buffers from pools, in rounds: threads get buffers, write messages of all
   lengths into them in several ways, hand them to each other and put them, while cycles run. Each
   message says what it must be, and is looked at before each put. At a round's end the pools are
   destroyed while threads still put what they hold; then nothing of it may be left in the heap. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>

#include "stress.h"

enum {
    WORKERS = 4,
    POOLS = 3,
    HELD_MAX = 40,
    MAILBOXES = 8,
    MAIL = 1000, /* an owner */
    ROUND_NS = 40000000,
    HEAD_BYTES = 12,
    SMALL_MAX = 400,
    LARGE_MAX = 300000
};

struct held {
    tp_bytes *bytes;
    uint32_t pool;
};

struct worker {
    pthread_t thread;
    uint32_t who;
    struct stress_random random;
    struct held held[HELD_MAX];
    size_t n;
};

static struct worker workers[WORKERS];
static tp_bytes_pool *pools[POOLS];
static struct held *_Atomic mailboxes[MAILBOXES];
static _Atomic bool ending;
static _Atomic unsigned done_getting;
static _Atomic uint64_t messages;

/* --- messages: a seed, the length, and bytes that follow from the seed --- */

static unsigned char message_byte(uint32_t seed, size_t i)
{
    return (unsigned char)((seed + i * 0x9e3779b1u) >> 11);
}

static bool message_write(tp_bytes *bytes, struct stress_random *random)
{
    uint32_t seed = (uint32_t)stress_next(random);
    uint32_t max = stress_below(random, 50) == 0 ? LARGE_MAX : SMALL_MAX;
    size_t n = HEAD_BYTES + stress_below(random, max), step = 1 + stress_below(random, 100);
    uint64_t whole = n;
    unsigned char part[101];
    bool done = tp_bytes_from_mem(bytes, &seed, sizeof seed) &&
                tp_bytes_append(bytes, &whole, sizeof whole);
    if (stress_below(random, 4) == 0)
        done = done && tp_bytes_reserve(bytes, n);
    while (done && bytes->len < n) {
        size_t k = step < n - bytes->len ? step : n - bytes->len;
        for (size_t i = 0; i < k; i++)
            part[i] = message_byte(seed, bytes->len + i);
        done = tp_bytes_append(bytes, part, k);
        step = max == LARGE_MAX && step < 51 ? step * 2 : step;
    }
    if (stress_below(random, 8) == 0)
        (void)tp_bytes_clip(bytes);
    return done;
}

static void message_check(const tp_bytes *bytes)
{
    uint32_t seed;
    uint64_t n;
    memcpy(&seed, bytes->data, sizeof seed);
    memcpy(&n, bytes->data + sizeof seed, sizeof n);
    STRESS_CHECK(n == bytes->len && n <= bytes->cap,
                 "buffer %p: %zu bytes of %zu, its message has %" PRIu64, (const void *)bytes,
                 bytes->len, bytes->cap, n);
    for (size_t i = HEAD_BYTES; i < n; i++)
        STRESS_CHECK(bytes->data[i] == message_byte(seed, i),
                     "buffer %p: byte %zu of %zu was overwritten", (const void *)bytes, i,
                     bytes->len);
    atomic_fetch_add_explicit(&messages, 1, memory_order_relaxed);
}

/* --- what workers do --- */

static void put(struct worker *worker, struct held held, uint32_t owner)
{
    (void)worker;
    message_check(held.bytes);
    stress_give(held.bytes, owner, "buffers");
    errno = 12345;
    tp_bytes_put(pools[held.pool], held.bytes);
    STRESS_CHECK(errno == 12345, "a put changed errno");
}

static void do_get(struct worker *worker)
{
    uint32_t pool = stress_below(&worker->random, POOLS);
    tp_bytes *bytes = tp_bytes_get(pools[pool]);
    STRESS_CHECK(bytes != NULL, "no buffer: %s", strerror(errno));
    stress_take(bytes, worker->who, "buffers");
    STRESS_CHECK(bytes->len == 0 && bytes->cap > 0, "buffer %p came with %zu bytes of %zu",
                 (void *)bytes, bytes->len, bytes->cap);
    STRESS_CHECK(message_write(bytes, &worker->random), "no memory: %s", strerror(errno));
    worker->held[worker->n++] = (struct held){bytes, pool};
}

static struct held take_any(struct worker *worker)
{
    size_t at = stress_below(&worker->random, (uint32_t)worker->n);
    struct held held = worker->held[at];
    worker->held[at] = worker->held[--worker->n];
    return held;
}

/* Leaves one in a mailbox, and takes what was there. */
static void do_mail(struct worker *worker)
{
    struct held *sent = malloc(sizeof *sent);
    STRESS_CHECK(sent != NULL, "malloc");
    *sent = take_any(worker);
    stress_pass(sent->bytes, worker->who, MAIL, "buffers");
    struct held *came = atomic_exchange(&mailboxes[stress_below(&worker->random, MAILBOXES)], sent);
    if (came == NULL)
        return;
    stress_pass(came->bytes, MAIL, worker->who, "buffers");
    message_check(came->bytes);
    if (stress_below(&worker->random, 2) == 0)
        STRESS_CHECK(message_write(came->bytes, &worker->random), "no memory");
    worker->held[worker->n++] = *came;
    free(came);
}

static void step(struct worker *worker)
{
    uint32_t what = stress_below(&worker->random, 2000);
    if (what == 0)
        tp_gc_collect();
    else if (what < 900 && worker->n < HELD_MAX)
        do_get(worker);
    else if (worker->n > 0 && what < 1500)
        put(worker, take_any(worker), worker->who);
    else if (worker->n > 0)
        do_mail(worker);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    while (!atomic_load(&ending))
        step(worker);
    atomic_fetch_add(&done_getting, 1);
    for (; worker->n > 0; stress_sleep_ns(1000)) /* beside the destruction */
        put(worker, take_any(worker), worker->who);
    return NULL;
}

/* --- rounds --- */

static uint64_t in_use(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats.allocations - stats.frees;
}

static void round_open(uint64_t round)
{
    static const tp_bytes_pool_options options[POOLS] = {
        {.name = "plain"},
        {.name = "bounded", .first = 1000, .retain_max = 20000, .idle_max = 20},
        {.name = "small", .first = 1}};
    for (uint32_t i = 0; i < POOLS; i++) {
        pools[i] = tp_bytes_pool_create(&options[i]);
        STRESS_CHECK(pools[i] != NULL, "no pool: %s", strerror(errno));
    }
    atomic_store(&ending, false);
    atomic_store(&done_getting, 0);
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i].who = i + 1;
        workers[i].random = stress_stream(i + 1, round);
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
}

static void check_stats(tp_bytes_pool *pool, uint64_t *learned)
{
    tp_bytes_pool_stats stats;
    tp_bytes_pool_stats_read(pool, &stats);
    STRESS_CHECK(stats.puts <= stats.gets && stats.idle <= stats.live && stats.first <= stats.keep,
                 "%" PRIu64 " gets, %" PRIu64 " puts, %" PRIu64 " of %" PRIu64
                 " idle, first %" PRIu64 ", keep %" PRIu64,
                 stats.gets, stats.puts, stats.idle, stats.live, stats.first, stats.keep);
    *learned += stats.calibrated;
}

static void round_close(uint64_t *learned)
{
    atomic_store(&ending, true);
    while (atomic_load(&done_getting) < WORKERS)
        stress_sleep_ns(10000);
    for (uint32_t i = 0; i < POOLS; i++) {
        check_stats(pools[i], learned);
        tp_bytes_pool_destroy(pools[i]);
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    for (uint32_t i = 0; i < MAILBOXES; i++) {
        struct held *left = atomic_exchange(&mailboxes[i], NULL);
        if (left != NULL)
            put(&workers[0], *left, MAIL);
        free(left);
    }
    tp_gc_collect(); /* what a destruct on the service thread had in its hands is back */
}

static void bytes_run(int64_t deadline)
{
    uint64_t rounds = 0, learned = 0, at_first = 0;
    for (; rounds < 3 || stress_now_ns() < deadline; rounds++) {
        round_open(rounds);
        stress_sleep_ns(ROUND_NS);
        round_close(&learned);
        if (rounds == 0)
            at_first = in_use();
        else
            STRESS_CHECK(in_use() == at_first,
                         "round %" PRIu64 " left %" PRId64 " objects in the heap", rounds,
                         (int64_t)(in_use() - at_first));
    }
    printf("%" PRIu64 " rounds, %" PRIu64 " messages, sizes learned %" PRIu64 " times\n", rounds,
           atomic_load(&messages), learned);
}

int main(int argc, char **argv)
{
    static const struct stress_mode modes[] = {
        {"", "2"}, {"rseq=off", "8"}, {"service=0", "8"}, {"poolcheck=1", "8"}};
    return stress_main(argc, argv, "test_bytes_pool", bytes_run, modes,
                       sizeof modes / sizeof modes[0]);
}
