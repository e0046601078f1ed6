/* SPDX-License-Identifier: BSD-2-Clause */
/* Global roots: ranges of words that the user named, writable data of programs and shared objects
   (an option); and the step of a cycle that reads all roots.

   Ranges lie in a table sorted by address, under tpi_roots_lock (rank ROOTS). A scan reads a piece
   of one under the lock, lets go of it, and looks up where to go on: so a range that was removed is
   not read any more, and nobody waits for more than a piece.

   A range that is added while this thread's barrier is on may come too late for the scan: then the
   adding thread shades its words. With the barrier off, and kept off by being in the runtime, it is
   in the table before the scan. A thread that is not attached is attached for the while; in a
   callback, where no thread is detached, it stays so.

   Writable data are read under the loader's lock. So with that option on, a thread that waits for a
   cycle's end in a constructor of a shared object would wait for ever. A parked thread may hold
   that lock: so they are read before the world is parked, as soon as all barriers are on.

   Pins are in pins.c, pools' explicit objects in rooted.c, idle ones and root arenas in pooled.c,
   objects on their way between threads in transfer.c. */
#include "gc/roots.h"

enum {
    SCAN_BYTES = 64 << 10, /* read under the lock at once */
    TABLE_BYTES = 64 << 10 /* of the first table; each one is twice as large as the last */
};

struct range {
    uintptr_t from, to; /* whole words */
    void *base;         /* as it was given */
};

struct tpi_lock tpi_roots_lock = TPI_LOCK_INIT(TPI_RANK_ROOTS);
static struct range *ranges; /* tpi_roots_lock */
static size_t count, room;   /* tpi_roots_lock */
static uint64_t bytes_sum;   /* atomic; of all ranges */

struct tpi_mutator *tpi_roots_enter(void)
{
    struct tpi_mutator *mutator = tpi_mutator_self;
    if (mutator != NULL)
        tpi_runtime_enter(mutator);
    tpi_lock(&tpi_roots_lock);
    return mutator;
}

void tpi_roots_leave(struct tpi_mutator *mutator)
{
    tpi_unlock(&tpi_roots_lock);
    if (mutator != NULL)
        tpi_runtime_leave(mutator);
}

void tpi_roots_hold(void)
{
    tpi_lock(&tpi_roots_lock);
}

void tpi_roots_let_go(void)
{
    tpi_unlock(&tpi_roots_lock);
}

void tpi_roots_fork_child(void)
{
    tpi_lock_reset_in_child(&tpi_roots_lock);
}

uint64_t tpi_roots_bytes(void)
{
    return tpi_load_relaxed_64(&bytes_sum);
}

/* --- the table; tpi_roots_lock is held --- */

/* The first range that ends above the address. */
static size_t place_above(uintptr_t address)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle].to > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool table_grow(void)
{
    size_t bytes = tpi_max(2 * room * sizeof *ranges, (size_t)TABLE_BYTES);
    struct range *table = tpi_os_map(bytes);
    if (table == NULL)
        return false;
    if (ranges != NULL) {
        memcpy(table, ranges, count * sizeof *ranges);
        tpi_os_unmap(ranges, room * sizeof *ranges);
    }
    ranges = table;
    room = bytes / sizeof *ranges;
    return true;
}

/* 0 or an error. */
static int insert(const struct range *range)
{
    size_t place = place_above(range->from);
    if (place < count && ranges[place].from < range->to)
        return EINVAL;
    if (count == room && !table_grow())
        return ENOMEM;
    memmove(&ranges[place + 1], &ranges[place], (count - place) * sizeof *ranges);
    ranges[place] = *range;
    count++;
    tpi_store_relaxed_64(&bytes_sum, bytes_sum + (range->to - range->from));
    return 0;
}

