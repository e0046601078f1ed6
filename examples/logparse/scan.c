/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that read logs: see scan.h.

   Each thread has an arena, a buffer, maps and counters of its own, on memory that it allocated
   itself, and shares nothing but the input, which it asks for a block at a time. In the end the
   maps are merged into the first one's and sorted; all that is summed commutes, and the order is
   total, so who read which block leaves no trace.

   Where lines or faults are listened to, blocks take turns by their numbers once they are parsed:
   the thread that is too early waits. Whose turn it is never waits for anybody, and hands on. */
#include "scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "input.h"

#define DISTINCT 16384
#define TOP_FEW 256 /* more are sorted with all others */
#define BLOCK_BYTES ((size_t)128 * 1024)
#define LINE_BYTES_MAX ((size_t)64 * 1024 * 1024)

const char *const log_table_names[LOG_TABLES] = {
    [LOG_BY_STATUS] = "status", [LOG_BY_PATH] = "path",           [LOG_BY_HOST] = "host",
    [LOG_BY_LEVEL] = "level",   [LOG_BY_COMPONENT] = "component", [LOG_BY_FAULT] = "fault",
};

/* How many keys a table can have at all: 0 for those that strangers fill. */
static const size_t keys_max[LOG_TABLES] = {[LOG_BY_STATUS] = 1000, [LOG_BY_FAULT] = 64};

struct scan {
    struct log_options options;
    struct input input;
    uint64_t seed;
    /* turns */
    pthread_mutex_t lock;
    pthread_cond_t turned;
    uint64_t turn;                     /* the block that is heard next */
    const struct input_source *source; /* of the last one */
    uint64_t number;                   /* lines of that source which were heard */
};

/* A fault in the block that is being parsed. */
struct fault {
    uint64_t number; /* of the line in the block, from 1 */
    const char *why;
    tp_view text;
};

struct worker {
    tp_arena *arena; /* also of this worker */
    struct scan *scan;
    struct log_options options; /* a copy: the scan's neighbours are written by all threads */
    tp_bytes buffer, out;
    tp_vec(struct fault) faults;
    uint64_t parsed, bad, block_lines;
    struct log_counts tables[LOG_TABLES];
};

/* A thread, and what it leaves behind; written once, when it ends. */
struct seat {
    pthread_t thread;
    struct scan *scan;
    struct worker *worker;
};

/* --- a line --- */

/* A table's key: the first of its fields that the line has. */
static tp_view key_of(const struct log_line *line, enum log_table table)
{
    static const enum log_field fields[LOG_TABLES][3] = {
        [LOG_BY_STATUS] = {LOG_STATUS, LOG_STATUS, LOG_STATUS},
        [LOG_BY_PATH] = {LOG_PATH, LOG_REQUEST, LOG_REQUEST},
        [LOG_BY_HOST] = {LOG_HOST, LOG_CLIENT, LOG_CLIENT},
        [LOG_BY_LEVEL] = {LOG_LEVEL, LOG_LEVEL, LOG_LEVEL},
        [LOG_BY_COMPONENT] = {LOG_CLASS, LOG_COMPONENT, LOG_MODULE},
    };
    for (size_t i = 0; i < 3; i++) {
        if (line->fields[fields[table][i]].data != NULL)
            return line->fields[fields[table][i]];
    }
    return (tp_view){0};
}

static bool count_line(struct worker *worker, const struct log_line *line)
{
    for (unsigned i = 0; i < LOG_BY_FAULT; i++) {
        tp_view key = key_of(line, (enum log_table)i);
        if (key.data != NULL && !log_counts_add(&worker->tables[i], key, line->bytes))
            return false;
    }
    return true;
}

static bool add_fault(struct worker *worker, const char *why, tp_view text)
{
    const struct log_options *options = &worker->options;
    if (options->listener->fault != NULL &&
        !tp_vec_push(&worker->faults, (struct fault){worker->block_lines, why, text}))
        return false;
    worker->bad++;
    return options->no_tables ||
           log_counts_add(&worker->tables[LOG_BY_FAULT], tp_view_from_str(why), 0);
}

/* False and errno ENOMEM: tables lack the line, or it is not counted at all. */
static bool scan_line(struct worker *worker, enum log_format format, tp_view text)
{
    const struct log_options *options = &worker->options;
    struct log_line line;
    worker->block_lines++;
    if (text.len > options->line_bytes_max)
        return add_fault(worker, "the line is too long", text);
    if (!log_line_parse(format, text, &line))
        return add_fault(worker, line.why, text);
    if (options->listener->line != NULL &&
        !options->listener->line(options->listener->context, format, &line, &worker->out))
        return false;
    worker->parsed++;
    return options->no_tables || count_line(worker, &line);
}

/* --- a block --- */

