/* SPDX-License-Identifier: BSD-2-Clause */
/* The output of the logger: see sink.h.

   A line ends with the only newline in it (format.c sees to that), so the lines that were written
   are the newlines in what write(2) took: the count is right however the bytes were cut into calls.
   After the first write that fails nothing is written any more, and each line that comes is lost
   and counted. A rotation that fails loses nothing: the old file just grows on. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void failed(struct sink *sink, const char *call, int error)
{
    if (sink->first_error != 0)
        return;
    sink->first_error = error;
    sink->failed_call = call;
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

static void look_at_file(struct sink *sink)
{
    struct stat status;
    bool known = fstat(sink->fd, &status) == 0;
    sink->regular = known && S_ISREG(status.st_mode);
    sink->file_bytes = sink->regular ? (uint64_t)status.st_size : 0;
    sink->whole_bytes = sink->file_bytes;
}

bool sink_open(struct sink *sink, const struct logger_options *options)
{
    bool standard = options->path != NULL && strcmp(options->path, "-") == 0;
    *sink =
        (struct sink){.fd = STDOUT_FILENO,
                      .rotate_bytes = options->rotate_bytes,
                      .rotate_at = options->rotate_bytes != 0 ? options->rotate_bytes : UINT64_MAX,
                      .rotate_keep = options->rotate_keep != 0 ? options->rotate_keep : 1};
    if (options->path == NULL || (standard && options->rotate_bytes != 0)) {
        errno = EINVAL;
        return false;
    }
    sink->buffer = malloc(SINK_BUFFER_BYTES);
    if (sink->buffer == NULL)
        return false;
    if (!standard) {
        sink->path = strdup(options->path);
        sink->fd = sink->path != NULL ? open_file(sink->path) : -1;
    }
    if (sink->fd < 0) {
        int error = errno;
        free(sink->path);
        free(sink->buffer);
        errno = error;
        return false;
    }
    look_at_file(sink);
    return true;
}

/* path, path.1, path.2, ... */
static bool numbered_path(const struct sink *sink, unsigned number, char *path, size_t bytes)
{
    int length = number == 0 ? snprintf(path, bytes, "%s", sink->path)
                             : snprintf(path, bytes, "%s.%u", sink->path, number);
    if (length >= 0 && (size_t)length < bytes)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

/* Moves every file one number up; the last is overwritten. A gap in the numbers is no error. */
static bool rename_all(const struct sink *sink)
{
    char from[4096], to[4096];
    for (unsigned number = sink->rotate_keep; number-- > 0;) {
        if (!numbered_path(sink, number, from, sizeof(from)) ||
            !numbered_path(sink, number + 1, to, sizeof(to)))
            return false;
        if (rename(from, to) != 0 && errno != ENOENT)
            return false;
    }
    return true;
}

static void sink_rotate(struct sink *sink)
{
    int fd = rename_all(sink) ? open_file(sink->path) : -1;
    if (fd < 0) {
        failed(sink, "rotate", errno);
        sink->rotate_at = sink->file_bytes + sink->rotate_bytes;
        return;
    }
    if (close(sink->fd) != 0)
        failed(sink, "close", errno);
    sink->fd = fd;
    sink->rotations++;
    sink->rotate_at = sink->rotate_bytes;
    look_at_file(sink);
}

/* Where the last whole line in the file ends, now that `taken` bytes of the buffer are in it. */
static void note_whole_lines(struct sink *sink, size_t taken)
{
    for (size_t end = taken; end > 0; end--) {
        if (sink->buffer[end - 1] == '\n') {
            sink->whole_bytes = sink->file_bytes - (taken - end);
            return;
        }
    }
}

/* Takes a line that was cut in the middle out of the file, unless somebody else wrote to it. */
static void trim_cut_line(struct sink *sink)
{
    struct stat status;
    if (!sink->regular || sink->whole_bytes == sink->file_bytes || fstat(sink->fd, &status) != 0 ||
        (uint64_t)status.st_size != sink->file_bytes)
        return;
    if (ftruncate(sink->fd, (off_t)sink->whole_bytes) != 0)
        return;
    sink->bytes -= sink->file_bytes - sink->whole_bytes;
    sink->file_bytes = sink->whole_bytes;
}

/* Counts the lines in the part of the buffer that was written; the others are lost. */
static void write_failed(struct sink *sink, size_t taken, int error)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < taken; i++)
        lines += sink->buffer[i] == '\n';
    sink->written += lines;
    sink->lost += sink->lines - lines;
    sink->error = error;
    failed(sink, "write", error);
    trim_cut_line(sink);
}

/* Another descriptor of the same pipe or terminal may have made it non-blocking. */
static bool try_again(const struct sink *sink, int error)
{
    struct pollfd room = {.fd = sink->fd, .events = POLLOUT};
    if (error == EINTR)
        return true;
    if (error != EAGAIN && error != EWOULDBLOCK)
        return false;
    return poll(&room, 1, -1) >= 0 || errno == EINTR;
}

void sink_write(struct sink *sink)
{
    size_t done = 0;
    int error = 0;
    tp_gc_blocking_begin();
    while (done < sink->used && error == 0) {
        ssize_t taken = write(sink->fd, sink->buffer + done, sink->used - done);
        sink->writes++;
        if (taken > 0) {
            done += (size_t)taken;
            sink->bytes += (uint64_t)taken;
            sink->file_bytes += (uint64_t)taken;
        } else if (taken == 0) {
            error = EIO;
        } else if (!try_again(sink, errno)) {
            error = errno;
        }
    }
    tp_gc_blocking_end();
    note_whole_lines(sink, done);
    if (error != 0)
        write_failed(sink, done, error);
    else
        sink->written += sink->lines;
    sink->used = 0;
    sink->lines = 0;
}

static void put_text(struct sink *sink, const char *text, size_t length)
{
    if (length > SINK_BUFFER_BYTES - sink->used)
        sink_write(sink);
    memcpy(sink->buffer + sink->used, text, length);
    sink->used += length;
}

static size_t line_length(const struct record *line)
{
    size_t length = 0;
    for (const struct record *part = line; part != NULL; part = part->more)
        length += part->length;
    return length;
}

void sink_line(struct sink *sink, const struct record *line)
{
    if (sink->error == 0 && sink->rotate_bytes != 0) {
        uint64_t before = sink->file_bytes + sink->used;
        if (before > 0 && before + line_length(line) > sink->rotate_at) {
            sink_write(sink);
            if (sink->error == 0)
                sink_rotate(sink);
        }
    }
    for (const struct record *part = line; part != NULL && sink->error == 0; part = part->more)
        put_text(sink, part->text, part->length);
    if (sink->error != 0) {
        sink->used = 0;
        sink->lost++;
    } else {
        sink->lines++;
    }
}

void sink_close(struct sink *sink)
{
    if (sink->path != NULL && close(sink->fd) != 0)
        failed(sink, "close", errno);
    free(sink->path);
    free(sink->buffer);
    sink->fd = -1;
}
