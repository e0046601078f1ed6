/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools of buffers under sizes as they are: real distributions where the folder of real inputs is
   (TP_DATA_DIR), and generated ones. Each is replayed through a pool, and beside it through buffers
   of which everything is kept, and of which what is above 64 KiB is not; a table says how often
   buffers had to grow, and how large they were when they were idle. The seed is printed, and taken
   from TP_TEST_SEED if set. */
#include <inttypes.h>
#include <math.h>

#include "bytes_fixture.h"

enum {
    BUFFERS = 16, /* out at a time, each in turn at random */
    REPLAYED = support_sanitized ? 100000 : 500000,
    WARM_UP = REPLAYED / 5,
    CYCLE_EVERY = REPLAYED / 20,
    SIZES_MAX = 16384,
    FIXED_CAP = 65536
};

static uint64_t random_state;

static double next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (double)(random_state * UINT64_C(0x2545f4914f6cdd1d) >> 11) * 0x1p-53;
}

/* --- distributions --- */

struct distribution {
    const char *name;
    const char *file; /* NULL: generated */
    const char *keys[2];
    size_t (*generate)(unsigned i);
    size_t n, sizes[SIZES_MAX];
    double shares[SIZES_MAX]; /* summed up */
};

static double normal(void)
{
    return sqrt(-2 * log(1 - next_random())) * cos(6.283185307179586 * next_random());
}

static size_t lognormal(unsigned i)
{
    (void)i;
    return (size_t)(1024 * exp(2 * normal()));
}

/* Half a KiB or so, and one in a thousand of 1 to 64 MiB. */
static size_t with_giants(unsigned i)
{
    (void)i;
    return next_random() < 0.001 ? (size_t)(0x1p20 * exp2(6 * next_random()))
                                 : (size_t)(500 * exp(0.7 * normal()));
}

/* Small and large in turn. */
static size_t two_kinds(unsigned i)
{
    return (size_t)((i % 2 == 0 ? 300 : 100000) * exp(0.3 * normal()));
}

static struct distribution distributions[] = {
    {.name = "graph cache",
     .file = "sizes/cachelib/graph_cache_leader_fbobj-sizes.json",
     .keys = {"\"valSizeRange\"", "\"valSizeRangeProbability\""}},
    {.name = "key-value cache",
     .file = "sizes/cachelib/kvcache_reg-sizes.json",
     .keys = {"\"valSizeRange\"", "\"valSizeRangeProbability\""}},
    {.name = "memcpy", .file = "sizes/fleetbench/Memcpy_Fleet.csv"},
    {.name = "lognormal", .generate = lognormal},
    {.name = "rare giants", .generate = with_giants},
    {.name = "two kinds", .generate = two_kinds},
};

/* The numbers of the array behind a key. */
static size_t read_array(const char *text, const char *key, double *numbers)
{
    size_t n = 0;
    const char *at = strstr(text, key);
    if (at == NULL || (at = strchr(at, '[')) == NULL)
        return 0;
    for (char *end; n < SIZES_MAX; at = end) {
        numbers[n] = strtod(++at, &end);
        if (end == at)
            break;
        n++;
    }
    return n;
}

/* size:share,size:share,... */
static size_t read_pairs(const char *text, double *sizes, double *shares)
{
    size_t n = 0;
    for (int used; n < SIZES_MAX && sscanf(text, "%lf:%lf%n", &sizes[n], &shares[n], &used) == 2;
         text++) {
        text += used;
        n++;
        if (*text != ',')
            break;
    }
    return n;
}

/* False: the file is not there. */
static bool distribution_open(struct distribution *self)
{
    static char text[1 << 18], path[1024];
    static double sizes[SIZES_MAX], shares[SIZES_MAX];
    const char *folder = getenv("TP_DATA_DIR");
    if (self->generate != NULL)
        return true;
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : TP_TEST_DATA_DIR, self->file);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_message("%s: no %s\n", self->name, path);
        return false;
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    if (self->keys[0] != NULL) {
        self->n = read_array(text, self->keys[0], sizes);
        assert_int_equal(read_array(text, self->keys[1], shares), self->n);
    } else {
        self->n = read_pairs(text, sizes, shares);
    }
    assert_true(self->n > 100);
    double sum = 0;
    for (size_t i = 0; i < self->n; i++) {
        self->sizes[i] = (size_t)sizes[i];
        self->shares[i] = sum += shares[i];
    }
    return true;
}

