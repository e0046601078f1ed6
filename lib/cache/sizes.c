/* SPDX-License-Identifier: BSD-2-Clause */
/* The size classes' caches, and the heap's public functions over them.

   A size class is a cache whose objects come from spans: number n of the caches is class n. The
   inlined tp_heap_alloc and tp_heap_free are the pool's get and put behind a size lookup; what they
   miss comes here. A free on another thread stays in that thread's magazine and travels back in
   whole magazines through the depot.

   A miss takes half a magazine's worth of objects from the class's spans at once. */
#include "cache/guard.h"
#include "cache/local.h"

static struct tpi_cache classes[TP_DETAIL_CLASSES];
static uint64_t large_allocations; /* atomic */
static uint64_t large_frees;       /* atomic */
static uint64_t large_bytes;       /* atomic; handed out in large objects, growth included */
static uint64_t class_misses;      /* atomic; objects that left spans, past the caches */
static uint64_t class_miss_bytes;  /* atomic; the same in bytes */
static uint64_t class_drops;       /* atomic; frees that no cache kept */
static uint64_t freed_bytes;       /* atomic; by those, and of large objects, shrinking included */

void (*tpi_sizes_poll)(void);

static const char *const needs_runtime __attribute__((used)) = &tpi_runtime_is_linked;

static void class_give_back(struct tpi_cache *self, void **objects, uint32_t n)
{
    (void)self;
    tpi_central_free(objects, n);
}

void tpi_sizes_open(void)
{
    for (unsigned i = 1; i < TP_DETAIL_CLASSES; i++) {
        classes[i] = (struct tpi_cache){.bytes = tp_detail_class_bytes(i),
                                        .give_back = class_give_back};
        classes[i].closed = tpi_checked ? TPI_CLOSED_CHECKING : 0;
        uint32_t number = tpi_cache_number_take();
        tpi_check(number == i, "size class %u did not get its number", i);
        tpi_cache_open(&classes[i], number);
    }
}

/* One object from the class's spans, and half a magazine's worth for the next gets: as many may
   then be freed before the magazine is full. */
static TPI_COLD void *class_refill(struct tpi_cache *cache)
{
    void *objects[TPI_MAGAZINE_MAX / 2 + 1];
    size_t want = tpi_load_relaxed_32(&cache->capacity) / 2 + (size_t)1;
    size_t got = tpi_central_alloc(cache->number, objects, want);
    if (got == 0) {
        errno = ENOMEM;
        return NULL;
    }
    tpi_count(&class_misses, 1);
    tpi_count(&class_miss_bytes, cache->bytes);
    size_t kept = tpi_cache_fill(cache, objects + 1, got - 1, true);
    if (kept < got - 1)
        tpi_central_free(objects + 1 + kept, got - 1 - kept);
    if (tpi_sizes_poll != NULL)
        tpi_sizes_poll();
    return objects[0];
}

static void *class_alloc(unsigned size_class)
{
    struct tpi_cache *cache = &classes[size_class];
    void *object = tpi_cache_get(cache);
    if (object == NULL)
        object = class_refill(cache);
    if (object != NULL) {
        tpi_track_show(object, cache->bytes);
        tpi_guard_set(object, cache->bytes, TPI_GUARD_OUT);
    }
    return object;
}

static void *large_alloc(size_t size, size_t align, bool zeroed)
{
    void *object = tpi_large_alloc(size, align, zeroed);
    if (object != NULL) {
        tpi_count(&large_allocations, 1);
        tpi_count(&large_bytes, tp_heap_good_size(size));
    }
    if (tpi_sizes_poll != NULL)
        tpi_sizes_poll();
    if (object == NULL)
        errno = ENOMEM;
    return object;
}

/* The class that serves a small size, guard included. Size 0 counts as 1. */
static unsigned class_for(size_t size)
{
    return tp_detail_class_of_size(tpi_max(size, (size_t)1) + TPI_GUARD_BYTES);
}

/* What the heap calls small. */
static bool is_small(size_t size)
{
    return size <= TP_HEAP_SMALL_MAX - TPI_GUARD_BYTES;
}

