/* SPDX-License-Identifier: BSD-2-Clause */
/* The collected heap's part of the pacer: when its next cycle is due, and how much marking those
   who allocate do meanwhile.

   Time is measured in bytes: `allocated` counts the slots' bytes that mutators took in runs, some
   runs at a time, and large objects. As in Go's pacer:
   - `marked` is what the last cycle marked and what was allocated meanwhile, which is black. Bytes
     live are those, and what was allocated since.
   - The goal is marked + (marked + stacks + roots) x percent / 100, and not below 4 MiB x percent /
     100. Near the memory limit it is what the limit leaves.
   - A cycle is due ahead of the goal by the runway: what the last ones saw allocated between being
     due and having marked. It stays between 70 and 95% of the way to the goal.
   - While the collecting thread marks, an allocating mutator compares what is marked with what
   should be: the same fraction of the work as of the way to the goal. Where marking is behind it
   does the difference, at most ASSIST_BYTES in one call, which keep it some 50 us; where it is not,
   nothing. So what the collecting thread does counts for all. The work is estimated as what the
   last cycle marked; beyond that, as all that is live.

   `marking` is set by the collecting thread. A mutator looks at it in its runtime, where it answers
   no handshake: what it then marks belongs to the cycle that it saw.

   Counters are atomic; the goal and what follows from it change under the pacer's lock. */
#include "gc/collector.h"

enum {
    GOAL_MIN = 4 << 20,
    ASSIST_BYTES = 64 << 10, /* in one call; and it ends after */
    ASSIST_NS = 50000,       /* so long, which it looks at after each */
    ASSIST_STEP = 4 << 10,
    FAR_SHARE = 8, /* of the goal, beyond it */
    SLEEP_NS = 20000
};

static uint64_t allocated;   /* atomic; bytes since the start */
static uint64_t marking;     /* atomic; 1: mutators may mark */
static uint64_t assisted_ns; /* atomic */
/* Atomic words, written by the collecting thread, or under the pacer's lock. */
static uint64_t marked;             /* when the last cycle had marked: black */
static uint64_t base;               /* of `allocated`: then */
static uint64_t due = GOAL_MIN / 2; /* of `allocated`: a cycle is due */
static uint64_t goal = GOAL_MIN;    /* bytes live */
static uint64_t goal_at = GOAL_MIN; /* of `allocated`: the goal is reached */
static uint64_t runway;
static uint64_t goal_before;    /* the goal of the cycle that marked last */
static uint64_t spans_most;     /* bytes of spans when marking ended */
static uint64_t mark_begun;     /* of `allocated`: this cycle's BLACK */
static uint64_t mark_way;       /* bytes from there to the goal */
static uint64_t mark_live;      /* bytes live then */
static uint64_t stacks, roots;  /* bytes that the last cycle searched */
static uint64_t allocated_then; /* of `allocated`: when the last cycle ended */
static uint64_t begun_ns;       /* when the last marking began */

uint64_t tpi_growth_live(void)
{
    return tpi_load_relaxed_64(&marked) + tpi_load_relaxed_64(&allocated) -
           tpi_load_relaxed_64(&base);
}

void tpi_growth_read(struct tpi_pacer_counts *counts)
{
    counts->live = tpi_growth_live();
    counts->goal = tpi_load_relaxed_64(&goal);
    counts->marked = tpi_load_relaxed_64(&marked);
    counts->stacks = tpi_load_relaxed_64(&stacks);
    counts->roots = tpi_load_relaxed_64(&roots);
    counts->assist_ns = tpi_load_relaxed_64(&assisted_ns);
}

uint64_t tpi_growth_since_cycle(void)
{
    return tpi_load_relaxed_64(&allocated) - tpi_load_relaxed_64(&allocated_then);
}

void tpi_growth_cycle_ended(void)
{
    tpi_store_relaxed_64(&allocated_then, tpi_load_relaxed_64(&allocated));
}

