/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools of buffers: a pool of objects (lib/pool) that begin with a tp_bytes, and what it learns.

   1. Each put counts its length in the buffer's own tally, so that threads do not meet. Every
   TALLY_MAX puts, at the first put after a cycle, and when the buffer is dropped, the tally goes to
   the pool's histogram.
   2. Once a cycle, if there were SAMPLES_MIN puts since, every SAMPLES_MAX puts, and first of all
   after SAMPLES_MIN, whoever brings a tally derives `first` and `keep` from the histogram and
   leaves a quarter of it, so that a change of sizes is followed: four times later the former sizes
   are less than one in a hundred.
   3. A put of a buffer with more capacity than `keep`, of which it used less than half, is a
   strike; any other put clears the strikes. STRIKES in a row, and the buffer is cut down to `keep`.

   docs/design/bytes.md has the measurements behind the numbers.

   A pool's record lives until tp_bytes_pool_destroy was called and its last buffer was dropped:
   each buffer that exists has a reference. What is shared: first, keep, seen_cycle, histogram and
   counts, each read and written atomically, by itself; a buffer's record is its holder's. */
#include "kit/kit.h"

enum {
    FIRST = 256,    /* the first size, until sizes are learned */
    KEEP = 4096,    /* the same for what is kept */
    TALLY_MAX = 64, /* a count is a byte */
    SAMPLES_MIN = 256,
    SAMPLES_MAX = 1 << 14,
    STRIKES = 4,
    FIRST_PERCENT = 75, /* of new buffers need not grow */
    KEEP_PERCENT = 99,  /* of lengths fit into what is kept without question */
    SMALLEST_LOG = 6,   /* bin 0: up to 64 bytes; then four bins for each power of two */
    LARGEST_LOG = 25,
    BINS = 1 + (LARGEST_LOG - SMALLEST_LOG) * 4 + 1, /* the last: beyond 32 MiB */
    TALLY_WORDS = (BINS + 7) / 8
};

struct tp_bytes_pool {
    tp_pool *objects; /* NULL: this is a pool no longer */
    size_t retain_max;
    uint64_t first, keep; /* atomic; capacities */
    uint64_t seen_cycle;  /* atomic; when first and keep were derived */

    /* atomic: buffers that exist, and one for the handle until tp_bytes_pool_destroy */
    uint64_t references TPI_ALIGNED(TPI_CACHE_LINE);
    uint64_t grown, struck, shed, calibrated; /* atomic */
    uint64_t samples;                         /* atomic; since first and keep were derived */
    uint64_t histogram[BINS];                 /* atomic */
};

struct pooled {
    tp_bytes bytes; /* the first member */
    struct tp_bytes_pool *pool;
    size_t cap_before;   /* at the get */
    uint32_t seen_cycle; /* at the last put; its lower half */
    bool out;
    uint8_t strikes;
    uint8_t tallied;             /* the counts' sum */
    uint64_t tally[TALLY_WORDS]; /* counts of the last puts' lengths: a byte a bin */
};
_Static_assert(sizeof(struct pooled) == 128, "two cache lines");

/* --- sizes --- */

static size_t bin_of(size_t len)
{
    if (len <= (size_t)1 << SMALLEST_LOG)
        return 0;
    unsigned log = tpi_highest_bit(len - 1);
    size_t bin = 1 + (log - SMALLEST_LOG) * (size_t)4 + ((len - 1) >> (log - 2) & 3);
    return tpi_min(bin, (size_t)BINS - 1);
}

/* The largest length in a bin. */
static size_t bin_end(size_t bin)
{
    if (bin == 0)
        return (size_t)1 << SMALLEST_LOG;
    return (5 + (bin - 1) % 4) << (SMALLEST_LOG - 2 + (bin - 1) / 4);
}

/* What tp_bytes_reserve of so many bytes gives. */
static size_t capacity_for(size_t cap)
{
    return tp_heap_good_size(cap + TP_BYTES_PADDING) - TP_BYTES_PADDING;
}

/* --- learning --- */

/* The capacity that so many percent of the lengths fit into. */
static size_t capacity_at(const uint64_t *histogram, uint64_t total, unsigned percent)
{
    uint64_t below = 0;
    size_t bin = 0;
    while (bin < BINS - 1 && (below += histogram[bin]) * 100 < total * percent)
        bin++;
    return capacity_for(bin_end(bin));
}