static size_t distribution_next(const struct distribution *self, unsigned i)
{
    if (self->generate != NULL)
        return self->generate(i);
    double share = next_random() * self->shares[self->n - 1];
    size_t low = 0, high = self->n - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (self->shares[middle] > share)
            high = middle;
        else
            low = middle + 1;
    }
    return self->sizes[low];
}

/* --- ways to keep buffers --- */

struct result {
    double grown;           /* per get, behind the warm-up */
    double idle, idle_peak; /* bytes of an idle buffer: on average, and the most of all together */
    double beyond;          /* bytes per get that were in messages larger than what is kept */
    double cut;             /* buffers cut down, per get */
    uint64_t first, keep;
};

enum way { KEEP_ALL, KEEP_BELOW_64K, LEARN };

static const char *const ways[] = {"all is kept", "64 KiB at most", "tp_bytes_pool"};

struct replay {
    enum way way;
    tp_bytes_pool *pool;
    tp_bytes own[BUFFERS], *buffers[BUFFERS];
};

/* A put and a get. Threads take what they put last, so it is the same buffer again. */
static void turn_over(struct replay *replay, size_t at)
{
    if (replay->way == LEARN) {
        tp_bytes_put(replay->pool, replay->buffers[at]);
        replay->buffers[at] = get(replay->pool);
    } else if (replay->way == KEEP_BELOW_64K && replay->buffers[at]->cap > FIXED_CAP) {
        tp_bytes_free(replay->buffers[at]);
    }
    if (replay->buffers[at]->cap == 0)
        assert_true(tp_bytes_reserve(replay->buffers[at], FIRST));
    tp_bytes_reset(replay->buffers[at]);
}

static void replay_open(struct replay *replay, enum way way)
{
    *replay = (struct replay){.way = way};
    if (way == LEARN)
        replay->pool = pool_new(&(tp_bytes_pool_options){.name = "replay"});
    for (size_t i = 0; i < BUFFERS; i++)
        replay->buffers[i] = way == LEARN ? get(replay->pool) : &replay->own[i];
}

static void replay_close(struct replay *replay, struct result *result)
{
    for (size_t i = 0; i < BUFFERS; i++) {
        if (replay->way == LEARN)
            tp_bytes_put(replay->pool, replay->buffers[i]);
        else
            tp_bytes_free(replay->buffers[i]);
    }
    if (replay->way != LEARN)
        return;
    tp_bytes_pool_stats stats = stats_of(replay->pool);
    result->first = stats.first;
    result->keep = stats.keep;
    result->cut = (double)stats.shed / (double)stats.gets;
    tp_bytes_pool_destroy(replay->pool);
}

static struct result replay_run(const struct distribution *distribution, enum way way)
{
    struct replay replay;
    struct result result = {0};
    size_t retained = 0, caps[BUFFERS] = {0};
    replay_open(&replay, way);
    for (unsigned i = 0; i < REPLAYED; i++) {
        size_t at = (size_t)(next_random() * BUFFERS), n = distribution_next(distribution, i);
        turn_over(&replay, at);
        tp_bytes *bytes = replay.buffers[at];
        size_t cap = bytes->cap;
        retained += cap - caps[at];
        caps[at] = cap;
        assert_non_null(tp_bytes_room(bytes, n));
        bytes->len = n;
        if (i % CYCLE_EVERY == 0)
            tp_gc_collect();
        if (i < WARM_UP)
            continue;
        result.grown += bytes->cap != cap;
        result.idle += (double)retained / BUFFERS;
        result.idle_peak = fmax(result.idle_peak, (double)retained);
        if (way == LEARN && n > KEEP && n > stats_of(replay.pool).keep)
            result.beyond += (double)n;
    }
    replay_close(&replay, &result);
    result.grown /= REPLAYED - WARM_UP;
    result.idle /= REPLAYED - WARM_UP;
    result.beyond /= REPLAYED - WARM_UP;
    return result;
}

