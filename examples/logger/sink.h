/* SPDX-License-Identifier: BSD-2-Clause */
/* The output: a buffer, the file behind it, rotation, and the count of whole lines that the
   operating system took. The writer thread's alone. */
#ifndef EXAMPLES_LOGGER_SINK_H
#define EXAMPLES_LOGGER_SINK_H

#include "record.h"

#define SINK_BUFFER_BYTES ((size_t)256 * 1024)

struct sink {
    int fd;
    bool regular;          /* a file on disk: a cut line can be taken back */
    char *path;            /* NULL: standard output */
    char *buffer;          /* SINK_BUFFER_BYTES */
    size_t used;           /* of buffer */
    uint64_t lines;        /* that end in the buffer */
    uint64_t file_bytes;   /* in the file now */
    uint64_t whole_bytes;  /* of them, up to the end of the last whole line */
    uint64_t rotate_bytes; /* 0: never */
    uint64_t rotate_at;    /* rotate_bytes, or more after a rotation that failed */
    unsigned rotate_keep;
    uint64_t written, lost, bytes, writes, rotations;
    int error;       /* of a write: nothing is written any more */
    int first_error; /* of anything; failed_call belongs to it */
    const char *failed_call;
};

/* False and errno: open(2)'s, EINVAL or ENOMEM. */
bool sink_open(struct sink *sink, const struct logger_options *options);

/* Takes one line. The caller keeps the record. */
void sink_line(struct sink *sink, const struct record *line);

/* Hands the buffer to the operating system. */
void sink_write(struct sink *sink);

/* After sink_write. The counts stay. */
void sink_close(struct sink *sink);

#endif
