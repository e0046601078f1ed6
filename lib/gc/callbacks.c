/* SPDX-License-Identifier: BSD-2-Clause */
/* What the busy thread of service.c has called of the program's, as others see it: whether one call
   goes on and on, for those who wait for a cycle near the memory limit; and a line on stderr that
   names it, where a cycle is wanted that cannot begin before it returns.

   The busy thread counts: odd while it is in a callback. Others look twice, and find the same odd
   number or not: so a callback costs it two stores and no look at a clock. `seen` is where the
   first look's result lies, under service_lock; the line is written with no lock held, by one of
   those who found that it is due, once for each function in a row.

   What is being called is said in words that are stored one by one. Who writes the line copies the
   pool's name, and looks at the number again: where it is as before, that pool exists. */
#include "gc/object.h"

enum {
    HANG_NS = 1000000000, /* a line on stderr */
    NAME_BYTES = 64
};

static uint64_t number;   /* atomic; the busy thread's: begun and ended */
static uint64_t function; /* atomic, all three: what it is in; 0: something else */
static uint64_t pool_name;
static uint64_t told_of; /* atomic; a function */
static struct {
    uint64_t number;
    int64_t since_ns;
} seen; /* service_lock */

/* --- the busy thread --- */

void tpi_callbacks_step(void)
{
    tpi_store_relaxed_64(&function, 0);
    tpi_store_release_64(&number, number + 1); /* pairs with tpi_callbacks_warn's */
}

void tpi_callbacks_tell(uintptr_t calls, const char *pool)
{
    tpi_store_relaxed_64(&pool_name, (uint64_t)(uintptr_t)pool);
    tpi_store_release_64(&function, calls); /* pairs with tpi_callbacks_warn's */
}

/* --- others --- */

uint64_t tpi_callbacks_number(void)
{
    return tpi_load_relaxed_64(&number);
}

bool tpi_callbacks_hang(void)
{
    uint64_t now_in = tpi_load_relaxed_64(&number);
    if (now_in % 2 == 0)
        return false;
    int64_t now = tpi_os_now_ns();
    if (now_in != seen.number) {
        seen.number = now_in;
        seen.since_ns = now;
    }
    uint64_t calls = tpi_load_relaxed_64(&function);
    return now - seen.since_ns >= HANG_NS && calls != 0 && calls != tpi_load_relaxed_64(&told_of);
}

/* The pool may be gone, and its name's memory be another's. */
TPI_UNSANITIZED static void copy(char to[NAME_BYTES], const volatile char *from)
{
    size_t n = 0;
    while (n < NAME_BYTES - 1 && from[n] != '\0') {
        to[n] = from[n];
        n++;
    }
    to[n] = '\0';
}

void tpi_callbacks_warn(void)
{
    char name[NAME_BYTES];
    uint64_t before = tpi_load_acquire_64(&number);
    uint64_t calls = tpi_load_acquire_64(&function);
    const char *pool = (const char *)(uintptr_t)tpi_load_relaxed_64(&pool_name);
    if (before % 2 == 0 || calls == 0)
        return;
    if (pool != NULL)
        copy(name, pool);
    tpi_fence_full();
    if (tpi_load_relaxed_64(&number) != before || tpi_exchange_strict_64(&told_of, calls) == calls)
        return;
    if (pool != NULL)
        tpi_warn("destruct of pool '%s' (function %p) has not returned for 1 s, and no cycle "
                 "begins before it does: it must not wait for long; see tp_pool_create",
                 name, (void *)(uintptr_t)calls);
    else
        tpi_warn("a cleanup (function %p) has not returned for 1 s, and no cycle begins before it "
                 "does: it must not wait for long; see tp_gc_cleanup_add",
                 (void *)(uintptr_t)calls);
}

void tpi_callbacks_fork_child(void)
{
    tpi_store_relaxed_64(&number, number + number % 2);
}
