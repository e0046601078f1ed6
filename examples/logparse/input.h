/* SPDX-License-Identifier: BSD-2-Clause */
/* Files and streams, handed out to any number of threads as blocks of whole lines, in order. Used
   by scan.c. */
#ifndef EXAMPLES_LOGPARSE_INPUT_H
#define EXAMPLES_LOGPARSE_INPUT_H

#include <pthread.h>
#include "logparse.h"

struct input_source {
    const char *name; /* as it is shown */
    int fd;           /* -1: not open */
    bool opened;      /* and its format is known */
    bool ranged;      /* a regular file: threads read their blocks by themselves */
    bool ended;       /* all of it was handed out */
    bool failed;      /* which has been told; the rest of it is not tried */
    enum log_format format;
    uint64_t begin, next, end; /* ranged: from `next` on nobody has taken it yet */
    unsigned readers;          /* ranged: blocks that were taken and not given back */
};

struct input {
    pthread_mutex_t lock; /* all below */
    struct input_source *sources;
    size_t n, at;           /* sources; the one that is open or comes next */
    enum log_format format; /* of all sources; LOG_FORMATS: each has its own */
    size_t block_bytes, line_bytes_max;
    uint64_t blocks; /* count: handed out */
    uint64_t bytes;  /* of all blocks */
    tp_bytes rest;   /* stream: the beginning of a line that did not fit in a block */
    bool skipping;   /* stream: the end of a line that was too long comes next */
    bool stopped;
    bool failed; /* something could not be read; it has been told */
    void (*tell)(void *context, const char *name, const char *problem); /* under the lock */
    void *context;
};

struct input_block {
    struct input_source *source;
    enum log_format format;
    uint64_t number;     /* from 0, in the input's order */
    uint64_t begin, end; /* ranged: its place */
    /* Whole lines, in the thread's buffer; only the last one of a source may lack its newline. A
       line that is longer than line_bytes_max is cut somewhere behind that, and is the last one. */
    tp_view text;
};

/* names[] are borrowed; "-" is standard input. The other members of *input are set by the caller.
   False and errno ENOMEM. */
bool input_open(struct input *input, char *const *names, size_t n);
void input_close(struct input *input);

/* The next block, in a buffer that is the calling thread's own. False: there are no more. After
   true the thread calls input_give_back. */
bool input_next(struct input *input, tp_bytes *buffer, struct input_block *block);
void input_give_back(struct input *input, const struct input_block *block);

/* Tells a problem, and that nothing more is wanted. */
void input_stop(struct input *input, const char *name, const char *problem);

#endif
