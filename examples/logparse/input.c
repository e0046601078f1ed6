/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading: see input.h.

   A regular file is cut at multiples of the block's size, and a block's lines are those that begin
   in it: whoever takes one reads it by pread, outside of the lock, from one byte before it (is that
   a newline?) until its last line ends. What is no file is read under the lock, up to the last
   newline; what follows that is kept for the next block. Either way a thread's memory is bounded by
   a block and the longest line that is allowed. Files are read rather than mapped: one that is cut
   short meanwhile must not kill the program, and a block stays in the processor's cache. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Behind a block: where its last line ends, most of the time. */
#define LOOKAHEAD_BYTES 4096

/* Under the lock. */
static void fail(struct input *input, const char *name, const char *problem)
{
    input->failed = true;
    input->tell(input->context, name, problem);
}

void input_stop(struct input *input, const char *name, const char *problem)
{
    pthread_mutex_lock(&input->lock);
    if (!input->stopped)
        fail(input, name, problem);
    input->stopped = true;
    pthread_mutex_unlock(&input->lock);
}

bool input_open(struct input *input, char *const *names, size_t n)
{
    input->sources = tp_heap_alloc_zeroed(n, sizeof(*input->sources));
    if (input->sources == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        input->sources[i].name = strcmp(names[i], "-") == 0 ? "standard input" : names[i];
        input->sources[i].fd = strcmp(names[i], "-") == 0 ? STDIN_FILENO : -1;
        input->sources[i].format = input->format;
    }
    input->n = n;
    pthread_mutex_init(&input->lock, NULL);
    return true;
}

static void close_source(struct input_source *source)
{
    if (source->fd > STDIN_FILENO)
        close(source->fd);
    source->fd = -1;
}

void input_close(struct input *input)
{
    for (size_t i = 0; i < input->n; i++)
        close_source(&input->sources[i]);
    tp_heap_free(input->sources);
    tp_bytes_free(&input->rest);
    pthread_mutex_destroy(&input->lock);
}

/* Appends up to n bytes from the place `at`, or from where the stream is. Fewer: the end. False and
   errno. */
