/* SPDX-License-Identifier: BSD-2-Clause */
/* Who owns memory and how long: pointers to locals, boxed values, temporaries, defer, and what
   belongs to one request. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tidepool.h>
#include "from_go.h"

#define CALLS 1000
#define FILES 50
#define FILE_BYTES 4096

/* --- escape: a small result --- */

struct point {
    int64_t x, y;
};

static struct point *point_new(int64_t x, int64_t y)
{
    struct point *point = malloc(sizeof *point);
    need(point != NULL);
    *point = (struct point){x, y};
    return point; /* the caller frees it */
}

static struct point point_of(int64_t x, int64_t y)
{
    return (struct point){x, y};
}

uint64_t escape_before(void)
{
    uint64_t total = 0;
    for (int64_t i = 0; i < CALLS; i++) {
        struct point *point = point_new(i, -i);
        total += (uint64_t)(point->x - point->y);
        free(point);
    }
    return total;
}

uint64_t escape_after(void)
{
    uint64_t total = 0;
    for (int64_t i = 0; i < CALLS; i++) {
        struct point point = point_of(i, -i);
        total += (uint64_t)(point.x - point.y);
    }
    return total;
}

/* --- boxing: containers of anything --- */

uint64_t boxing_before(void)
{
    tp_vec(void *) values = {0};
    uint64_t total = 0;
    need(tp_vec_reserve(&values, CALLS));
    for (int64_t i = 0; i < CALLS; i++) {
        int64_t *box = malloc(sizeof *box);
        need(box != NULL);
        *box = i;
        need(tp_vec_push(&values, box));
    }
    while (values.len != 0) {
        int64_t *box = tp_vec_pop(&values);
        total += (uint64_t)*box;
        free(box);
    }
    tp_vec_free(&values);
    return total;
}

uint64_t boxing_after(void)
{
    tp_vec(int64_t) values = {0};
    uint64_t total = 0;
    need(tp_vec_reserve(&values, CALLS));
    for (int64_t i = 0; i < CALLS; i++)
        need(tp_vec_push(&values, i));
    while (values.len != 0)
        total += (uint64_t)tp_vec_pop(&values);
    tp_vec_free(&values);
    return total;
}

/* --- scratch: memory for the length of a function --- */

static uint64_t checksum(const char *text)
{
    uint64_t total = 0;
    for (; *text != 0; text++)
        total = 31 * total + (unsigned char)*text;
    return total;
}

static char *reversed_malloc(const char *text)
{
    size_t n = strlen(text);
    char *stack = malloc(n);
    char *result = malloc(n + 1);
    need(stack != NULL && result != NULL);
    memcpy(stack, text, n);
    for (size_t i = 0; i < n; i++)
        result[i] = stack[n - 1 - i];
    result[n] = 0;
    free(stack);
    return result;
}

static char *reversed(tp_arena *arena, const char *text)
{
    tp_arena *scratch = tp_scratch_begin(arena);
    need(scratch != NULL);
    size_t n = strlen(text);
    char *stack = tp_arena_memdup(scratch, text, n);
    char *result = tp_arena_alloc(arena, n + 1);
    need(stack != NULL && result != NULL);
    for (size_t i = 0; i < n; i++)
        result[i] = stack[n - 1 - i];
    result[n] = 0;
    tp_scratch_end(scratch); /* the stack is gone, the result is the caller's arena's */
    return result;
}

uint64_t scratch_before(void)
{
    uint64_t total = 0;
    for (size_t i = 0; i < CALLS; i++) {
        char *text = reversed_malloc(words[i % WORDS]);
        total += checksum(text);
        free(text);
    }
    return total;
}

uint64_t scratch_after(void)
{
    uint64_t total = 0;
    for (size_t i = 0; i < CALLS; i++) {
        tp_arena *arena = tp_scratch_begin(NULL);
        need(arena != NULL);
        total += checksum(reversed(arena, words[i % WORDS]));
        tp_scratch_end(arena);
    }
    return total;
}

/* --- defer: a file and a buffer for each turn of a loop --- */

struct cleanup {
    struct cleanup *next;
    char *buffer;
    int fd;
};

static uint64_t file_read(int fd, char *buffer)
{
    need(read(fd, buffer, FILE_BYTES) == FILE_BYTES);
    return (unsigned char)buffer[FILE_BYTES - 1] + 1u;
}

