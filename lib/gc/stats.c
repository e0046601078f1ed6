/* SPDX-License-Identifier: BSD-2-Clause */
/* What cycles cost, and what the collected heap has handed out and freed.

   The collecting thread alone writes, at the end of a cycle; anybody reads: so each number is a
   word that is stored and loaded atomically, without order, and a reader may see half of a cycle's.
   A fork's child finds such a half at worst. */
#include "gc/collector.h"

void (*tpi_cycle_traced)(const struct tpi_cycle_trace *trace);

static int64_t start_ns;
static uint64_t cycles, cycles_forced, last_end_ns;
static uint64_t pause_ns[TPI_PAUSES], pause_end_ns[TPI_PAUSES], pause_total_ns, pause_max_ns;
static uint64_t cpu_ns; /* of collecting threads since the start */
static struct {
    uint64_t slots, bytes, held_up_max_ns;
} retired; /* mutators_lock; of threads that are not attached any more */
static struct {
    uint64_t slots, bytes;
} counted; /* mutators_lock; as last told */

void tpi_gc_configure(const struct tpi_gc_options *options)
{
    tpi_gc_options = *options;
    start_ns = tpi_os_now_ns();
}

/* --- the collecting thread's clock --- */

static uint64_t heap_bytes(uint64_t *goal)
{
    struct tpi_pacer_counts counts;
    tpi_pacer_read(&counts);
    *goal = counts.goal;
    return counts.live + counts.explicit_bytes;
}

void tpi_clock_start(struct tpi_cycle_clock *clock, bool forced)
{
    *clock = (struct tpi_cycle_clock){.forced = forced, .phase = TPI_CLOCK_SETUP};
    clock->begun_ns = clock->phase_ns = tpi_os_now_ns();
    clock->phase_cpu_ns = tpi_os_cpu_ns();
    clock->heap_begin = heap_bytes(&clock->goal);
    tpi_straggle_clear();
}

void tpi_clock_step(struct tpi_cycle_clock *clock, enum tpi_clock_phase to)
{
    int64_t now = tpi_os_now_ns();
    int64_t cpu = tpi_os_cpu_ns();
    clock->wall_ns[clock->phase] += now - clock->phase_ns;
    clock->cpu_ns[clock->phase] += cpu - clock->phase_cpu_ns;
    clock->phase = to;
    clock->phase_ns = now;
    clock->phase_cpu_ns = cpu;
    uint64_t ignored;
    if (to == TPI_CLOCK_FINISH)
        clock->heap_end = heap_bytes(&ignored);
}

/* The longest that one mutator was held up in this cycle, those that left included. */
static uint64_t take_held_up(void)
{
    tpi_mutators_lock();
    uint64_t longest = retired.held_up_max_ns;
    retired.held_up_max_ns = 0;
    for (struct tpi_mutator *each = tpi_mutators_first(); each != NULL; each = each->next) {
        longest = tpi_max(longest, tpi_load_relaxed_64(&each->held_up_max_ns));
        tpi_store_relaxed_64(&each->held_up_max_ns, 0);
    }
    tpi_mutators_unlock();
    return longest;
}

void tpi_stats_retire(struct tpi_mutator *mutator)
{
    retired.slots += mutator->allocated_slots;
    retired.bytes += mutator->allocated_bytes;
    retired.held_up_max_ns = tpi_max(retired.held_up_max_ns, mutator->held_up_max_ns);
    tpi_store_relaxed_64(&mutator->allocated_slots, 0);
    tpi_store_relaxed_64(&mutator->allocated_bytes, 0);
    tpi_store_relaxed_64(&mutator->held_up_max_ns, 0);
}

static void add(uint64_t *counter, uint64_t n)
{
    tpi_store_relaxed_64(counter, tpi_load_relaxed_64(counter) + n);
}

static uint64_t assist_ns(void)
{
    struct tpi_pacer_counts counts;
    tpi_pacer_read(&counts);
    return counts.assist_ns;
}

static double cpu_fraction(void)
{
    double whole = (double)(tpi_os_now_ns() - start_ns) * tpi_os_cores();
    double ours = (double)(tpi_load_relaxed_64(&cpu_ns) + assist_ns());
    return whole > 0 ? ours / whole : 0;
}

/* Before a cycle's assists are told, those of all cycles before are taken off. */
static uint64_t assist_ns_of_cycle(void)
{
    static uint64_t told; /* the collecting thread's */
    uint64_t now = assist_ns();
    uint64_t since = now - told;
    told = now;
    return since;
}

