/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-json: accepts or rejects JSON texts, and prints them, or a part of them. See man/tp-json.1.

   It exits with 0 where all texts were accepted, 1 where one was rejected or lacks what --get asks
   for, 2 where the command line is wrong or reading or writing failed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <tidepool/gc.h>

#include "tool.h"

static double now_s(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* A standard descriptor that came closed must not become some other file's: what uses it shall
   fail. */
static void hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(2);
    }
}

/* All that an open file has, as one text. */
static void whole_file(struct tool *tool, const char *name, int fd)
{
    struct stat status;
    int more;
    tp_bytes_reset(&tool->in);
    /* one read for all of it, and one that finds the end */
    if (fstat(fd, &status) == 0 && status.st_size > 0)
        (void)tp_bytes_reserve(&tool->in, (size_t)status.st_size + TOOL_READ_BYTES);
    while ((more = tool_read(tool, name, fd)) > 0)
        continue;
    if (more < 0)
        return;
    (void)tp_bytes_str(&tool->in);
    tool_text(tool, name, 0, tp_view_from_bytes(&tool->in));
}

static void take_file(struct tool *tool, const char *name)
{
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (standard)
        name = "standard input";
    if (fd < 0) {
        tool_failed(tool, name);
        return;
    }
    if (tool->command.lines)
        tool_lines(tool, name, fd);
    else
        whole_file(tool, name, fd);
    if (!standard)
        close(fd);
}

/* Counted from what had been given at `allocations`. */
static void print_stats(struct tool *tool, uint64_t allocations, double seconds)
{
    tp_arena_stats arena = {0};
    tool_count(tool);
    if (tool->arena != NULL)
        tp_arena_stats_read(tool->arena, &arena);
    fprintf(stderr,
            "tp-json: %" PRIu64 " texts, %" PRIu64 " rejected, %" PRIu64
            " bytes, %.1f MB/s, arena peak %" PRIu64 " bytes, %" PRIu64
            " allocations (all by text %" PRIu64 "), %" PRIu64 " cycles\n",
            tool->texts, tool->rejected, tool->bytes, (double)tool->bytes / seconds / 1e6,
            arena.peak, tool->allocations - allocations, tool->settled, tp_gc_cycle());
}

int main(int argc, char **argv)
{
    static const tp_arena_options keep_all = {.name = "tp-json", .retain = TP_ARENA_RETAIN_ALL};
    static struct tool tool;
    double begin = now_s();
    uint64_t allocations;
    int status;
    hold_standard_descriptors();
    status = command_parse(&tool.command, argc, argv);
    if (status >= 0)
        return status;
    /* a pipe whose reader has gone and a file that has reached its limit are errors of write(2) */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    tool_count(&tool);
    allocations = tool.allocations;
    tool.parser.depth_max = tool.command.depth;
    if (!tool.command.collect)
        tool.arena = tp_arena_create(&keep_all);
    if ((tool.arena == NULL && !tool.command.collect) ||
        !tp_bytes_reserve(&tool.out, 2 * TOOL_OUT_BYTES)) {
        tool_failed(&tool, "cannot start");
        return 2;
    }
    for (size_t i = 0; i < tool.command.names_n && !tool.stuck; i++)
        take_file(&tool, tool.command.names[i]);
    tool_flush(&tool);
    if (tool.command.stats)
        print_stats(&tool, allocations, now_s() - begin);
    tp_bytes_free(&tool.in);
    tp_bytes_free(&tool.out);
    json_parser_free(&tool.parser);
    if (tool.arena != NULL)
        tp_arena_destroy(tool.arena);
    if (tool.failed)
        return 2;
    return tool.rejected != 0 ? 1 : 0;
}
