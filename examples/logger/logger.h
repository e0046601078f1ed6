/* SPDX-License-Identifier: BSD-2-Clause */
/* A logger: any number of threads that log, one thread that writes.

   A line is formatted by the thread that logs it, into a record of its own. Records travel to the
   writer in batches, over one single-producer ring a thread, and the writer gathers them into large
   writes. Where records come from is an option, and nothing else depends on it: with LOGGER_POOL a
   record that was written is the next one that is handed out.

   Every line that logger_log was given is counted exactly once: filtered, written or lost.

       struct logger *log = logger_open(&(struct logger_options){.path = "app.log"});
       LOGGER_LOG(log, LOGGER_INFO, "request served", LOGGER_STR("path", path),
                  LOGGER_INT("status", 200));
       logger_close(log, NULL);

   The calls that take a logger may be made by any thread at any time, unless said otherwise, but
   not by a signal handler. */
#ifndef EXAMPLES_LOGGER_LOGGER_H
#define EXAMPLES_LOGGER_LOGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum logger_level {
    LOGGER_TRACE,
    LOGGER_DEBUG,
    LOGGER_INFO,
    LOGGER_WARN,
    LOGGER_ERROR,
    LOGGER_LEVELS /* how many there are */
};

enum logger_format {
    LOGGER_JSON, /* {"time":"...","level":"info","msg":"...","key":value} */
    LOGGER_KV,   /* time=... level=info msg="..." key=value */
    LOGGER_RAW   /* the message alone, a newline in it as \n */
};

/* Where records come from. */
enum logger_alloc {
    LOGGER_POOL,   /* pool_get, pool_put */
    LOGGER_HEAP,   /* tp_heap_alloc, tp_heap_free */
    LOGGER_MALLOC, /* malloc, free */
    LOGGER_GC      /* tp_gc_alloc, and nothing */
};

/* All zeroes are the defaults, but for path and level. */
struct logger_options {
    const char *path;        /* appended to, made if absent; "-": standard output; copied */
    enum logger_level level; /* lines below it are only counted */
    enum logger_format format;
    enum logger_alloc alloc;
    bool no_time; /* leave the time out of JSON and key=value lines */
    bool drop;    /* a thread whose ring is full loses the line (counted): it never waits */
    uint64_t rotate_bytes; /* a file that would grow past this becomes path.1; 0: never */
    unsigned rotate_keep;  /* how many path.N are kept; 0 counts as 1 */
};

/* Borrowed bytes. They need not be UTF-8: JSON has U+FFFD where they are not. */
struct logger_text {
    const char *data;
    size_t length;
};

enum logger_type { LOGGER_TYPE_TEXT, LOGGER_TYPE_INT, LOGGER_TYPE_DOUBLE, LOGGER_TYPE_BOOL };

/* One key and its value. Keys are written as they are: letters, digits, '_', '-' and '.'. */
struct logger_field {
    const char *key;
    enum logger_type type;
    union {
        struct logger_text text;
        int64_t integer;
        double real;
        bool truth;
    } value;
};

/* Counters since logger_open. Once the logger is closed, filtered + written + lost is the number of
   lines that logger_log was given. */
struct logger_stats {
    uint64_t filtered; /* lines below the level */
    uint64_t written;  /* lines that the operating system took whole */
    uint64_t lost;     /* lines that it did not take, that found no memory, or that were dropped */
    uint64_t dropped;  /* those of the lost that a full ring cost */
    uint64_t bytes;    /* written */
    uint64_t writes;   /* calls of write(2) */
    uint64_t waits;    /* times that a thread waited for room in its ring */
    uint64_t rotations;
    uint64_t allocations;     /* records that were allocated, rather than used again */
    uint64_t allocated_bytes; /* what they took, in all */
    uint64_t pool_hits;       /* records that the pool had */
    int error;                /* errno of the first failure of the output, 0: none */
    const char *failed_call;  /* what failed: "write", "rotate", "close"; NULL: nothing */
};

struct logger;

/* Opens the output and starts the writer. The caller owns it: logger_close.
   NULL and errno: open(2)'s, EINVAL (no path, rotation of standard output), ENOMEM, EAGAIN. */
struct logger *logger_open(const struct logger_options *options);

/* Logs one line. True: it is on its way to the writer, or below the level. False: it is lost and
   counted, and errno says why: ENOMEM, EAGAIN (dropped), or what the output failed with earlier. */
bool logger_log(struct logger *log, enum logger_level level, struct logger_text message,
                const struct logger_field *fields, size_t n);

/* Returns when every line whose logger_log returned before the call is with the operating system.
   False and errno: the output has failed. */
bool logger_flush(struct logger *log);

/* Writes what is left, ends the writer, fills *stats (unless NULL) and gives everything back. No
   other call may run or follow, and no thread that has logged may be just about to exit: join them
   first. False and errno: the output has failed at some time; the counts tell what it cost. */
bool logger_close(struct logger *log, struct logger_stats *stats);

/* "info", "json", "pool" and so on, for people and for the command line. */
const char *logger_level_name(enum logger_level level);
const char *logger_format_name(enum logger_format format);
const char *logger_alloc_name(enum logger_alloc alloc);

static inline struct logger_text logger_text(const char *string)
{
    return (struct logger_text){string, strlen(string)};
}

#define LOGGER_FIELD(KEY, TYPE, MEMBER, VALUE)                                                     \
    ((struct logger_field){.key = (KEY), .type = (TYPE), .value.MEMBER = (VALUE)})
#define LOGGER_TEXT(KEY, TEXT) LOGGER_FIELD(KEY, LOGGER_TYPE_TEXT, text, TEXT)
#define LOGGER_STR(KEY, STRING) LOGGER_TEXT(KEY, logger_text(STRING))
#define LOGGER_INT(KEY, NUMBER) LOGGER_FIELD(KEY, LOGGER_TYPE_INT, integer, NUMBER)
#define LOGGER_DOUBLE(KEY, NUMBER) LOGGER_FIELD(KEY, LOGGER_TYPE_DOUBLE, real, NUMBER)
#define LOGGER_BOOL(KEY, TRUTH) LOGGER_FIELD(KEY, LOGGER_TYPE_BOOL, truth, TRUTH)

/* One line with fields: LOGGER_LOG(log, LOGGER_INFO, "msg", LOGGER_INT("n", 1), ...). */
#define LOGGER_LOG(LOG, LEVEL, MESSAGE, ...)                                                       \
    logger_log(LOG, LEVEL, logger_text(MESSAGE), (const struct logger_field[]){__VA_ARGS__},       \
               sizeof((const struct logger_field[]){__VA_ARGS__}) / sizeof(struct logger_field))

#endif
