/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading lines: see input.h.

   One thread at a time reads: into its own chunk, up to the last newline. What follows that is kept
   as the beginning of the next chunk, whoever takes it. Files are read rather than mapped: one that
   is cut short meanwhile must not kill a logger, and the peak of resident memory stays the
   logger's. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool input_open(struct input *input, const struct command *command, int stop_fd)
{
    *input = (struct input){
        .command = command, .rounds_left = command->repeat, .fd = -1, .stop_fd = stop_fd};
    pthread_mutex_init(&input->lock, NULL);
    input->rest = malloc(CHUNK_BYTES);
    return input->rest != NULL;
}

static void close_file(struct input *input)
{
    if (input->fd > STDIN_FILENO)
        close(input->fd);
    input->fd = -1;
}

void input_close(struct input *input)
{
    close_file(input);
    free(input->rest);
    pthread_mutex_destroy(&input->lock);
}

static const char *shown_name(const struct input *input)
{
    const char *name = input->command->names[input->at];
    return strcmp(name, "-") == 0 ? "standard input" : name;
}

/* Tells what is wrong with the file and goes on to the next. */
static void file_failed(struct input *input, const char *problem)
{
    fprintf(stderr, "tp-logger: %s: %s\n", shown_name(input), problem);
    input->failed = true;
    close_file(input);
    input->at++;
}

/* Reading what is being written would never end. */
static bool is_output(const struct input *input, const struct stat *status)
{
    const char *path = input->command->logger.path;
    struct stat output;
    int got = strcmp(path, "-") == 0 ? fstat(STDOUT_FILENO, &output) : stat(path, &output);
    return got == 0 && S_ISREG(output.st_mode) && output.st_dev == status->st_dev &&
           output.st_ino == status->st_ino;
}

/* Without blocking: a FIFO that has no writer yet is waited for in wait_readable. */
static bool open_file(struct input *input)
{
    const char *name = input->command->names[input->at];
    struct stat status;
    bool standard = strcmp(name, "-") == 0;
    input->fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (input->fd < 0 || fstat(input->fd, &status) != 0) {
        file_failed(input, strerror(errno));
        return false;
    }
    if (is_output(input, &status)) {
        file_failed(input, "is the output too");
        return false;
    }
    input->regular = S_ISREG(status.st_mode);
    return true;
}

/* Opens what comes next. False: the input has ended. */
static bool next_file(struct input *input)
{
    for (;;) {
        if (input->at == input->command->names_n) {
            if (input->failed || --input->rounds_left == 0)
                return false;
            input->at = 0;
        }
        /* standard input that is a file starts again in each round; main.c refused a pipe */
        if (open_file(input)) {
            if (input->fd == STDIN_FILENO && input->regular && input->rounds_left > 1)
                lseek(input->fd, 0, SEEK_SET);
            return true;
        }
    }
}

/* Milliseconds that may be waited now; below 0: the time is over. */
static int wait_ms(struct input *input)
{
    int64_t deadline_ns = input->deadline_ns, left_ms;
    if (input->regular)
        return 0;
    if (deadline_ns == 0)
        return WAIT_MS_MAX;
    left_ms = (deadline_ns - now_ns()) / 1000000;
    return left_ms < WAIT_MS_MAX ? (int)left_ms : WAIT_MS_MAX;
}

/* Waits for input; files are always readable. False: stop. */
static bool wait_readable(struct input *input)
{
    struct pollfd fds[2] = {{.fd = input->stop_fd, .events = POLLIN},
                            {.fd = input->regular ? -1 : input->fd, .events = POLLIN}};
    for (;;) {
        int ms = wait_ms(input);
        int ready = ms >= 0 ? poll(fds, 2, ms) : 0;
        if (ms < 0 || (ready > 0 && fds[0].revents != 0))
            return false;
        if (ready > 0 || input->regular)
            return true;
    }
}

static bool reserve(struct chunk *chunk, size_t capacity)
{
    char *data;
    if (capacity <= chunk->capacity)
        return true;
    data = realloc(chunk->data, capacity);
    if (data == NULL)
        return false;
    chunk->data = data;
    chunk->capacity = capacity;
    return true;
}

/* Keeps what follows the chunk's last newline. False: it is all one line, read on. */
static bool cut_at_newline(struct input *input, struct chunk *chunk)
{
    const char *newline = memrchr(chunk->data, '\n', chunk->length);
    size_t whole = newline != NULL ? (size_t)(newline - chunk->data) + 1 : 0;
    size_t rest = chunk->length - whole;
    if (whole == 0)
        return false;
    if (rest > CHUNK_BYTES) {
        char *larger = realloc(input->rest, rest);
        if (larger == NULL)
            return false;
        input->rest = larger;
    }
    memcpy(input->rest, chunk->data + whole, rest);
    input->rest_bytes = rest;
    chunk->length = whole;
    return true;
}

/* Reads once. True: the chunk is ready, or the file is at its end. */
static bool read_some(struct input *input, struct chunk *chunk)
{
    ssize_t got;
    if (chunk->length == chunk->capacity &&
        (chunk->capacity >= LINE_BYTES_MAX || !reserve(chunk, chunk->capacity * 2))) {
        chunk->length = 0;
        file_failed(input, chunk->capacity >= LINE_BYTES_MAX ? "a line is longer than 64 MiB"
                                                             : strerror(errno));
        return true;
    }
    got = read(input->fd, chunk->data + chunk->length, chunk->capacity - chunk->length);
    if (got < 0) {
        if (errno == EINTR || errno == EAGAIN)
            return false;
        file_failed(input, strerror(errno));
        return true;
    }
    if (got == 0) {
        close_file(input);
        input->at++;
        return true;
    }
    chunk->length += (size_t)got;
    return cut_at_newline(input, chunk);
}

/* Under the lock. A line of which only the beginning came before the end was none. */
static void fill(struct input *input, struct chunk *chunk)
{
    bool done = false;
    memcpy(chunk->data, input->rest, input->rest_bytes);
    chunk->length = input->rest_bytes;
    input->rest_bytes = 0;
    while (!done && !input->ended) {
        if (input->fd < 0 && !next_file(input)) {
            input->ended = true;
        } else if (!wait_readable(input)) {
            input->ended = true;
            input->stopped = true;
            chunk->length = 0;
        } else {
            done = read_some(input, chunk) && chunk->length > 0;
        }
    }
}

bool input_chunk(struct input *input, struct chunk *chunk)
{
    bool filled = false;
    pthread_mutex_lock(&input->lock);
    if (!input->ended && !reserve(chunk, CHUNK_BYTES + input->rest_bytes)) {
        fprintf(stderr, "tp-logger: no memory to read the input: %s\n", strerror(errno));
        input->failed = true;
        input->ended = true;
    }
    if (!input->ended) {
        fill(input, chunk);
        filled = chunk->length > 0;
    }
    pthread_mutex_unlock(&input->lock);
    return filled;
}

void input_give_up(struct input *input)
{
    int64_t none = 0;
    atomic_compare_exchange_strong(&input->deadline_ns, &none, now_ns() + COUNT_NS);
}