static void trace(const struct tpi_cycle_clock *clock)
{
    struct tpi_pacer_counts counts;
    struct tpi_straggle straggle;
    tpi_pacer_read(&counts);
    tpi_straggle_read(&straggle);
    tpi_cycle_traced(&(struct tpi_cycle_trace){
        .number = tpi_load_relaxed_64(&cycles),
        .forced = clock->forced,
        .since_start_ns = clock->begun_ns - start_ns,
        .cpu_fraction = cpu_fraction(),
        .setup_ns = clock->wall_ns[TPI_CLOCK_SETUP],
        .mark_ns = clock->wall_ns[TPI_CLOCK_MARK],
        .finish_ns = clock->wall_ns[TPI_CLOCK_FINISH],
        .setup_cpu_ns = clock->cpu_ns[TPI_CLOCK_SETUP],
        .assist_cpu_ns = (int64_t)assist_ns_of_cycle(),
        .background_cpu_ns = clock->cpu_ns[TPI_CLOCK_MARK],
        .finish_cpu_ns = clock->cpu_ns[TPI_CLOCK_FINISH],
        .heap_begin = clock->heap_begin,
        .heap_end = clock->heap_end,
        .heap_marked = counts.marked + counts.explicit_bytes,
        .goal = clock->goal,
        .stack_bytes = counts.stacks,
        .root_bytes = counts.roots,
        .cores = tpi_os_cores(),
        .signals = straggle.signals,
        .straggler = straggle.name,
        .straggler_tid = straggle.tid,
    });
}

void tpi_clock_stop(struct tpi_cycle_clock *clock)
{
    tpi_clock_step(clock, TPI_CLOCK_SETUP);
    uint64_t longest = take_held_up();
    for (int i = 0; i < TPI_CLOCK_PHASES; i++)
        add(&cpu_ns, (uint64_t)clock->cpu_ns[i]);
    uint64_t at = tpi_load_relaxed_64(&cycles) % TPI_PAUSES;
    uint64_t date = (uint64_t)tpi_os_date_ns();
    tpi_store_relaxed_64(&pause_ns[at], longest);
    tpi_store_relaxed_64(&pause_end_ns[at], date);
    add(&pause_total_ns, longest);
    if (longest > tpi_load_relaxed_64(&pause_max_ns))
        tpi_store_relaxed_64(&pause_max_ns, longest);
    tpi_store_relaxed_64(&last_end_ns, date);
    add(&cycles_forced, clock->forced);
    add(&cycles, 1);
    if (tpi_cycle_traced != NULL)
        trace(clock);
}

/* --- reading --- */

/* What a mutator's runs have left: taken, and not handed out. */
static void leave_out_unused(const struct tpi_mutator *mutator, uint64_t *slots, uint64_t *bytes)
{
    uint32_t n = tpi_load_acquire_32(&mutator->layouts_used_count);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = tpi_load_relaxed_32(&mutator->layouts_used[i]);
        uint32_t slot_bytes = tpi_layout_numbered(number)->slot_bytes;
        uint64_t next = tpi_load_relaxed_64(&mutator->runs[number].next);
        uint64_t end = tpi_load_relaxed_64(&mutator->runs[number].end);
        if (slot_bytes == 0 || next >= end || end - next > TP_HEAP_SMALL_MAX)
            continue; /* used up, or just being changed */
        *slots -= (end - next) / slot_bytes;
        *bytes -= end - next;
    }
}

static void count_allocated(uint64_t *slots, uint64_t *bytes)
{
    tpi_mutators_lock();
    *slots = retired.slots;
    *bytes = retired.bytes;
    for (struct tpi_mutator *each = tpi_mutators_first(); each != NULL; each = each->next) {
        *slots += tpi_load_relaxed_64(&each->allocated_slots);
        *bytes += tpi_load_relaxed_64(&each->allocated_bytes);
        leave_out_unused(each, slots, bytes);
    }
    /* A mutator that gives a run back just now may seem to have taken less than before. */
    *slots = counted.slots = tpi_max(counted.slots, *slots);
    *bytes = counted.bytes = tpi_max(counted.bytes, *bytes);
    tpi_mutators_unlock();
}

void tpi_gc_stats_read(struct tpi_gc_stats *stats)
{
    struct tpi_pacer_counts counts;
    struct tpi_sweep_counts swept;
    struct tpi_rooted_counts rooted;
    uint64_t slots, bytes;
    tpi_pacer_read(&counts);
    tpi_rooted_counts(&rooted);
    tpi_sweep_counts(&swept); /* before: no more is freed than was allocated */
    count_allocated(&slots, &bytes);
    *stats = (struct tpi_gc_stats){
        .cycles = tpi_load_relaxed_64(&cycles),
        .cycles_forced = tpi_load_relaxed_64(&cycles_forced),
        .last_end_ns = tpi_load_relaxed_64(&last_end_ns),
        .pause_total_ns = tpi_load_relaxed_64(&pause_total_ns),
        .pause_max_ns = tpi_load_relaxed_64(&pause_max_ns),
        .cpu_fraction = cpu_fraction(),
        .percent = counts.percent,
        .goal = counts.goal,
        .mallocs = slots + rooted.mallocs,
        .frees = swept.freed_objects + rooted.frees,
        .allocated_bytes = bytes + rooted.allocated_bytes,
        .freed_bytes = swept.freed_bytes + rooted.freed_bytes,
        .span_bytes = tpi_heap_collected(),
        .stack_bytes = counts.stacks,
    };
    for (unsigned i = 0; i < TPI_PAUSES; i++) {
        stats->pause_ns[i] = tpi_load_relaxed_64(&pause_ns[i]);
        stats->pause_end_ns[i] = tpi_load_relaxed_64(&pause_end_ns[i]);
    }
}