int64_t tpi_growth_begun_ns(void)
{
    return (int64_t)tpi_load_relaxed_64(&begun_ns);
}

/* --- the goal --- */

static uint64_t goal_by_growth(int percent)
{
    uint64_t live = tpi_load_relaxed_64(&marked);
    uint64_t searched = live + tpi_load_relaxed_64(&stacks) + tpi_load_relaxed_64(&roots);
    uint64_t growth;
    if (percent < 0 || __builtin_mul_overflow(searched, (uint64_t)percent, &growth))
        return UINT64_MAX;
    return tpi_max(live + growth / 100, (uint64_t)GOAL_MIN * (uint64_t)percent / 100);
}

void tpi_growth_set(int percent, uint64_t room)
{
    uint64_t live = tpi_growth_live();
    uint64_t next = tpi_min(goal_by_growth(percent), room);
    /* Where the goal is reached already, a cycle at once would find little: some way at least. */
    if (next != UINT64_MAX)
        next = tpi_max(next, live + tpi_max(live / 16, (uint64_t)ASSIST_BYTES));
    uint64_t way = next - live;
    uint64_t ahead = tpi_load_relaxed_64(&runway);
    uint64_t until = way > ahead ? way - ahead : 0;
    until = tpi_min(tpi_max(until, way / 10 * 7), way - way / 20);
    uint64_t now = tpi_load_relaxed_64(&allocated);
    tpi_store_relaxed_64(&goal, next);
    tpi_store_relaxed_64(&goal_at, next == UINT64_MAX ? UINT64_MAX : now + way);
    tpi_store_relaxed_64(&due, next == UINT64_MAX ? UINT64_MAX : now + until);
}

/* Of collected objects alone. */
static uint64_t spans_now(void)
{
    uint64_t all = tpi_heap_collected(), rooted = tpi_rooted_bytes();
    return all > rooted ? all - rooted : 0;
}

/* As Go's scavenger: what spans took when marking ended, the most of a cycle, scaled by how the
   goal changed, and a tenth more. What they took in the cycles before is forgotten by an eighth
   each time: pages that are given back in one cycle and taken in the next cost a fault each. */
uint64_t tpi_growth_left(void)
{
    uint64_t now = spans_now();
    double most = (double)tpi_load_relaxed_64(&spans_most);
    uint64_t to = tpi_load_relaxed_64(&goal), from = tpi_load_relaxed_64(&goal_before);
    if (to != UINT64_MAX && from != UINT64_MAX)
        most *= (double)to / (double)from;
    most *= 1.1;
    return most > (double)now ? (uint64_t)most - now : 0;
}

/* --- a cycle: the collecting thread --- */

void tpi_pacer_marking_begins(void)
{
    uint64_t now = tpi_load_relaxed_64(&allocated);
    uint64_t live = tpi_growth_live();
    uint64_t most = tpi_load_relaxed_64(&goal);
    uint64_t left = most > live ? most - live : 0;
    if (most == UINT64_MAX)
        left = live; /* no goal: as if the percentage were 100 */
    tpi_store_relaxed_64(&begun_ns, (uint64_t)tpi_os_now_ns());
    tpi_store_relaxed_64(&mark_begun, now);
    tpi_store_relaxed_64(&mark_way, tpi_max(left, (uint64_t)ASSIST_BYTES));
    tpi_store_relaxed_64(&mark_live, live);
    tpi_store_relaxed_64(&marking, 1);
}

static void count_stack(struct tpi_mutator *mutator, void *context)
{
    uint64_t *sum = context;
    *sum += tpi_load_relaxed_64(&mutator->stack_bytes);
}

