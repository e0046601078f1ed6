/* SPDX-License-Identifier: BSD-2-Clause */
/* Ours: tp_bytes_from_str and tp_bytes_from_mem into a buffer that is reused, and into a fresh one
   that is given back. And the yardstick: memcpy, behind strlen where the length is not known, into
   a fixed buffer, which is the memory that such a buffer has: a copy's time hangs on the addresses.
 */
#include <tidepool/bytes.h>
#include <tidepool/heap.h>
#include "loop.h"

#define LINE 64u

__attribute__((cold, noreturn)) static void fail(void)
{
    bench_fail("a buffer: out of memory");
}

BENCH_ALWAYS_INLINE void plain_mem(void *context, const char *string, size_t length)
{
    memcpy(context, string, length);
    bench_fence(context);
}

BENCH_ALWAYS_INLINE void plain_str(void *context, const char *string, size_t length)
{
    (void)length;
    plain_mem(context, string, strlen(string));
}

BENCH_ALWAYS_INLINE void copy_mem(void *context, const char *string, size_t length)
{
    tp_bytes *bytes = context;
    if (!tp_bytes_from_mem(bytes, string, length))
        fail();
    bench_fence(bytes);
}

BENCH_ALWAYS_INLINE void copy_str(void *context, const char *string, size_t length)
{
    tp_bytes *bytes = context;
    (void)length;
    if (!tp_bytes_from_str(bytes, string))
        fail();
    bench_fence(bytes);
}

BENCH_ALWAYS_INLINE void copy_fresh(void *context, const char *string, size_t length)
{
    tp_bytes bytes = {0};
    (void)context;
    copy_str(&bytes, string, length);
    tp_bytes_free(&bytes);
}

static void memcpy_mem(void *context, uint64_t n)
{
    bytes_loop(plain_mem, context, n);
}

static void memcpy_str(void *context, uint64_t n)
{
    bytes_loop(plain_str, context, n);
}

static void mem(void *context, uint64_t n)
{
    bytes_loop(copy_mem, context, n);
}

static void str(void *context, uint64_t n)
{
    bytes_loop(copy_str, context, n);
}

static void fresh(void *context, uint64_t n)
{
    bytes_loop(copy_fresh, context, n);
}

static struct bench_cost reused_cost(void *context)
{
    struct bench_cost cost = {0, 0};
    const unsigned char *before = ((tp_bytes *)context)->data;
    mem(context, 1);
    cost.allocs = ((tp_bytes *)context)->data != before;
    return cost;
}

static struct bench_cost fresh_cost(void *context)
{
    struct bench_cost cost = {1, 0};
    tp_bytes bytes = {0};
    copy_str(&bytes, bytes_string, 0);
    cost.bytes = (double)tp_heap_usable_size(bytes.data);
    (void)context;
    return cost;
}

/* A buffer that holds the string, and whose struct is where no store into the buffer looks like one
   into the struct to the processor, which tells by the low 12 bits of an address at first. */
static void *ours_open(struct bench_case *self)
{
    tp_bytes first = {0}, *bytes;
    char *pages;
    bytes_prepare(self);
    mem(&first, 1);
    pages = bench_must(aligned_alloc(PAGE, 2 * PAGE), "pages");
    bytes = (tp_bytes *)(void *)(pages + ((uintptr_t)first.data - LINE) % PAGE);
    *bytes = first;
    return bytes;
}

static void *memcpy_open(struct bench_case *self)
{
    tp_bytes *bytes = ours_open(self);
    return bytes->data;
}

static const struct bench_case cases[] = {
    {.measurement = "bytes_mem", .subject = "memcpy", .open = memcpy_open, .loop = memcpy_mem},
    {.measurement = "bytes_str", .subject = "memcpy", .open = memcpy_open, .loop = memcpy_str},
    {.measurement = "bytes_mem",
     .subject = "bytes",
     .open = ours_open,
     .loop = mem,
     .cost = reused_cost},
    {.measurement = "bytes_str",
     .subject = "bytes",
     .open = ours_open,
     .loop = str,
     .cost = reused_cost},
    {.measurement = "bytes_fresh",
     .subject = "bytes",
     .open = ours_open,
     .loop = fresh,
     .cost = fresh_cost},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