void *tp_detail_heap_alloc(size_t size)
{
    if (!is_small(size))
        return large_alloc(tpi_max(size, TP_HEAP_SMALL_MAX + 1), TPI_PAGE_BYTES, false);
    return class_alloc(class_for(size));
}

/* Only what proves that it is the start of an allocated object of ours may go further. */
static TPI_COLD void check_free(const void *memory)
{
    struct tpi_where where = tpi_heap_where(memory);
    tpi_check(where.span != NULL, "free of %p: the address is not in this heap", memory);
    tpi_check(where.start == memory,
              "free of %p: not the start of an object (that is %p, %zu bytes)", memory, where.start,
              where.bytes);
    tpi_check(where.allocated, "free of %p: the object of %zu bytes is free already", memory,
              where.bytes);
}

static void class_free(unsigned size_class, void *memory)
{
    struct tpi_cache *cache = &classes[size_class];
    if (tpi_checked)
        check_free(memory);
    tpi_guard_check(memory, cache->bytes);
    tpi_guard_set(memory, cache->bytes, TPI_GUARD_IDLE);
    tpi_track_hide(memory, cache->bytes);
    if (tpi_cache_put(cache, memory))
        return;
    tpi_count(&class_drops, 1);
    tpi_count(&freed_bytes, cache->bytes);
    tpi_central_free(&memory, 1);
}

void tp_detail_heap_free(void *memory)
{
    if (memory == NULL)
        return;
    int saved = errno;
    unsigned size_class = tp_detail_class_of_address(memory);
    if (size_class != 0) {
        class_free(size_class, memory);
    } else {
        size_t bytes = tpi_heap_where(memory).bytes;
        tpi_large_free(memory); /* aborts where it is not one */
        tpi_count(&large_frees, 1);
        tpi_count(&freed_bytes, bytes);
    }
    errno = saved;
}

void tpi_sizes_free_now(void **objects, size_t n)
{
    size_t small = 0;
    for (size_t i = 0; i < n; i++) {
        struct tpi_where where = tpi_heap_where(objects[i]);
        if (where.size_class != 0) {
            tpi_guard_check(objects[i], where.bytes);
            tpi_guard_set(objects[i], where.bytes, TPI_GUARD_IDLE);
            tpi_track_hide(objects[i], where.bytes);
            tpi_count(&freed_bytes, where.bytes);
            objects[small++] = objects[i];
        } else {
            tpi_large_free(objects[i]);
            tpi_count(&large_frees, 1);
            tpi_count(&freed_bytes, where.bytes);
        }
    }
    tpi_count(&class_drops, small);
    tpi_central_free(objects, small);
}