/* Derives first and keep. Two at one time would do no harm but that the histogram is cut twice. */
static void calibrate(struct tp_bytes_pool *pool)
{
    uint64_t histogram[BINS], total = 0;
    for (size_t bin = 0; bin < BINS; bin++) {
        uint64_t count = tpi_load_relaxed_64(&pool->histogram[bin]);
        while (!tpi_cas_acq_rel_64(&pool->histogram[bin], &count, count / 4))
            ;
        histogram[bin] = count;
        total += count;
    }
    size_t first = capacity_at(histogram, total, FIRST_PERCENT);
    size_t keep = capacity_at(histogram, total, KEEP_PERCENT);
    tpi_store_relaxed_64(&pool->first, tpi_min(first, pool->retain_max));
    tpi_store_relaxed_64(&pool->keep, tpi_min(keep, pool->retain_max));
    tpi_count(&pool->calibrated, 1);
}

static bool is_due(struct tp_bytes_pool *pool, uint64_t samples)
{
    uint64_t cycle = tp_gc_cycle(), seen = tpi_load_relaxed_64(&pool->seen_cycle);
    bool changed = cycle != seen || tpi_load_relaxed_64(&pool->calibrated) == 0;
    if (samples < (changed ? SAMPLES_MIN : SAMPLES_MAX))
        return false;
    /* Who takes the samples away is the one. */
    if (!tpi_cas_acq_rel_64(&pool->samples, &samples, 0))
        return false;
    tpi_store_relaxed_64(&pool->seen_cycle, cycle);
    return true;
}

static void tally_flush(struct tp_bytes_pool *pool, struct pooled *pooled)
{
    uint64_t n = pooled->tallied;
    if (n == 0)
        return;
    for (size_t word = 0; word < TALLY_WORDS; word++) {
        for (uint64_t counts = pooled->tally[word]; counts != 0;) {
            unsigned byte = tpi_lowest_bit(counts) / 8;
            tpi_count(&pool->histogram[word * 8 + byte], counts >> byte * 8 & 0xff);
            counts &= ~(UINT64_C(0xff) << byte * 8);
        }
        pooled->tally[word] = 0;
    }
    pooled->tallied = 0;
    if (is_due(pool, tpi_add_acq_rel_64(&pool->samples, n) + n))
        calibrate(pool);
}

/* What a put says of how long buffers get. An empty one says nothing: many are reset before they
   are put. But one that is empty and has grown was some half as long as it is large. */
static void learn(struct pooled *pooled, size_t used)
{
    uint32_t cycle = (uint32_t)tp_gc_cycle();
    if (used != 0) {
        size_t bin = bin_of(used);
        pooled->tally[bin / 8] += UINT64_C(1) << bin % 8 * 8;
        pooled->tallied++;
    }
    if (pooled->tallied == TALLY_MAX || cycle != pooled->seen_cycle)
        tally_flush(pooled->pool, pooled);
    pooled->seen_cycle = cycle;
}

/* --- retention --- */

static void cut(struct pooled *pooled, size_t cap)
{
    int saved = errno;
    tp_bytes_free(&pooled->bytes);
    (void)tp_bytes_reserve(&pooled->bytes, cap); /* or the next get does */
    pooled->strikes = 0;
    errno = saved;
}

static void judge(struct pooled *pooled, size_t used)
{
    struct tp_bytes_pool *pool = pooled->pool;
    size_t cap = pooled->bytes.cap, keep = tpi_load_relaxed_64(&pool->keep);
    if (tpi_likely(cap <= keep) || used >= cap / 2) {
        pooled->strikes = 0;
    } else {
        tpi_count(&pool->struck, 1);
        pooled->strikes++;
    }
    if (pooled->strikes == STRIKES || cap > pool->retain_max) {
        tpi_count(&pool->shed, 1);
        cut(pooled, keep);
    }
}

/* --- buffers come and go --- */

static void unreference(struct tp_bytes_pool *pool)
{
    /* Acq_rel: whoever is the last sees all that the others did to the pool before. */
    if (tpi_add_acq_rel_64(&pool->references, (uint64_t)-1) != 1)
        return;
    pool->objects = NULL;
    tp_heap_free(pool);
}

static int construct(void *object, void *context)
{
    struct tp_bytes_pool *pool = context;
    *(struct pooled *)object = (struct pooled){.pool = pool, .seen_cycle = (uint32_t)tp_gc_cycle()};
    tpi_add_acq_rel_64(&pool->references, 1);
    return 0;
}