static bool scan_block(struct worker *worker, const struct input_block *block)
{
    const unsigned char *at = block->text.data, *end;
    worker->block_lines = 0;
    tp_vec_reset(&worker->faults);
    tp_bytes_reset(&worker->out);
    if (block->text.len == 0)
        return true;
    end = at + block->text.len;
    while (at < end) {
        const unsigned char *newline = memchr(at, '\n', (size_t)(end - at));
        const unsigned char *line_end = newline != NULL ? newline : end;
        tp_view text = tp_view_from_mem(at, (size_t)(line_end - at));
        if (!scan_line(worker, block->format, text))
            return false;
        at = line_end + 1;
    }
    return true;
}

/* In turn: tells the listener what the block had. False and errno. */
static bool speak(struct worker *worker, const struct input_block *block)
{
    struct scan *scan = worker->scan;
    const struct log_listener *listener = scan->options.listener;
    if (scan->source != block->source) {
        scan->source = block->source;
        scan->number = 0;
    }
    for (size_t i = 0; i < worker->faults.len; i++) {
        const struct fault *fault = &worker->faults.data[i];
        struct log_fault told = {block->source->name, scan->number + fault->number, fault->why,
                                 fault->text};
        listener->fault(listener->context, &told);
    }
    scan->number += worker->block_lines;
    return worker->out.len == 0 ||
           listener->write(listener->context, tp_view_from_bytes(&worker->out));
}

static bool take_turn(struct worker *worker, const struct input_block *block)
{
    struct scan *scan = worker->scan;
    bool done;
    if (scan->options.listener->line == NULL && scan->options.listener->fault == NULL)
        return true;
    pthread_mutex_lock(&scan->lock);
    while (scan->turn != block->number)
        pthread_cond_wait(&scan->turned, &scan->lock);
    done = speak(worker, block);
    scan->turn++;
    pthread_cond_broadcast(&scan->turned);
    pthread_mutex_unlock(&scan->lock);
    return done;
}

static void work(struct worker *worker)
{
    struct scan *scan = worker->scan;
    struct input_block block;
    while (input_next(&scan->input, &worker->buffer, &block)) {
        if (!scan_block(worker, &block))
            input_stop(&scan->input, block.source->name, "no memory for its lines");
        if (!take_turn(worker, &block))
            input_stop(&scan->input, "standard output", strerror(errno));
        input_give_back(&scan->input, &block);
    }
}

/* --- threads --- */

/* On the arena that it has. NULL and errno ENOMEM. */
static struct worker *make_worker(struct scan *scan)
{
    tp_arena *arena = tp_arena_create(&(tp_arena_options){.name = "logparse"});
    struct worker *worker;
    if (arena == NULL)
        return NULL;
    worker = tp_arena_alloc_zeroed(arena, 1, sizeof(*worker));
    if (worker == NULL) {
        tp_arena_destroy(arena);
        return NULL;
    }
    worker->arena = arena;
    worker->scan = scan;
    worker->options = scan->options;
    for (unsigned i = 0; i < LOG_TABLES; i++) {
        size_t distinct = scan->options.distinct;
        if (keys_max[i] != 0 && distinct > keys_max[i])
            distinct = keys_max[i];
        log_counts_init(&worker->tables[i], arena, distinct, scan->seed);
    }
    return worker;
}

static void *run_seat(void *argument)
{
    struct seat *seat = argument;
    struct worker *worker = make_worker(seat->scan);
    if (worker == NULL) {
        input_stop(&seat->scan->input, "threads", "no memory to begin");
        return NULL;
    }
    work(worker);
    tp_bytes_free(&worker->buffer);
    tp_bytes_free(&worker->out);
    tp_vec_free(&worker->faults);
    seat->worker = worker;
    return NULL;
}

/* The caller is the first thread. With fewer threads than were wanted it takes longer, no more. */
static void run_seats(struct seat *seats, struct scan *scan)
{
    unsigned started = 1;
    for (unsigned i = 0; i < scan->options.threads; i++)
        seats[i].scan = scan;
    while (started < scan->options.threads &&
           pthread_create(&seats[started].thread, NULL, run_seat, &seats[started]) == 0)
        started++;
    run_seat(&seats[0]);
    for (unsigned i = 1; i < started; i++)
        pthread_join(seats[i].thread, NULL);
}

/* --- the sum --- */

static int by_key(const struct log_count *a, const struct log_count *b)
{
    size_t n = a->key.len < b->key.len ? a->key.len : b->key.len;
    int order = n != 0 ? memcmp(a->key.data, b->key.data, n) : 0;
    return order != 0 ? order : (a->key.len > b->key.len) - (a->key.len < b->key.len);
}

static int by_lines(const void *left, const void *right)
{
    const struct log_count *a = *(struct log_count *const *)left;
    const struct log_count *b = *(struct log_count *const *)right;
    return a->lines != b->lines ? (a->lines < b->lines ? 1 : -1) : by_key(a, b);
}

static int by_bytes(const void *left, const void *right)
{
    const struct log_count *a = *(struct log_count *const *)left;
    const struct log_count *b = *(struct log_count *const *)right;
    return a->bytes != b->bytes ? (a->bytes < b->bytes ? 1 : -1) : by_lines(left, right);
}

