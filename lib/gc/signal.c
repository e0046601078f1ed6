/* SPDX-License-Identifier: BSD-2-Clause */
/* The signal that asks a thread which has not answered for 10 ms: a bare system call, a join, a
   long loop.

   Its handler answers as the thread would at a poll, on the stack that it interrupted: so the
   signal's frame, with all general and vector registers, lies above the handler's stack pointer and
   is searched with the rest. It leaves the answer to others where
   - the thread is not attached (yet), or in a blocking region: state is not RUNNING;
   - it is in the library's own code: in_runtime is not 0, and leaving that polls;
   - it is asked to PARK and holds one of the library's locks: it would park with it. It is asked
     again.
   Where it interrupted the block of a barrier (include/tidepool/detail/gc.h) behind the test, it
   sets the instruction pointer back to the test, since the answer may change what the test found.
   What the block has done before its last instruction is nothing but a comparison.

   Blocks are found by tables, one for each program or shared object, in `tables`. The handler reads
   them without a lock; it says so in `readers`, and tp_detail_gc_table_remove waits for those that
   may have seen the table that it took out: the fences make one see the other. What cannot be
   unmapped keeps its table: at exit its destructors run while other threads go on in its code. From
   what can be, all threads have gone before its destructors run.

   ThreadSanitizer keeps signals back until the thread calls something: there, signals are off. */
#include "gc/collector.h"

enum { TABLES_MAX = 256 };

struct table {
    const struct tp_detail_gc_block *start; /* atomic; NULL: no table */
    const struct tp_detail_gc_block *stop;  /* good while start is not NULL */
};

static struct tpi_lock tables_lock = TPI_LOCK_INIT(TPI_RANK_LEAF);
static struct table tables[TABLES_MAX]; /* changed under tables_lock */
static uint32_t tables_used;            /* atomic: those from here on were never used */
static uint32_t readers;                /* atomic */
static uint32_t signal_number;          /* atomic; 0: none is sent */
static bool overflowed;                 /* tables_lock; a table found no place: none will be */

/* In each program that has ThreadSanitizer's code in it, ours or not. */
extern void __tsan_init(void) __attribute__((weak));

int tpi_signal_number(void)
{
    return (int)tpi_load_acquire_32(&signal_number);
}

bool tpi_signals_kept_back(void)
{
    return &__tsan_init != NULL;
}

/* --- blocks --- */

/* tables_lock. A program's constructor runs once for each of its files. */
static bool table_is_known(const void *start)
{
    for (uint32_t i = 0; i < tables_used; i++)
        if (tables[i].start == start)
            return true;
    return false;
}

void tp_detail_gc_table_add(const void *start, const void *stop)
{
    uint32_t i = 0;
    tpi_lock(&tables_lock);
    bool known = table_is_known(start);
    while (!known && i < TABLES_MAX && tables[i].start != NULL)
        i++;
    if (!known && i < TABLES_MAX) {
        tables[i].stop = stop;
        tpi_store_release_ptr(&tables[i].start, start); /* pairs with block_start */
        if (i >= tables_used)
            tpi_store_release_32(&tables_used, i + 1);
    }
    bool first = i == TABLES_MAX && !overflowed;
    overflowed |= first;
    tpi_unlock(&tables_lock);
    if (first) {
        tpi_store_release_32(&signal_number, 0);
        tpi_warn("more than %d shared objects have write barriers: threads that do not poll are "
                 "not asked by signals any more",
                 (int)TABLES_MAX);
    }
}

void tp_detail_gc_table_remove(const void *start)
{
    enum { LOOK_NS = 100000 };
    bool found = false;
    if (tpi_os_stays_mapped(start))
        return;
    tpi_lock(&tables_lock);
    for (uint32_t i = 0; i < tables_used; i++) {
        if (start != NULL && tables[i].start == start) {
            tpi_store_release_ptr(&tables[i].start, NULL);
            found = true;
        }
    }
    tpi_fence_full(); /* pairs with the one in restart: it sees NULL, or we see it */
    while (found && tpi_load_acquire_32(&readers) != 0)
        tpi_os_sleep(LOOK_NS);
    tpi_unlock(&tables_lock); /* the place may be taken again */
}

/* Of the block that has pc behind its first instruction; 0: none has. */
static uintptr_t block_start(uintptr_t pc)
{
    uint32_t used = tpi_load_acquire_32(&tables_used);
    for (uint32_t i = 0; i < used; i++) {
        const struct tp_detail_gc_block *block = tpi_load_acquire_ptr(&tables[i].start);
        if (block == NULL)
            continue;
        for (const struct tp_detail_gc_block *stop = tables[i].stop; block < stop; block++) {
            uintptr_t start = (uintptr_t)&block->start + (uintptr_t)(intptr_t)block->start;
            if (pc - start < block->bytes && pc != start)
                return start;
        }
    }
    return 0;
}

static void restart(void *context)
{
    (void)tpi_add_acq_rel_32(&readers, 1);
    tpi_fence_full();
    uintptr_t start = block_start(tpi_os_signal_pc(context));
    (void)tpi_add_acq_rel_32(&readers, UINT32_MAX);
    if (start != 0)
        tpi_os_signal_set_pc(context, start);
}

/* --- the handler --- */

static void answer(const struct tpi_registers *registers, void *mutator)
{
    tpi_answer(mutator, registers);
}

static void handle(int number, siginfo_t *info, void *context)
{
    struct tpi_mutator *mutator = tpi_mutator_self;
    (void)number;
    (void)info;
    if (mutator == NULL || tpi_load_relaxed_32(&mutator->in_runtime) != 0 ||
        tpi_load_relaxed_32(&mutator->state) != TPI_RUNNING ||
        tpi_load_acquire_32(&mutator->requested) == tpi_load_relaxed_32(&mutator->answered))
        return;
    if (tpi_asked_to_park() && tpi_locks_held())
        return;
    tpi_store_relaxed_32(&mutator->in_runtime, 1);
    restart(context);
    tpi_with_registers(answer, mutator);
    tpi_store_relaxed_32(&mutator->in_runtime, 0);
}

void tpi_signal_start(int number)
{
    tpi_lock(&tables_lock);
    bool off = number == 0 || overflowed || tpi_signals_kept_back();
    tpi_unlock(&tables_lock);
    if (off)
        return;
    if (!tpi_os_signal_is_free(number) || !tpi_os_signal_handle(number, handle))
        tpi_warn("signal %d is not free (TIDEPOOL=gcsignal names another one): threads that do not "
                 "poll are not asked by signals",
                 number);
    else
        tpi_store_release_32(&signal_number, (uint32_t)number);
}

bool tpi_signal_send(struct tpi_mutator *mutator)
{
    int number = tpi_signal_number();
    return number != 0 && tpi_os_signal_send(mutator->tid, number);
}

/* Another thread of the parent may have been in the handler, or at the tables, which are whole at
   each moment. */
void tpi_signal_fork_child(void)
{
    tpi_store_relaxed_32(&readers, 0);
    tpi_lock_reset_in_child(&tables_lock);
}
