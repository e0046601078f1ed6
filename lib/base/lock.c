/* SPDX-License-Identifier: BSD-2-Clause */
/* Locks with ranks, and condition variables; see lock.h. */
#include <time.h>

#include "base/base.h"

/* How many this thread holds: up before it has one, down after, as its signal handlers see it. */
static __thread uint32_t held_count __attribute__((tls_model("initial-exec")));
/* Bit r: this thread holds locks of rank r. Checked builds only. */
static __thread uint32_t held_ranks __attribute__((tls_model("initial-exec")));
/* By rank: locks of it that this thread holds beyond the first. */
static __thread uint32_t held_next[TPI_RANK_LEAF + 1] __attribute__((tls_model("initial-exec")));

static void note_locked(const struct tpi_lock *lock)
{
    if (!tpi_checked)
        return;
    tpi_check(held_ranks >> lock->rank == 0, "lock order: rank %u taken under ranks 0x%x",
              lock->rank, held_ranks);
    held_ranks |= 1u << lock->rank;
}

void tpi_lock_init(struct tpi_lock *lock, enum tpi_rank rank)
{
    *lock = (struct tpi_lock)TPI_LOCK_INIT((uint8_t)rank);
}

static void count_held(uint32_t delta)
{
    tpi_store_relaxed_32(&held_count, held_count + delta);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

bool tpi_locks_held(void)
{
    return tpi_load_relaxed_32(&held_count) != 0;
}

static void lock_or_abort(struct tpi_lock *lock)
{
    count_held(1);
    int error = pthread_mutex_lock(&lock->mutex);
    tpi_check(error != EDEADLK, "the library was entered again by the thread that is in it: "
                                "pools and the heap are not for signal handlers");
    tpi_check(error == 0, "a lock of rank %u failed: %s", lock->rank, strerror(error));
}

void tpi_lock(struct tpi_lock *lock)
{
    lock_or_abort(lock);
    note_locked(lock);
}

void tpi_lock_soon(struct tpi_lock *lock)
{
    enum { SPINS_MAX = 1000 };
    for (unsigned i = 0; i < SPINS_MAX; i++) {
        if (tpi_lock_try(lock))
            return;
        tpi_pause();
    }
    tpi_lock(lock);
}

void tpi_lock_next(struct tpi_lock *lock)
{
    lock_or_abort(lock);
    if (!tpi_checked)
        return;
    if ((held_ranks >> lock->rank & 1) != 0)
        held_next[lock->rank]++;
    else
        note_locked(lock);
}

bool tpi_lock_try(struct tpi_lock *lock)
{
    count_held(1);
    if (pthread_mutex_trylock(&lock->mutex) != 0) {
        count_held(UINT32_MAX);
        return false;
    }
    note_locked(lock);
    return true;
}

void tpi_unlock(struct tpi_lock *lock)
{
    if (tpi_checked && held_next[lock->rank] > 0)
        held_next[lock->rank]--;
    else if (tpi_checked)
        held_ranks &= ~(1u << lock->rank);
    int error = pthread_mutex_unlock(&lock->mutex);
    tpi_check(error == 0, "an unlock of rank %u failed: %s", lock->rank, strerror(error));
    count_held(UINT32_MAX);
}

void tpi_lock_reset_in_child(struct tpi_lock *lock)
{
    bool held = pthread_mutex_trylock(&lock->mutex) != 0;
    tpi_lock_init(lock, (enum tpi_rank)lock->rank);
    if (held)
        count_held(UINT32_MAX);
    if (tpi_checked) {
        held_ranks &= ~(1u << lock->rank);
        held_next[lock->rank] = 0;
    }
}

void tpi_condition_init(struct tpi_condition *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&condition->condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* libc's waits are cancellation points; a thread cancelled there would leave the lock locked. */
void tpi_condition_wait(struct tpi_condition *condition, struct tpi_lock *lock)
{
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_cond_wait(&condition->condition, &lock->mutex);
    pthread_setcancelstate(state, NULL);
}

bool tpi_condition_wait_until(struct tpi_condition *condition, struct tpi_lock *lock,
                              int64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = deadline_ns / 1000000000,
                                .tv_nsec = deadline_ns % 1000000000};
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    int error = pthread_cond_timedwait(&condition->condition, &lock->mutex, &deadline);
    pthread_setcancelstate(state, NULL);
    return error != ETIMEDOUT;
}

void tpi_condition_wake_one(struct tpi_condition *condition)
{
    pthread_cond_signal(&condition->condition);
}

void tpi_condition_wake_all(struct tpi_condition *condition)
{
    pthread_cond_broadcast(&condition->condition);
}