/* Adds a worker's figures; its maps' keys go to `into`, which may be itself. */
static bool add_worker(struct log_report *report, struct worker *into, struct worker *worker)
{
    tp_arena_stats stats;
    report->lines += worker->parsed + worker->bad;
    report->parsed += worker->parsed;
    report->bad += worker->bad;
    tp_arena_stats_read(worker->arena, &stats);
    report->arena_peak += stats.peak;
    report->arenas[report->arenas_n++] = worker->arena;
    for (unsigned i = 0; i < LOG_TABLES && worker != into; i++) {
        if (!log_counts_merge(&into->tables[i], &worker->tables[i]))
            return false;
    }
    return true;
}

/* Puts the first `top` in order in front of all others. Few are wanted mostly, and few of the
   others then get past the last of those. */
static void put_in_front(log_count_vec *list, size_t top,
                         int (*order)(const void *left, const void *right))
{
    if (top > TOP_FEW || top > list->len)
        top = list->len;
    if (top > 1)
        qsort(list->data, top, sizeof(list->data[0]), order);
    for (size_t i = top; i < list->len; i++) {
        struct log_count *count = list->data[i];
        size_t place = top - 1;
        if (order(&count, &list->data[place]) > 0)
            continue;
        list->data[i] = list->data[place];
        for (; place > 0 && order(&count, &list->data[place - 1]) < 0; place--)
            list->data[place] = list->data[place - 1];
        list->data[place] = count;
    }
}

static bool list_tables(struct log_report *report, struct worker *worker, size_t top)
{
    for (unsigned i = 0; i < LOG_TABLES; i++) {
        log_count_vec *list = &report->tables[i];
        report->keys += worker->tables[i].n;
        report->resizes += worker->tables[i].resizes;
        if (!log_counts_list(&worker->tables[i], list))
            return false;
        put_in_front(list, top, i == LOG_BY_HOST ? by_bytes : by_lines);
    }
    return true;
}

static bool sum_up(struct log_report *report, struct seat *seats, unsigned n, size_t top)
{
    struct worker *into = NULL;
    bool done = true;
    for (unsigned i = 0; i < n; i++) {
        if (seats[i].worker == NULL)
            continue;
        if (into == NULL)
            into = seats[i].worker;
        done = add_worker(report, into, seats[i].worker) && done;
    }
    done = done && (into == NULL || list_tables(report, into, top));
    for (unsigned i = 0; i < n; i++) {
        for (unsigned t = 0; t < LOG_TABLES && seats[i].worker != NULL; t++)
            log_counts_free(&seats[i].worker->tables[t]);
    }
    return done;
}

static void set_defaults(struct log_options *options)
{
    if (options->distinct == 0)
        options->distinct = DISTINCT;
    if (options->top == 0)
        options->top = SIZE_MAX;
    if (options->block_bytes == 0)
        options->block_bytes = BLOCK_BYTES;
    if (options->line_bytes_max == 0)
        options->line_bytes_max = LINE_BYTES_MAX;
}

static bool open_input(struct scan *scan, char *const *names, size_t names_n)
{
    struct input *input = &scan->input;
    input->format = scan->options.format;
    input->block_bytes = scan->options.block_bytes;
    input->line_bytes_max = scan->options.line_bytes_max;
    input->tell = scan->options.listener->tell;
    input->context = scan->options.listener->context;
    return input_open(input, names, names_n);
}

bool log_scan(const struct log_options *options, char *const *names, size_t names_n,
              struct log_report *report)
{
    struct scan scan = {.options = *options};
    struct seat *seats = tp_heap_alloc_zeroed(options->threads, sizeof(*seats));
    bool done;
    *report = (struct log_report){0};
    report->arenas = tp_heap_alloc_zeroed(options->threads, sizeof(*report->arenas));
    set_defaults(&scan.options);
    if (seats == NULL || report->arenas == NULL || !open_input(&scan, names, names_n)) {
        tp_heap_free(seats);
        tp_heap_free(report->arenas);
        return false;
    }
    if (getrandom(&scan.seed, sizeof(scan.seed), 0) != (ssize_t)sizeof(scan.seed))
        scan.seed = (uintptr_t)report;
    pthread_mutex_init(&scan.lock, NULL);
    pthread_cond_init(&scan.turned, NULL);
    run_seats(seats, &scan);
    done = sum_up(report, seats, options->threads, scan.options.top);
    report->bytes = scan.input.bytes;
    report->failed = scan.input.failed;
    pthread_cond_destroy(&scan.turned);
    pthread_mutex_destroy(&scan.lock);
    input_close(&scan.input);
    tp_heap_free(seats);
    if (!done)
        log_report_free(report);
    return done;
}

void log_report_free(struct log_report *report)
{
    for (unsigned i = 0; i < LOG_TABLES; i++)
        tp_vec_free(&report->tables[i]);
    for (unsigned i = 0; i < report->arenas_n; i++)
        tp_arena_destroy(report->arenas[i]);
    tp_heap_free(report->arenas);
    *report = (struct log_report){0};
}
