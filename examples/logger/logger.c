/* SPDX-License-Identifier: BSD-2-Clause */
/* The logger's calls: see logger.h. How lines travel is told in internal.h and writer.c. */
#include "internal.h"

#include <errno.h>
#include <signal.h>

static const char *const level_names[] = {"trace", "debug", "info", "warn", "error"};
static const char *const format_names[] = {"json", "kv", "raw"};
static const char *const alloc_names[] = {"pool", "heap", "malloc", "gc"};

const char *logger_level_name(enum logger_level level)
{
    return (unsigned)level < LOGGER_LEVELS ? level_names[level] : "none";
}

const char *logger_format_name(enum logger_format format)
{
    return format_names[format];
}

const char *logger_alloc_name(enum logger_alloc alloc)
{
    return alloc_names[alloc];
}

/* Timed waits are by the monotonic clock: setting the time of day must not hold lines up. */
static int init_conditions(struct logger *log)
{
    pthread_condattr_t monotonic;
    int error = pthread_condattr_init(&monotonic);
    if (error != 0)
        return error;
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    error = pthread_cond_init(&log->knock, &monotonic);
    if (error == 0)
        error = pthread_cond_init(&log->answer, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return error;
}

/* The writer takes no signal: those are the application's. */
static int start_writer(struct logger *log)
{
    sigset_t all, before;
    int error;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&log->writer, NULL, writer_run, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static int start(struct logger *log)
{
    int error;
    pthread_mutex_init(&log->registry_lock, NULL);
    pthread_mutex_init(&log->door, NULL);
    error = init_conditions(log);
    if (error == 0)
        error = pthread_key_create(&log->key, producer_release);
    if (error != 0)
        return error;
    error = start_writer(log);
    if (error != 0)
        pthread_key_delete(log->key);
    return error;
}

struct logger *logger_open(const struct logger_options *options)
{
    struct logger *log = calloc(1, sizeof(*log));
    int error;
    if (log == NULL)
        return NULL;
    log->level = options->level;
    log->drop = options->drop;
    log->style = (struct line_style){.format = options->format, .time = !options->no_time};
    if (!records_open(&log->records, options->alloc)) {
        error = errno;
    } else if (!sink_open(&log->sink, options)) {
        error = errno;
        records_close(&log->records);
    } else {
        error = start(log);
        if (error == 0)
            return log;
        sink_close(&log->sink);
        records_close(&log->records);
    }
    free(log);
    errno = error;
    return NULL;
}

static bool lose(struct producer *producer, int error)
{
    count_add(&producer->lost, 1);
    errno = error;
    return false;
}

bool logger_log(struct logger *log, enum logger_level level, struct logger_text message,
                const struct logger_field *fields, size_t n)
{
    struct producer *producer = producer_of_thread(log);
    struct line line;
    int error;
    if (producer == NULL) {
        atomic_fetch_add_explicit(&log->lost_unattached, 1, memory_order_relaxed);
        return false;
    }
    if (level < log->level) {
        count_add(&producer->filtered, 1);
        return true;
    }
    error = atomic_load_explicit(&log->error, memory_order_relaxed);
    if (error != 0)
        return lose(producer, error);
    line_begin(&line, &log->records);
    line_format(&line, &log->style, &producer->stamp, level, message, fields, n);
    count_add(&producer->gets, line.gets);
    if (line.failed) {
        record_put_line(&log->records, line.first);
        return lose(producer, ENOMEM);
    }
    return producer_append(producer, line.first);
}

/* Sends off what every thread has gathered. */
static void publish_all(struct logger *log)
{
    struct producer *p = atomic_load_explicit(&log->producers, memory_order_acquire);
    for (; p != NULL; p = p->next) {
        for (unsigned turn = 0; !producer_publish(p);)
            back_off(&turn);
    }
}

bool logger_flush(struct logger *log)
{
    uint64_t ticket;
    int error;
    if (!records_enter(&log->records))
        return false;
    publish_all(log);
    ticket = atomic_fetch_add_explicit(&log->flush_asked, 1, memory_order_acq_rel) + 1;
    writer_knock(log);
    tp_gc_blocking_begin();
    pthread_mutex_lock(&log->door);
    while (log->flush_done < ticket)
        pthread_cond_wait(&log->answer, &log->door);
    pthread_mutex_unlock(&log->door);
    tp_gc_blocking_end();
    error = atomic_load_explicit(&log->error, memory_order_acquire);
    if (error != 0)
        errno = error;
    return error == 0;
}

static void read_stats(struct logger *log, struct logger_stats *stats)
{
    const struct sink *sink = &log->sink;
    uint64_t gets = 0;
    *stats = (struct logger_stats){.written = sink->written,
                                   .lost = sink->lost + count_read(&log->lost_unattached),
                                   .bytes = sink->bytes,
                                   .writes = sink->writes,
                                   .rotations = sink->rotations,
                                   .error = sink->first_error,
                                   .failed_call = sink->failed_call};
    for (struct producer *p = atomic_load(&log->producers); p != NULL; p = p->next) {
        gets += count_read(&p->gets);
        stats->filtered += count_read(&p->filtered);
        stats->lost += count_read(&p->lost) + count_read(&p->dropped);
        stats->dropped += count_read(&p->dropped);
        stats->waits += count_read(&p->waits);
    }
    records_stats_read(&log->records, gets, stats);
}

bool logger_close(struct logger *log, struct logger_stats *stats)
{
    struct logger_stats unasked;
    if (stats == NULL)
        stats = &unasked;
    for (unsigned turn = 0; !records_enter(&log->records);)
        back_off(&turn); /* out of memory for a moment: lines are waiting to be written */
    publish_all(log);
    atomic_store_explicit(&log->closing, true, memory_order_release);
    writer_knock(log);
    tp_gc_blocking_begin();
    pthread_join(log->writer, NULL);
    tp_gc_blocking_end();
    sink_close(&log->sink);
    read_stats(log, stats);
    pthread_key_delete(log->key);
    for (struct producer *p = atomic_load(&log->producers), *next; p != NULL; p = next) {
        next = p->next;
        records_forget(&log->records, &p->batch);
        free(p);
    }
    records_close(&log->records);
    pthread_cond_destroy(&log->knock);
    pthread_cond_destroy(&log->answer);
    pthread_mutex_destroy(&log->registry_lock);
    pthread_mutex_destroy(&log->door);
    free(log);
    if (stats->error != 0)
        errno = stats->error;
    return stats->error == 0;
}
