/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of TIDEPOOL=name=value,... in one table: struct, defaults and parsing come
   from it; docs/OPTIONS.md and tidepool(7) say the same for users. */
#ifndef TPI_RUNTIME_OPTIONS_H
#define TPI_RUNTIME_OPTIONS_H

#include "base/base.h"

enum tpi_option_kind {
    TPI_OPTION_COUNT,    /* a decimal number from 0 up */
    TPI_OPTION_SWITCH,   /* 0 or 1 */
    TPI_OPTION_PERCENT,  /* the same, or off (-1) */
    TPI_OPTION_SIZE,     /* bytes, with an optional KiB, MiB, GiB, TiB behind the number; or off */
    TPI_OPTION_SECONDS,  /* a decimal number; 0: never */
    TPI_OPTION_SIGNAL,   /* a real-time signal, counted from SIGRTMIN; 0: none */
    TPI_OPTION_WORKERS,  /* at most TPI_WORKERS_MAX */
    TPI_OPTION_WORD,     /* on, off or assume */
    TPI_OPTION_PATH
};

/* X(name, kind, default, what it is) */
#define TPI_OPTIONS(X)                                                                             \
    X(gcpercent, PERCENT, 100,                                                                     \
      "start a cycle when the heap grew by this many percent; off: never")                         \
    X(memlimit, SIZE, INT64_MAX, "soft limit on the memory that the library holds; off: none")     \
    X(gcperiod, SECONDS, 120, "start a cycle at least this often, in seconds; 0: never by time")   \
    X(service, SWITCH, 1, "0: no service thread; cycles run on the thread that finds them due")    \
    X(cachemax, SIZE, 0, "bound on the bytes idle in all caches together; 0: none")                \
    X(poolcheck, COUNT, 0, "watch one object in so many for misuse; 0: none, 1: all")              \
    X(lossy, SWITCH, 1, "0: a checked build keeps every put, instead of losing a quarter")         \
    X(rseq, WORD, 1, "off: no restartable sequences; assume: tests only, one thread, no cycle")    \
    X(gctrace, SWITCH, 0, "1: a line on stderr for each cycle, as Go's")                           \
    X(checkmark, SWITCH, 0, "1: after marking, stop all threads, mark again and compare")          \
    X(stw, SWITCH, 0, "1: mark with all threads stopped")                                          \
    X(scribble, SWITCH, 0, "1: overwrite what the collector frees")                                \
    X(wbcheck, SWITCH, 0, "1: after marking, stop all threads and look for missed barriers")       \
    X(gcsignal, SIGNAL, 5, "ask threads that do not answer by SIGRTMIN plus this; 0: by none")     \
    X(gcworkers, WORKERS, 0, "threads that mark beside the collecting one; 0: by the cores")       \
    X(dsoroots, SWITCH, 0, "1: writable data of the program and its libraries is a root")          \
    X(pressure, PATH, 0, "the file that tells of memory pressure, /proc/pressure/memory")

struct tpi_options {
#define TPI_OPTION_FIELD(name, kind, initial, what) int64_t name;
    TPI_OPTIONS(TPI_OPTION_FIELD)
#undef TPI_OPTION_FIELD
    const char *paths[1]; /* a PATH option's field is an index here */
};

/* Defaults, then what the text says. What is unknown or malformed is reported on stderr, once, and
   ignored. text: NULL, or TIDEPOOL's value. Allocates nothing; paths point into a static copy. */
void tpi_options_parse(struct tpi_options *options, const char *text);

#endif