static void file_close(void *fd)
{
    need(close(*(int *)fd) == 0);
}

uint64_t defer_before(void)
{
    struct cleanup *cleanups = NULL;
    uint64_t total = 0;
    for (int i = 0; i < FILES; i++) {
        struct cleanup *cleanup = malloc(sizeof *cleanup);
        need(cleanup != NULL);
        *cleanup = (struct cleanup){cleanups, malloc(FILE_BYTES), open("/dev/zero", O_RDONLY)};
        cleanups = cleanup;
        need(cleanup->buffer != NULL && cleanup->fd >= 0);
        total += file_read(cleanup->fd, cleanup->buffer);
    }
    hold(FILES * (sizeof *cleanups + FILE_BYTES)); /* and all files are open */
    for (struct cleanup *next; cleanups != NULL; cleanups = next) {
        next = cleanups->next;
        file_close(&cleanups->fd);
        free(cleanups->buffer);
        free(cleanups);
    }
    return total;
}

uint64_t defer_after(void)
{
    uint64_t total = 0;
    tp_arena *arena = tp_scratch_begin(NULL);
    need(arena != NULL);
    for (int i = 0; i < FILES; i++) {
        tp_arena_mark turn = tp_arena_save(arena);
        int fd = open("/dev/zero", O_RDONLY);
        need(fd >= 0 && tp_arena_defer(arena, file_close, &fd) == 0);
        char *buffer = tp_arena_alloc(arena, FILE_BYTES);
        need(buffer != NULL);
        total += file_read(fd, buffer);
        tp_arena_rewind(arena, turn); /* calls file_close(&fd) */
    }
    tp_arena_stats stats;
    tp_arena_stats_read(arena, &stats);
    hold(stats.held);
    tp_scratch_end(arena);
    return total;
}

/* --- request: what lives as long as one request --- */

struct field {
    struct field *next;
    char *key, *value;
};

static const char query[] = "user=ada&lang=en&page=3&sort=date&order=desc&tag=memory&tag=pools";

static uint64_t fields_weigh(const struct field *fields)
{
    uint64_t total = 0;
    for (; fields != NULL; fields = fields->next)
        total += strlen(fields->key) * strlen(fields->value);
    return total;
}

static struct field *parse_malloc(const char *text)
{
    struct field *fields = NULL;
    for (size_t n; *text != 0; text += n + (text[n] == '&')) {
        struct field *field = malloc(sizeof *field);
        need(field != NULL);
        n = strcspn(text, "&");
        size_t key = strcspn(text, "=");
        *field = (struct field){fields, strndup(text, key), strndup(text + key + 1, n - key - 1)};
        need(field->key != NULL && field->value != NULL);
        fields = field;
    }
    return fields;
}

static void fields_free(struct field *fields)
{
    for (struct field *next; fields != NULL; fields = next) {
        next = fields->next;
        free(fields->key);
        free(fields->value);
        free(fields);
    }
}

static struct field *parse(tp_arena *arena, const char *text)
{
    struct field *fields = NULL;
    for (size_t n; *text != 0; text += n + (text[n] == '&')) {
        struct field *field = tp_arena_alloc(arena, sizeof *field);
        need(field != NULL);
        n = strcspn(text, "&");
        size_t key = strcspn(text, "=");
        field->next = fields;
        field->key = tp_arena_strndup(arena, text, key);
        field->value = tp_arena_strndup(arena, text + key + 1, n - key - 1);
        need(field->key != NULL && field->value != NULL);
        fields = field;
    }
    return fields;
}

uint64_t request_before(void)
{
    uint64_t total = 0;
    for (int i = 0; i < CALLS; i++) {
        struct field *fields = parse_malloc(query);
        total += fields_weigh(fields);
        fields_free(fields);
    }
    return total;
}

uint64_t request_after(void)
{
    static tp_arena_pool *arenas;
    uint64_t total = 0;
    if (arenas == NULL)
        need((arenas = tp_arena_pool_create(NULL)) != NULL);
    for (int i = 0; i < CALLS; i++) {
        tp_arena *arena = tp_arena_pool_get(arenas);
        need(arena != NULL);
        total += fields_weigh(parse(arena, query));
        tp_arena_pool_put(arenas, arena); /* all of it is gone */
    }
    return total;
}
