/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-maps: counts the words of a file, or of standard input, twice: with a map and a vector that
   grow as they must, and with both sized once. Shows the most frequent words, and what each way
   took from the heap.

   usage: tp-maps [--distinct=N] [--top=N] [FILE]

   --distinct=N  room for N different words, 1 to 2^30 (65,536); where there are more, it says so
                 and exits 1
   --top=N       shows N words (10)

   That the sized one allocates nothing while it counts is checked by the heap's counters: exit 1 if
   it did. Wrong arguments: exit 2. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "words.h"

struct command {
    const char *file; /* NULL: standard input */
    size_t distinct, top;
};

struct run {
    struct words words;
    tp_heap_stats before, ready, after; /* before words_init, behind it, and behind the counting */
};

static bool parse_number(const char *text, size_t *number)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *number = (size_t)value;
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

static bool parse(int argc, char **argv, struct command *command)
{
    *command = (struct command){.distinct = 65536, .top = 10};
    for (int i = 1; i < argc; i++) {
        bool right = true;
        if (strncmp(argv[i], "--distinct=", 11) == 0)
            right = parse_number(argv[i] + 11, &command->distinct) && command->distinct != 0 &&
                    command->distinct <= WORDS_DISTINCT_MAX;
        else if (strncmp(argv[i], "--top=", 6) == 0)
            right = parse_number(argv[i] + 6, &command->top);
        else if (argv[i][0] == '-' || command->file != NULL)
            right = false;
        else
            command->file = argv[i];
        if (!right) {
            fprintf(stderr, "tp-maps: %s: usage: tp-maps [--distinct=N] [--top=N] [FILE]\n",
                    argv[i]);
            return false;
        }
    }
    return true;
}

/* False and errno. */
static bool read_all(const char *path, tp_bytes *text)
{
    int file = path != NULL ? open(path, O_RDONLY) : STDIN_FILENO;
    ssize_t n = file < 0 ? -1 : 1;
    while (n > 0) {
        unsigned char *room = bytes_room(text, 65536);
        n = room != NULL ? read(file, room, 65536) : -1;
        if (n > 0)
            text->len += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    int error = errno;
    if (path != NULL && file >= 0)
        close(file);
    errno = error;
    return n == 0;
}

static bool run(struct run *run, size_t distinct, tp_view text)
{
    tp_heap_stats_read(&run->before);
    if (!words_init(&run->words, distinct))
        return false;
    tp_heap_stats_read(&run->ready);
    if (!words_count(&run->words, text))
        return false;
    tp_heap_stats_read(&run->after);
    return true;
}

static void print(const struct run *grown, const struct run *sized, size_t top)
{
    const word_vec *all = &sized->words.all;
    for (size_t i = 0; i < top && i < all->len; i++) {
        const struct word *word = &tp_vec_at(all, i);
        printf("%8" PRIu64 "  %.*s\n", word->count, (int)word->text.len,
               (const char *)word->text.data);
    }
    printf("%" PRIu64 " words, %zu different\n\n", sized->words.total, all->len);
    printf("%-8s %13s %15s %15s\n", "", "allocations", "while counting", "bytes");
    for (int i = 0; i < 2; i++) {
        const struct run *r = i == 0 ? grown : sized;
        printf("%-8s %13" PRIu64 " %15" PRIu64 " %15" PRIu64 "\n", i == 0 ? "unsized" : "sized",
               r->after.allocations - r->before.allocations,
               r->after.allocations - r->ready.allocations,
               r->after.allocated - r->before.allocated);
    }
}

static const char *name_of(const struct command *command)
{
    return command->file != NULL ? command->file : "standard input";
}

static bool complain(const char *name)
{
    fprintf(stderr, "tp-maps: %s: %s\n", name, strerror(errno));
    return false;
}

static bool count_both(const struct command *command, struct run *grown, struct run *sized,
                       tp_view text)
{
    if (!run(sized, command->distinct, text)) {
        if (errno != ENOSPC)
            return complain(name_of(command));
        fprintf(stderr, "tp-maps: %s: more than %zu different words: say --distinct=N\n",
                name_of(command), command->distinct);
        return false;
    }
    if (!run(grown, 0, text))
        return complain(name_of(command));
    if (sized->after.allocations != sized->ready.allocations) {
        fprintf(stderr, "tp-maps: the sized map allocated %" PRIu64 " times while it counted\n",
                sized->after.allocations - sized->ready.allocations);
        return false;
    }
    words_sort(&sized->words);
    print(grown, sized, command->top);
    return fflush(stdout) == 0 || complain("standard output");
}

int main(int argc, char **argv)
{
    struct command command;
    struct run grown = {0}, sized = {0};
    tp_bytes text = {0};
    if (!parse(argc, argv, &command))
        return 2;
    bool done = read_all(command.file, &text)
                    ? count_both(&command, &grown, &sized, view_from_bytes(&text))
                    : complain(name_of(&command));
    words_free(&grown.words);
    words_free(&sized.words);
    bytes_free(&text);
    return done ? 0 : 1;
}