void *tp_heap_alloc_zeroed(size_t n, size_t size)
{
    size_t bytes;
    if (tpi_multiply_overflows(n, size, &bytes)) {
        errno = EOVERFLOW;
        return NULL;
    }
    if (!is_small(bytes))
        return large_alloc(tpi_max(bytes, TP_HEAP_SMALL_MAX + 1), TPI_PAGE_BYTES, true);
    void *memory = tp_heap_alloc(bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

/* The first class from `size` up whose slots all start at multiples of `align`: a span starts at a
   page, so the slot size must be a multiple. Powers of two are. 0: none. */
static unsigned class_aligned(size_t align, size_t size)
{
    unsigned size_class = tp_detail_class_of_size(tpi_max(size, align));
    if (size_class == 0 || align > TPI_PAGE_BYTES)
        return 0;
    while (size_class < TP_DETAIL_CLASSES && tp_detail_class_bytes(size_class) % align != 0)
        size_class++;
    return size_class < TP_DETAIL_CLASSES ? size_class : 0;
}

void *tp_heap_alloc_aligned(size_t align, size_t size)
{
    if (!tpi_is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    if (align <= 16)
        return tp_heap_alloc(size);
    unsigned size_class = is_small(size) ? class_aligned(align, size + TPI_GUARD_BYTES) : 0;
    if (size_class != 0)
        return tp_heap_alloc(tp_detail_class_bytes(size_class) - TPI_GUARD_BYTES);
    if (size <= TP_HEAP_SMALL_MAX)
        size = TP_HEAP_SMALL_MAX + 1; /* alignment beyond a page: pages of its own */
    return large_alloc(size, tpi_max(align, (size_t)TPI_PAGE_BYTES), false);
}

/* Small to small, or between small and large: a new place, if the old slot does not do. */
static void *move(void *memory, size_t old_bytes, size_t size)
{
    void *to = tp_heap_alloc(size);
    if (to == NULL)
        return NULL;
    memcpy(to, memory, tpi_min(old_bytes, size));
    tp_heap_free(memory);
    return to;
}

void *tp_heap_realloc(void *memory, size_t size)
{
    if (memory == NULL)
        return tp_heap_alloc(size);
    size_t usable = tp_heap_usable_size(memory);
    if (tpi_unlikely(usable == 0))
        tpi_heap_check_explicit("realloc", memory);
    tpi_check(usable != 0, "realloc of %p: not an object of this heap", memory);
    if (usable <= TP_HEAP_SMALL_MAX)
        tpi_guard_check(memory, usable + TPI_GUARD_BYTES);
    if (usable > TP_HEAP_SMALL_MAX && size > TP_HEAP_SMALL_MAX) {
        tpi_check(tpi_heap_where(memory).start == memory,
                  "realloc of %p: not the start of an object", memory);
        void *to = tpi_large_resize(memory, size);
        if (to == NULL)
            errno = ENOMEM;
        else if (size > usable)
            tpi_count(&large_bytes, tp_heap_good_size(size) - usable);
        else
            tpi_count(&freed_bytes, usable - tp_heap_good_size(size));
        return to;
    }
    /* In place while the slot holds it and is not more than twice too large. */
    if (size <= usable && (size > usable / 2 || usable <= 64))
        return memory;
    return move(memory, usable, size);
}

size_t tp_heap_usable_size(const void *memory)
{
    if (memory == NULL)
        return 0;
    unsigned size_class = tp_detail_class_of_address(memory);
    if (size_class != 0)
        return tp_detail_class_bytes(size_class) - TPI_GUARD_BYTES;
    struct tpi_where where = tpi_heap_where(memory);
    return where.state == TPI_SPAN_LARGE ? where.bytes : 0; /* collected ones are not ours */
}

size_t tp_heap_good_size(size_t size)
{
    if (size > SIZE_MAX - TPI_PAGE_BYTES)
        return size;
    if (!is_small(size))
        return tpi_align_up(tpi_max(size, TP_HEAP_SMALL_MAX + 1), TPI_PAGE_BYTES);
    return tp_detail_class_bytes(class_for(size)) - TPI_GUARD_BYTES;
}

uint64_t tpi_sizes_freed_bytes(void)
{
    struct tpi_cache_counts counts;
    uint64_t bytes = tpi_load_relaxed_64(&freed_bytes);
    for (unsigned i = 1; i < TP_DETAIL_CLASSES; i++) {
        tpi_cache_counts(&classes[i], &counts);
        bytes += counts.puts * classes[i].bytes;
    }
    return bytes;
}

void tp_heap_stats_read(tp_heap_stats *stats)
{
    struct tpi_heap_totals totals;
    struct tpi_cache_counts counts;
    tpi_heap_totals(&totals);
    *stats = (tp_heap_stats){.reserved = totals.reserved,
                             .in_use = totals.in_use - tpi_cache_span_bytes(),
                             .idle = totals.idle,
                             .released = totals.released,
                             .metadata = totals.metadata + tpi_cache_metadata(),
                             .spans = totals.spans};
    stats->allocations =
        tpi_load_relaxed_64(&large_allocations) + tpi_load_relaxed_64(&class_misses);
    stats->allocated = tpi_load_relaxed_64(&large_bytes) + tpi_load_relaxed_64(&class_miss_bytes);
    stats->frees = tpi_load_relaxed_64(&large_frees) + tpi_load_relaxed_64(&class_drops);
    for (unsigned i = 1; i < TP_DETAIL_CLASSES; i++) {
        tpi_cache_counts(&classes[i], &counts);
        stats->allocations += counts.hits;
        stats->allocated += counts.hits * classes[i].bytes;
        stats->frees += counts.puts;
    }
}

size_t tp_heap_trim(void)
{
    tpi_magazines_release();
    return tpi_heap_scavenge(0);
}