static int take_out(void *base)
{
    size_t place = place_above(tpi_align_up((uintptr_t)base, 8));
    if (place == count || ranges[place].base != base)
        return EINVAL;
    struct range gone = ranges[place];
    if (tpi_unlikely(tpi_gc_options.wbcheck))
        tpi_wbcheck_forget((const void *)gone.from, gone.to - gone.from);
    count--;
    memmove(&ranges[place], &ranges[place + 1], (count - place) * sizeof *ranges);
    tpi_store_relaxed_64(&bytes_sum, bytes_sum - (gone.to - gone.from));
    return 0;
}

/* --- adding and removing --- */

static int failed(int error)
{
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

/* In pieces, with a poll behind each; where the barrier went off meanwhile, the next cycle's scan
   finds the range. */
static void shade_now(struct tpi_mutator *mutator, const struct range *range)
{
    for (uintptr_t at = range->from; at < range->to; at += SCAN_BYTES) {
        tpi_runtime_enter(mutator);
        bool marking = tpi_load_relaxed_32(&mutator->self->marking) != 0;
        if (marking)
            (void)tpi_shade_words(&mutator->buffer, at, tpi_min(at + SCAN_BYTES, range->to));
        tpi_runtime_leave(mutator);
        if (!marking)
            break;
    }
}

int tp_gc_root_add(void *base, size_t bytes)
{
    uintptr_t start = (uintptr_t)base;
    struct range range = {tpi_align_up(start, 8), (start + bytes) & ~(uintptr_t)7, base};
    if (base == NULL || start + bytes < start || range.from < start || range.from >= range.to)
        return failed(EINVAL);
    bool was_attached = tpi_mutator_self != NULL;
    struct tpi_mutator *mutator = tpi_mutator_ensure();
    if (mutator == NULL)
        return failed(ENOMEM);
    mutator = tpi_roots_enter();
    int error = insert(&range);
    tpi_roots_leave(mutator);
    if (error == 0)
        shade_now(mutator, &range);
    if (!was_attached && !tpi_in_callback())
        tp_gc_thread_detach();
    return failed(error);
}

int tp_gc_root_remove(void *base)
{
    struct tpi_mutator *mutator = tpi_roots_enter();
    int error = take_out(base);
    tpi_roots_leave(mutator);
    return failed(error);
}

/* --- scanning --- */

/* Reads a piece of the first range above *address, and moves that behind it. False: none. */
static bool scan_piece(struct tpi_buffer **buffer, uintptr_t *address)
{
    tpi_lock(&tpi_roots_lock);
    size_t place = place_above(*address);
    bool found = place < count;
    if (found) {
        uintptr_t from = tpi_max(ranges[place].from, *address);
        uintptr_t to = tpi_min(from + SCAN_BYTES, ranges[place].to);
        if (tpi_unlikely(tpi_gc_options.wbcheck) && !tpi_check_marking)
            tpi_wbcheck_scanned((const void *)from, to - from);
        (void)tpi_shade_words(buffer, from, to);
        *address = to;
    }
    tpi_unlock(&tpi_roots_lock);
    return found;
}

static void scan_data(uintptr_t from, uintptr_t to, void *context)
{
    (void)tpi_shade_words(context, from, to);
}

void tpi_roots_scan_data(void)
{
    struct tpi_buffer *buffer = NULL;
    if (!tpi_gc_options.dso_roots)
        return;
    tpi_os_data_visit(tp_detail_heap_arenas, scan_data, &buffer);
    (void)tpi_buffer_hand_over(&buffer);
}

void tpi_roots_scan(void)
{
    struct tpi_buffer *buffer = NULL;
    uintptr_t address = 0;
    while (scan_piece(&buffer, &address))
        ;
    tpi_pins_scan(&buffer);
    tpi_rooted_scan(&buffer);
    tpi_handed_scan(&buffer);
    tpi_pooled_scan(&buffer);
    tpi_chunks_scan(&buffer);
    tpi_cleanups_scan();
    (void)tpi_buffer_hand_over(&buffer);
}
