/* SPDX-License-Identifier: BSD-2-Clause */
/* The pacer: when a cycle is due, and how many idle pages to keep afterwards.

   Growth, as Go's: after a cycle that left `live` bytes in spans, the next is due when the heap
   reaches live + live x percent / 100, and not below 4 MiB x percent / 100.
   That is the rule for explicit memory: what spans hold but collected ones; those of pools'
   explicit objects that have a gc_type belong to it. The collected heap has one of its own
   (assist.c). A cycle is one cycle for both. Memory limit: what spans and resident
   free pages hold together stays near it. Beyond it idle pages are released at once, and a cycle is
   due, though not more often than ten times a second: a limit that cannot be held must not eat the
   processor. A collected allocation that needs pages beyond it waits for a cycle, and fails where
   the last one was just now and left as little. One that the system refuses pages waits for a cycle
   too, unless one was just now and little was taken since. Kept idle: what the heap may need until
   the next cycle, and a tenth more (Go's scavenger does the same), since a page that is
   faulted in again costs 1.5 microseconds. For collected spans that is measured (assist.c). */
#include "gc/collector.h"

enum { HEAP_MIN = 4 << 20, LIMIT_PERIOD_NS = 100000000 };

static struct tpi_lock pacer_lock = TPI_LOCK_INIT(TPI_RANK_PACER); /* the setters */
static uint32_t percent_now = 100;  /* atomic; an int; written under the lock */
static uint64_t trigger = HEAP_MIN; /* atomic; bytes in use; UINT64_MAX: never */
static uint64_t limit = INT64_MAX;  /* atomic */
static uint64_t live_after_cycle;   /* atomic */
static uint64_t last_cycle_ns;      /* atomic; its end */
static uint64_t last_cycle_took_ns; /* atomic */

/* Bytes in use for users' explicit objects, those that idle in caches too. Approximate while the
   heap grows. */
static uint64_t live_now(void)
{
    uint64_t in_use = tpi_heap_in_use() + tpi_rooted_bytes();
    uint64_t own = tpi_cache_span_bytes() + tpi_heap_collected();
    return in_use > own ? in_use - own : 0;
}

static uint64_t trigger_for(uint64_t live, int percent)
{
    uint64_t growth;
    if (percent < 0 || __builtin_mul_overflow(live, (uint64_t)percent, &growth))
        return UINT64_MAX;
    return tpi_max(live + growth / 100, (uint64_t)HEAP_MIN * (uint64_t)percent / 100);
}

/* Both triggers, from percent and limit. pacer_lock is held. */
static void triggers_set(uint64_t live)
{
    int percent = (int)tpi_load_relaxed_32(&percent_now);
    uint64_t most = tpi_load_relaxed_64(&limit);
    uint64_t explicit_bytes = live_now();
    uint64_t left = most > explicit_bytes ? most - explicit_bytes : 0;
    tpi_store_relaxed_64(&trigger, trigger_for(live, percent));
    tpi_growth_set(percent, most == INT64_MAX ? UINT64_MAX : left - left / 16);
}

void tpi_pacer_marked(void)
{
    tpi_lock(&pacer_lock);
    triggers_set(tpi_load_relaxed_64(&live_after_cycle));
    tpi_unlock(&pacer_lock);
}

int tp_gc_percent_set(int percent)
{
    tpi_start_ensure();
    tpi_lock(&pacer_lock);
    int before = (int)tpi_load_relaxed_32(&percent_now);
    tpi_store_relaxed_32(&percent_now, (uint32_t)(percent < 0 ? -1 : percent));
    triggers_set(tpi_load_relaxed_64(&live_after_cycle));
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
    triggers_set(tpi_load_relaxed_64(&live_after_cycle));
    tpi_unlock(&pacer_lock);
    tpi_pacer_grown();
    tpi_service_poll();
    return before;
}

void tpi_pacer_configure(int percent, int64_t memory_limit)
{
    tpi_store_relaxed_32(&percent_now, (uint32_t)percent);
    tpi_store_relaxed_64(&limit, (uint64_t)memory_limit);
    triggers_set(0);
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
    tpi_store_relaxed_64(&live_after_cycle, live);
    int64_t now = tpi_os_now_ns();
    tpi_store_relaxed_64(&last_cycle_ns, (uint64_t)now);
    tpi_store_relaxed_64(&last_cycle_took_ns, (uint64_t)(now - tpi_growth_begun_ns()));
    tpi_growth_cycle_ended();
    uint64_t next = trigger_for(live, (int)tpi_load_relaxed_32(&percent_now));
    tpi_store_relaxed_64(&trigger, next);
    tpi_unlock(&pacer_lock);
    if (pressure)
        return 0;
    if (next == UINT64_MAX)
        next = live + live / 2; /* growth starts nothing, but pages are kept all the same */
    uint64_t keep = next + next / 10 > live ? next + next / 10 - live : 0;
    if (tpi_gc_is_used())
        keep += tpi_growth_left();
    uint64_t most = tpi_load_relaxed_64(&limit);
    uint64_t in_use = tpi_heap_in_use();
    return most > in_use ? tpi_min(keep, most - in_use) : 0;
}

/* --- what collected memory asks --- */

void tpi_pacer_read(struct tpi_pacer_counts *counts)
{
    tpi_growth_read(counts);
    counts->percent = (int)tpi_load_relaxed_32(&percent_now);
    counts->explicit_bytes = live_now();
    if (!tpi_gc_is_used())
        counts->goal = tpi_load_relaxed_64(&trigger);
    else if (counts->goal != UINT64_MAX)
        counts->goal += counts->explicit_bytes;
}

/* Whether bytes more fit the limit, idle pages given back where that helps. */
static bool fits(size_t bytes)
{
    uint64_t most = tpi_load_relaxed_64(&limit);
    uint64_t resident = tpi_heap_resident();
    if (tpi_likely(resident <= most && bytes <= most - resident))
        return true;
    uint64_t in_use = tpi_heap_in_use();
    if (in_use > most || bytes > most - in_use)
        return false;
    tpi_heap_scavenge((size_t)(most - in_use - bytes));
    return true;
}

/* The last cycle ended just now, measured by its own length, and so little was allocated since then
   that there is hardly anything to find: less than 1/64 of the limit; or 1/16 of what is in use,
   where it is the system that refuses pages. */
static bool cycle_was_in_vain(size_t bytes)
{
    uint64_t most = tpi_load_relaxed_64(&limit);
    uint64_t ended = tpi_load_relaxed_64(&last_cycle_ns);
    uint64_t took = tpi_load_relaxed_64(&last_cycle_took_ns);
    uint64_t patience = tpi_min(10 * took, (uint64_t)LIMIT_PERIOD_NS);
    if (ended == 0 || (uint64_t)tpi_os_now_ns() - ended >= patience)
        return false;
    uint64_t in_use = tpi_heap_in_use();
    bool fits_limit = in_use <= most && bytes <= most - in_use;
    return tpi_growth_since_cycle() <= (fits_limit ? in_use / 16 : most / 64);
}

bool tpi_pacer_make_room(size_t bytes)
{
    if (tpi_in_callback() || cycle_was_in_vain(bytes))
        return false;
    tpi_service_cycle_wait();
    return true;
}

bool tpi_pacer_admit(size_t bytes)
{
    return fits(bytes) || (tpi_pacer_make_room(bytes) && fits(bytes));
}

/* --- fork --- */

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
