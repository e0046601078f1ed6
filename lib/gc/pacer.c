/* SPDX-License-Identifier: BSD-2-Clause */
/* The pacer: when a cycle is due, and how many idle pages to keep afterwards.

   Growth, as Go's: after a cycle that left `live` bytes in spans, the next is due when the heap
   reaches live + live x percent / 100, and not below 4 MiB x percent / 100.
   Memory limit: what spans and resident free pages hold together stays near it. Beyond it idle
   pages are released at once, and a cycle is due, though not more often than ten times a second: a
   limit that cannot be held must not eat the processor.
   Kept idle: what the heap may need until the next cycle, and a tenth more (Go's scavenger does the
   same), since a page that is faulted in again costs 1.5 microseconds. */
#include "gc/gc.h"

enum { HEAP_MIN = 4 << 20, LIMIT_PERIOD_NS = 100000000 };

static struct tpi_lock pacer_lock = TPI_LOCK_INIT(TPI_RANK_PACER); /* the setters */
static int percent_now = 100;                        /* pacer_lock */
static uint64_t trigger = HEAP_MIN;                  /* atomic; bytes in use; UINT64_MAX: never */
static uint64_t limit = INT64_MAX;                   /* atomic */
static uint64_t live_after_cycle;                    /* atomic */
static uint64_t last_cycle_ns;                       /* atomic */

/* Bytes in use for users' objects, those that idle in caches too. Approximate while the heap
   grows. */
static uint64_t live_now(void)
{
    uint64_t in_use = tpi_heap_in_use();
    uint64_t own = tpi_cache_span_bytes();
    return in_use > own ? in_use - own : 0;
}

static uint64_t trigger_for(uint64_t live, int percent)
{
    uint64_t growth;
    if (percent < 0 || __builtin_mul_overflow(live, (uint64_t)percent, &growth))
        return UINT64_MAX;
    return tpi_max(live + growth / 100, (uint64_t)HEAP_MIN * (uint64_t)percent / 100);
}

int tp_gc_percent_set(int percent)
{
    tpi_start_ensure();
    tpi_lock(&pacer_lock);
    int before = percent_now;
    percent_now = percent < 0 ? -1 : percent;
    tpi_store_relaxed_64(&trigger,
                         trigger_for(tpi_load_relaxed_64(&live_after_cycle), percent_now));
    tpi_unlock(&pacer_lock);
    tpi_pacer_grown();
    tpi_service_poll();
    return before;
}

int64_t tp_gc_memory_limit_set(int64_t bytes)
{
    tpi_start_ensure();
    tpi_lock(&pacer_lock);
    int64_t before = (int64_t)tpi_load_relaxed_64(&limit);
    if (bytes >= 0)
        tpi_store_relaxed_64(&limit, (uint64_t)bytes);
    tpi_unlock(&pacer_lock);
    tpi_pacer_grown();
    tpi_service_poll();
    return before;
}

void tpi_pacer_configure(int percent, int64_t memory_limit)
{
    percent_now = percent;
    tpi_store_relaxed_64(&trigger, trigger_for(0, percent));
    tpi_store_relaxed_64(&limit, (uint64_t)memory_limit);
}

static void over_limit(uint64_t resident, uint64_t most)
{
    uint64_t in_use = tpi_heap_in_use();
    uint64_t idle = resident > in_use ? resident - in_use : 0;
    uint64_t over = resident - most;
    if (idle > 0)
        tpi_heap_scavenge(idle > over ? idle - over : 0);
    if ((uint64_t)tpi_os_now_ns() - tpi_load_relaxed_64(&last_cycle_ns) >= LIMIT_PERIOD_NS)
        tpi_service_cycle_due();
}

void tpi_pacer_grown(void)
{
    uint64_t most = tpi_load_relaxed_64(&limit);
    uint64_t resident = tpi_heap_resident();
    if (tpi_unlikely(resident >= TPI_PRESSURE_HEAP_MIN))
        tpi_service_heap_is_large();
    if (tpi_unlikely(resident > most))
        over_limit(resident, most);
    if (tpi_unlikely(live_now() >= tpi_load_relaxed_64(&trigger)))
        tpi_service_cycle_due();
}

size_t tpi_pacer_cycle_ended(bool pressure)
{
    uint64_t live = live_now();
    tpi_lock(&pacer_lock);
    uint64_t next = trigger_for(live, percent_now);
    tpi_store_relaxed_64(&live_after_cycle, live);
    tpi_store_relaxed_64(&last_cycle_ns, (uint64_t)tpi_os_now_ns());
    tpi_store_relaxed_64(&trigger, next);
    tpi_unlock(&pacer_lock);
    if (pressure)
        return 0;
    if (next == UINT64_MAX)
        next = live + live / 2; /* growth starts nothing, but pages are kept all the same */
    uint64_t most = tpi_load_relaxed_64(&limit);
    uint64_t target = tpi_min(next + next / 10, most);
    return target > live ? target - live : 0;
}

void tpi_pacer_fork_prepare(void)
{
    tpi_lock(&pacer_lock);
}

void tpi_pacer_fork_parent(void)
{
    tpi_unlock(&pacer_lock);
}

void tpi_pacer_fork_child(void)
{
    tpi_lock_reset_in_child(&pacer_lock);
}
