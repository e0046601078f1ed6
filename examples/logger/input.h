/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of some files, one after the other, handed out in chunks to any number of threads. */
#ifndef EXAMPLES_LOGGER_INPUT_H
#define EXAMPLES_LOGGER_INPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "options.h"

/* What a thread works through at a time, and what its buffer begins with. */
#define CHUNK_BYTES ((size_t)256 * 1024)

/* A longer line is an error in the input. */
#define LINE_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* How soon a thread that waits for input sees that nobody needs it. */
#define WAIT_MS_MAX 200

/* How long an input that is no file is still read, to count lines that cannot be written. */
#define COUNT_NS 1000000000

struct input {
    pthread_mutex_t lock; /* all below; held while reading */
    const struct command *command;
    size_t at; /* the name that is open or comes next */
    uint64_t rounds_left;
    int fd;       /* -1: none is open */
    int stop_fd;  /* readable: stop */
    bool regular; /* the open file */
    char *rest;   /* the beginning of a line that did not fit in a chunk */
    size_t rest_bytes;
    _Atomic int64_t deadline_ns; /* 0: none; set without the lock */
    bool ended;
    bool stopped; /* before its end */
    bool failed;  /* something could not be read; it has been told */
};

/* Whole lines; the last one of a file may lack its newline. */
struct chunk {
    char *data;
    size_t length;
    size_t capacity;
};

/* *command is borrowed. Readability of stop_fd ends the input early. False and errno ENOMEM. */
bool input_open(struct input *input, const struct command *command, int stop_fd);
void input_close(struct input *input);

/* The next lines. False: there are no more. Any thread. */
bool input_chunk(struct input *input, struct chunk *chunk);

/* Nobody needs the lines any more, but for counting. Any thread. */
void input_give_up(struct input *input);

#endif