static void destruct(void *object, void *context)
{
    struct pooled *pooled = object;
    tally_flush(context, pooled);
    tp_bytes_free(&pooled->bytes);
    unreference(context);
}

static void pool_check(const struct tp_bytes_pool *pool, const char *what)
{
    tpi_check(pool != NULL, "%s: the pool is NULL", what);
    tpi_check(pool->objects != NULL, "%s: %p is not a pool of buffers, or no longer one", what,
              (const void *)pool);
}

tp_bytes_pool *tp_bytes_pool_create(const tp_bytes_pool_options *options)
{
    static const tp_bytes_pool_options defaults;
    if (options == NULL)
        options = &defaults;
    size_t max = options->retain_max, first = options->first;
    if (first > PTRDIFF_MAX / 2) {
        errno = EOVERFLOW;
        return NULL;
    }
    struct tp_bytes_pool *pool = tp_heap_alloc_aligned(TPI_CACHE_LINE, sizeof *pool);
    if (pool == NULL)
        return NULL;
    *pool = (struct tp_bytes_pool){.references = 1, .seen_cycle = tp_gc_cycle()};
    pool->retain_max = max == 0 || max > PTRDIFF_MAX / 2 ? SIZE_MAX : capacity_for(max);
    pool->first = tpi_min(capacity_for(first == 0 ? FIRST : first), pool->retain_max);
    pool->keep = tpi_min(tpi_max(pool->first, capacity_for(KEEP)), pool->retain_max);
    pool->objects = tp_pool_create(&(tp_pool_options){.name = options->name,
                                                      .size = sizeof(struct pooled),
                                                      .construct = construct,
                                                      .destruct = destruct,
                                                      .context = pool,
                                                      .idle_max = options->idle_max});
    if (pool->objects != NULL)
        return pool;
    tp_heap_free(pool);
    return NULL;
}

void tp_bytes_pool_destroy(tp_bytes_pool *pool)
{
    if (pool == NULL)
        return;
    pool_check(pool, "tp_bytes_pool_destroy");
    tp_pool_destroy(pool->objects);
    unreference(pool);
}

tp_bytes *tp_bytes_get(tp_bytes_pool *pool)
{
    pool_check(pool, "tp_bytes_get");
    struct pooled *pooled = tp_pool_get(pool->objects);
    if (pooled == NULL)
        return NULL;
    tp_bytes *bytes = &pooled->bytes;
    bytes->len = 0;
    if (bytes->cap == 0 && !tp_bytes_reserve(bytes, tpi_load_relaxed_64(&pool->first))) {
        tp_pool_put(pool->objects, pooled);
        return NULL;
    }
    pooled->cap_before = bytes->cap;
    pooled->out = true;
    return bytes;
}

void tp_bytes_put(tp_bytes_pool *pool, tp_bytes *bytes)
{
    if (bytes == NULL)
        return;
    struct pooled *pooled = tpi_container_of(bytes, struct pooled, bytes);
    pool_check(pool, "tp_bytes_put");
    tpi_check(pooled->pool == pool && pooled->out,
              "tp_bytes_put: %p is no buffer that pool '%s' gave out, or it was put already",
              (void *)bytes, tpi_pool_name(pool->objects));
    size_t used = bytes->len;
    if (tpi_unlikely(bytes->cap > pooled->cap_before)) {
        if (used == 0)
            used = bytes->cap / 2;
        tpi_count(&pool->grown, 1);
    }
    learn(pooled, used);
    judge(pooled, used);
    pooled->out = false;
    tp_pool_put(pool->objects, pooled);
}

void tp_bytes_pool_stats_read(tp_bytes_pool *pool, tp_bytes_pool_stats *stats)
{
    tp_pool_stats objects;
    pool_check(pool, "tp_bytes_pool_stats_read");
    tp_pool_stats_read(pool->objects, &objects);
    *stats = (tp_bytes_pool_stats){.gets = objects.gets, .puts = objects.puts};
    stats->grown = tpi_load_relaxed_64(&pool->grown);
    stats->struck = tpi_load_relaxed_64(&pool->struck);
    stats->shed = tpi_load_relaxed_64(&pool->shed);
    stats->first = tpi_load_relaxed_64(&pool->first);
    stats->keep = tpi_load_relaxed_64(&pool->keep);
    stats->calibrated = tpi_load_relaxed_64(&pool->calibrated);
    stats->idle = objects.idle;
    stats->live = objects.live;
}