void tpi_pacer_marking_ended(void)
{
    uint64_t stack_bytes = 0;
    tpi_store_relaxed_64(&marking, 0);
    tpi_mutators_visit(count_stack, &stack_bytes);
    uint64_t now = tpi_load_relaxed_64(&allocated);
    uint64_t begun = tpi_load_relaxed_64(&mark_begun);
    uint64_t took = now - tpi_min(tpi_load_relaxed_64(&due), begun);
    uint64_t before = tpi_load_relaxed_64(&runway);
    /* Up at once, down slowly: a goal that is missed costs more than a cycle that is early. */
    tpi_store_relaxed_64(&runway, took > before ? took : before - (before - took) / 4);
    tpi_store_relaxed_64(&marked, tpi_marked_bytes() + now - begun);
    tpi_store_relaxed_64(&base, now);
    tpi_store_relaxed_64(&stacks, stack_bytes);
    tpi_store_relaxed_64(&roots, tpi_roots_bytes());
    uint64_t most = tpi_load_relaxed_64(&spans_most);
    tpi_store_relaxed_64(&spans_most, tpi_max(spans_now(), most - most / 8));
    tpi_store_relaxed_64(&goal_before, tpi_load_relaxed_64(&goal));
    tpi_pacer_marked();
}

/* --- mutators --- */

/* Bytes that should be marked, and are not, when so much was allocated. */
static uint64_t behind(uint64_t now)
{
    uint64_t done = tpi_marked_bytes();
    uint64_t work = tpi_load_relaxed_64(&marked);
    if (done >= work)
        work = tpi_load_relaxed_64(&mark_live);
    double way = (double)(now - tpi_load_relaxed_64(&mark_begun));
    way /= (double)tpi_load_relaxed_64(&mark_way);
    uint64_t should = (uint64_t)((double)work * tpi_min(way, 1.0));
    return should > done ? should - done : 0;
}

/* Whether there was anything to do. */
static TPI_COLD bool assist(struct tpi_mutator *mutator, uint64_t bytes)
{
    int64_t begin = tpi_os_now_ns(), now = begin;
    uint64_t paid = 0, did;
    bytes = tpi_min(bytes, (uint64_t)ASSIST_BYTES);
    tpi_runtime_enter(mutator);
    do {
        did = tpi_load_relaxed_64(&marking) != 0 ? tpi_mark_some(ASSIST_STEP) : 0;
        paid += did;
        now = tpi_os_now_ns();
    } while (did != 0 && paid < bytes && now - begin < ASSIST_NS);
    tpi_runtime_leave(mutator);
    if (paid == 0)
        return false;
    tpi_count(&assisted_ns, (uint64_t)(now - begin));
    tpi_held_up(mutator, begin);
    return true;
}

/* Beyond the goal a mutator lets others run, since the collecting thread may be waiting for a
   processor; and is answered for meanwhile, should it wait long for one itself. Far beyond it
   sleeps: a thread that allocates as fast as it can takes megabytes while the collecting thread
   wakes up. */
static TPI_COLD void let_collect(struct tpi_mutator *mutator, uint64_t beyond)
{
    int64_t begin = tpi_os_now_ns();
    tp_gc_blocking_begin();
    if (beyond > tpi_load_relaxed_64(&goal) / FAR_SHARE)
        tpi_os_sleep(SLEEP_NS);
    else
        tpi_os_yield();
    tp_gc_blocking_end();
    tpi_held_up(mutator, begin);
}

void tpi_pacer_allocated(struct tpi_mutator *mutator, size_t bytes)
{
    uint64_t now = tpi_add_acq_rel_64(&allocated, bytes) + bytes;
    if (tpi_unlikely(tpi_load_relaxed_64(&marking) != 0)) {
        uint64_t owed = behind(now);
        if (owed > 0 && assist(mutator, owed))
            return;
    } else if (tpi_unlikely(now >= tpi_load_relaxed_64(&due))) {
        tpi_service_cycle_due();
        tpi_service_poll();
    }
    uint64_t until = tpi_load_relaxed_64(&goal_at);
    if (tpi_unlikely(now >= until))
        let_collect(mutator, now - until);
}