static bool read_more(const struct input_source *source, tp_bytes *buffer, uint64_t at, size_t n)
{
    size_t want = buffer->len + n;
    if (want < n || !tp_bytes_reserve(buffer, want)) {
        errno = ENOMEM;
        return false;
    }
    while (buffer->len < want) {
        unsigned char *to = buffer->data + buffer->len;
        ssize_t got = source->ranged
                          ? pread(source->fd, to, want - buffer->len, (off_t)(at + buffer->len))
                          : read(source->fd, to, want - buffer->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        buffer->len += (size_t)got;
    }
    return true;
}

static const unsigned char *find_newline(const tp_bytes *buffer, size_t from)
{
    return from < buffer->len ? memchr(buffer->data + from, '\n', buffer->len - from) : NULL;
}

/* The length of the last line, as far as it has been read. */
static size_t last_line_bytes(const tp_bytes *buffer)
{
    const unsigned char *newline = memrchr(buffer->data, '\n', buffer->len);
    return newline != NULL ? (size_t)(buffer->data + buffer->len - (newline + 1)) : buffer->len;
}

/* Where the whole lines end that have been read. 0: there are too few of them; a format that is not
   known yet takes several, unless they are as long as a line may be. */
static size_t whole_lines_end(const struct input *input, const struct input_source *source,
                              const tp_bytes *buffer)
{
    bool several = source->format == LOG_FORMATS && buffer->len <= input->line_bytes_max;
    size_t end = 0;
    for (unsigned missing = several ? LOG_DETECT_LINES : 1; missing > 0; missing--) {
        const unsigned char *newline = find_newline(buffer, end);
        if (newline == NULL)
            return 0;
        end = (size_t)(newline - buffer->data) + 1;
    }
    return buffer->len - last_line_bytes(buffer);
}

/* --- regular files --- */

/* Reads on until the line that holds the byte at `last` ends, or is too long, or the file ends.
 *text_end: where. */
static bool read_line_end(const struct input *input, const struct input_source *source,
                          tp_bytes *buffer, uint64_t from, size_t last, size_t *text_end)
{
    for (;;) {
        const unsigned char *newline = find_newline(buffer, last);
        size_t before = buffer->len;
        *text_end = newline != NULL ? (size_t)(newline - buffer->data) + 1 : buffer->len;
        if (newline != NULL || last_line_bytes(buffer) > input->line_bytes_max)
            return true;
        if (!read_more(source, buffer, from, buffer->len))
            return false;
        if (buffer->len == before)
            return true;
    }
}

/* The lines that tell the format: the same as read_stream begins with. */
static bool read_head(const struct input *input, const struct input_source *source,
                      tp_bytes *buffer)
{
    tp_bytes_reset(buffer);
    for (;;) {
        size_t before = buffer->len, n = before == 0 ? input->block_bytes : before, whole;
        if (!read_more(source, buffer, source->begin, n))
            return false;
        if (buffer->len - before < n)
            return true;
        whole = whole_lines_end(input, source, buffer);
        if (whole != 0)
            buffer->len = whole;
        if (whole != 0 || buffer->len > input->line_bytes_max)
            return true;
    }
}

/* The lines that begin in the block's range. */
static bool read_range(const struct input *input, struct input_block *block, tp_bytes *buffer)
{
    const struct input_source *source = block->source;
    bool is_first = block->begin == source->begin;
    uint64_t from = is_first ? block->begin : block->begin - 1;
    size_t n = (size_t)(block->end - from), first = 0, text_end;
    tp_bytes_reset(buffer);
    if (!read_more(source, buffer, from, n + LOOKAHEAD_BYTES))
        return false;
    if (buffer->len < n) {
        errno = ENODATA; /* it has become shorter */
        return false;
    }
    if (!is_first) {
        const unsigned char *newline = find_newline(buffer, 0);
        first = newline != NULL ? (size_t)(newline - buffer->data) + 1 : n;
        if (first >= n)
            return true;
    }
    if (!read_line_end(input, source, buffer, from, n - 1, &text_end))
        return false;
    block->text = tp_view_from_mem(buffer->data + first, text_end - first);
    return true;
}

/* --- what is no file; under the lock --- */

/* Drops what comes before the next newline. False: there is none. */
static bool skip_line(tp_bytes *buffer)
{
    const unsigned char *newline = find_newline(buffer, 0);
    size_t n = newline != NULL ? (size_t)(newline - buffer->data) + 1 : buffer->len;
    if (n > 0)
        memmove(buffer->data, buffer->data + n, buffer->len - n);
    buffer->len -= n;
    return newline != NULL;
}

/* Fills the buffer with whole lines. False and errno; what was read until then is there. */
static bool read_stream(struct input *input, struct input_source *source, tp_bytes *buffer)
{
    if (!tp_bytes_from_view(buffer, tp_view_from_bytes(&input->rest)))
        return false;
    tp_bytes_reset(&input->rest);
    for (;;) {
        size_t before = buffer->len, n = before, whole;
        if (before < input->block_bytes)
            n = input->block_bytes - before;
        if (!read_more(source, buffer, 0, n))
            return false;
        input->bytes += buffer->len - before;
        source->ended = buffer->len - before < n;
        if (input->skipping)
            input->skipping = !skip_line(buffer);
        if (source->ended)
            return true;
        whole = whole_lines_end(input, source, buffer);
        if (whole != 0) {
            if (!tp_bytes_from_mem(&input->rest, buffer->data + whole, buffer->len - whole))
                return false;
            buffer->len = whole;
            return true;
        }
        if (buffer->len > input->line_bytes_max) {
            input->skipping = true;
            return true;
        }
    }
}

/* --- one after the other; under the lock --- */

static bool detect(struct input *input, struct input_source *source, tp_view text)
{
    if (source->format == LOG_FORMATS)
        source->format = log_format_detect(text);
    if (source->format != LOG_FORMATS)
        return true;
    fail(input, source->name, "no known format in its first lines; --format names one");
    return false;
}

/* A file that says it is empty may be one of the kernel's, which are not. */
static bool open_source(struct input *input, struct input_source *source, tp_bytes *buffer)
{
    struct stat status;
    off_t at;
    source->opened = true;
    if (source->fd < 0)
        source->fd = open(source->name, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0 || fstat(source->fd, &status) != 0) {
        fail(input, source->name, strerror(errno));
        return false;
    }
    at = S_ISREG(status.st_mode) ? lseek(source->fd, 0, SEEK_CUR) : -1;
    if (at < 0 || at >= status.st_size)
        return true;
    source->ranged = true;
    source->begin = source->next = (uint64_t)at;
    source->end = (uint64_t)status.st_size;
    /* as if it had been read: standard input may be named twice */
    (void)lseek(source->fd, status.st_size, SEEK_SET);
    if (source->format != LOG_FORMATS)
        return true;
    if (!read_head(input, source, buffer)) {
        fail(input, source->name, strerror(errno));
        return false;
    }
    return detect(input, source, tp_view_from_bytes(buffer));
}

static bool take_range(struct input *input, struct input_block *block)
{
    struct input_source *source = block->source;
    uint64_t rest = source->end - source->next;
    uint64_t n = rest < input->block_bytes ? rest : input->block_bytes;
    block->begin = source->next;
    block->end = source->next += n;
    source->ended = n == rest;
    source->readers++;
    input->bytes += n;
    return true;
}

/* False: nothing has come. */
static bool take_stream(struct input *input, tp_bytes *buffer, struct input_block *block)
{
    struct input_source *source = block->source;
    if (!read_stream(input, source, buffer)) {
        fail(input, source->name, strerror(errno));
        source->ended = true;
    }
    if (buffer->len == 0 || !detect(input, source, tp_view_from_bytes(buffer))) {
        source->ended = true;
        return false;
    }
    block->text = tp_view_from_bytes(buffer);
    return true;
}

static void next_source(struct input *input, struct input_source *source)
{
    if (source->readers == 0)
        close_source(source);
    tp_bytes_reset(&input->rest);
    input->skipping = false;
    input->at++;
}

static bool take(struct input *input, tp_bytes *buffer, struct input_block *block)
{
    while (!input->stopped && input->at < input->n) {
        struct input_source *source = &input->sources[input->at];
        bool taken = false;
        *block = (struct input_block){.source = source, .number = input->blocks};
        if (source->failed || (!source->opened && !open_source(input, source, buffer)))
            source->ended = true;
        else if (!source->ranged)
            taken = take_stream(input, buffer, block);
        else
            taken = take_range(input, block);
        if (source->ended)
            next_source(input, source);
        if (taken) {
            block->format = source->format;
            input->blocks++;
            return true;
        }
    }
    return false;
}

bool input_next(struct input *input, tp_bytes *buffer, struct input_block *block)
{
    bool taken;
    pthread_mutex_lock(&input->lock);
    taken = take(input, buffer, block);
    pthread_mutex_unlock(&input->lock);
    if (taken && block->source->ranged && !read_range(input, block, buffer)) {
        const char *problem = errno == ENODATA ? "it became shorter meanwhile" : strerror(errno);
        pthread_mutex_lock(&input->lock);
        if (!block->source->failed)
            fail(input, block->source->name, problem);
        block->source->failed = true;
        pthread_mutex_unlock(&input->lock);
    }
    return taken;
}

void input_give_back(struct input *input, const struct input_block *block)
{
    struct input_source *source = block->source;
    if (!source->ranged)
        return;
    pthread_mutex_lock(&input->lock);
    source->readers--;
    if (source->readers == 0 && source->ended)
        close_source(source);
    pthread_mutex_unlock(&input->lock);
}
