/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts what is handed out. The linker's --wrap sends this program's calls of malloc, realloc,
   strdup, strndup and asprintf here (the library's own and libc's are left alone); Tidepool's heap
   counts for itself. malloc's bytes are those that were asked for: its headers and its rounding,
   which differ from one libc to the next, come on top. A realloc counts as an allocation of its new
   size: that it may stay in place is nothing that a program can rely on. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidepool.h>
#include "from_go.h"

void *__real_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *string);
char *__wrap_strndup(const char *string, size_t n);
int __wrap_asprintf(char **string, const char *format, ...) TP_FORMAT(2, 3);

static struct counted by_malloc;

static void count(size_t size)
{
    by_malloc.allocations++;
    by_malloc.bytes += size;
}

void *__wrap_malloc(size_t size)
{
    count(size);
    return __real_malloc(size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    count(size);
    return __real_realloc(memory, size);
}

char *__wrap_strndup(const char *string, size_t n)
{
    size_t length = strnlen(string, n);
    char *copy = __wrap_malloc(length + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, string, length);
    copy[length] = 0;
    return copy;
}

char *__wrap_strdup(const char *string)
{
    return __wrap_strndup(string, SIZE_MAX);
}

int __wrap_asprintf(char **string, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(string, format, arguments);
    va_end(arguments);
    if (length >= 0)
        count((size_t)length + 1);
    return length;
}

struct counted counted_read(void)
{
    tp_heap_stats heap;
    tp_heap_stats_read(&heap);
    return (struct counted){
        .allocations = by_malloc.allocations + heap.allocations,
        .bytes = by_malloc.bytes + heap.allocated,
    };
}