/* --- the tests --- */

static void show(const struct distribution *distribution, enum way way, const struct result *result)
{
    print_message("| %-15s | %-14s | %7.3f%% | %9.0f | %10.0f |", distribution->name, ways[way],
                  result->grown * 100, result->idle, result->idle_peak / 1024);
    if (way == LEARN)
        print_message(" %6" PRIu64 " | %6" PRIu64 " | %.2f%% |\n", result->first, result->keep,
                      result->cut * 100);
    else
        print_message("        |        |       |\n");
}

static void waste_is_bounded(void **state)
{
    (void)state;
    need_kept_memory();
    print_message("| sizes           | kept           | grown    | idle, B   | peak, KiB  |"
                  "  first |   keep | cut   |\n");
    for (size_t i = 0; i < SUPPORT_COUNT(distributions); i++) {
        struct distribution *distribution = &distributions[i];
        struct result results[3];
        if (!distribution_open(distribution))
            continue;
        uint64_t start = random_state; /* the same sizes for each */
        for (enum way way = KEEP_ALL; way <= LEARN; way++) {
            random_state = start;
            results[way] = replay_run(distribution, way);
            show(distribution, way, &results[way]);
        }
        const struct result *learned = &results[LEARN];
        /* What does not fit into the 99th percentile must grow; no more does. */
        assert_true(learned->grown < 0.0125);
        /* An idle buffer has what is kept, or what it grew to for a message that was larger, up to
           twice that, for as many puts as strikes are needed. */
        assert_true(learned->idle <
                    (double)learned->keep * 2 + 2 * (STRIKES + 1) * learned->beyond);
        assert_true(learned->idle < results[KEEP_ALL].idle * 3 / 4);
    }
}

/* Messages of 64 KiB or so, then of 200 bytes or so: the memory of the first goes, and what is kept
   is what the second need. */
static void a_phase_leaves_nothing_behind(void **state)
{
    (void)state;
    need_kept_memory();
    enum { PHASES = 4 };
    struct replay replay;
    replay_open(&replay, LEARN);
    for (unsigned phase = 0; phase < PHASES; phase++) {
        double median = phase % 2 == 0 ? 65536 : 200;
        for (unsigned i = 0; i < REPLAYED / PHASES; i++) {
            size_t at = (size_t)(next_random() * BUFFERS), n = (size_t)(median * exp(normal() / 2));
            turn_over(&replay, at);
            assert_non_null(tp_bytes_room(replay.buffers[at], n));
            replay.buffers[at]->len = n;
            if (i % CYCLE_EVERY == 0)
                tp_gc_collect();
        }
        tp_bytes_pool_stats stats = stats_of(replay.pool);
        assert_true((double)stats.keep > 2 * median && (double)stats.keep < 5 * median);
        assert_true((double)stats.first > median && (double)stats.first < 2 * median);
        size_t retained = 0;
        for (size_t at = 0; at < BUFFERS; at++) {
            turn_over(&replay, at);
            retained += replay.buffers[at]->cap;
        }
        assert_true(retained < 2 * BUFFERS * stats.keep);
    }
    struct result result;
    replay_close(&replay, &result);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waste_is_bounded),
        cmocka_unit_test(a_phase_leaves_nothing_behind),
    };
    static const char *const modes[] = {NULL}; /* nothing here depends on them */
    (void)argc;
    support_start(argv, support_no_scenarios);
    const char *seed = getenv("TP_TEST_SEED");
    random_state = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)support_now_ns();
    print_message("TP_TEST_SEED=%" PRIu64 "\n", random_state);
    random_state |= 1;
    return support_group("sizes of buffers", tests, modes);
}
