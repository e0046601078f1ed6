/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-json's command line: see options.h. Each error names the option, the value and the rule. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidepool.h>

#include "json.h"

#define DEPTH_MAX 100000000

enum choice { PRINT = 256, COMPACT, GET, LINES, STATS, DEPTH, ALLOC, HELP, VERSION };

static const struct option long_options[] = {
    {"print", no_argument, NULL, PRINT},       {"compact", no_argument, NULL, COMPACT},
    {"get", required_argument, NULL, GET},     {"lines", no_argument, NULL, LINES},
    {"stats", no_argument, NULL, STATS},       {"depth", required_argument, NULL, DEPTH},
    {"alloc", required_argument, NULL, ALLOC}, {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},   {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: tp-json [--print | --compact] [--get POINTER] [--lines] [--stats] [--depth N]\n"
    "               [--alloc=arena|gc] [FILE...]\n";

static bool parse_depth(const char *text, size_t *depth)
{
    char *end = NULL;
    unsigned long long number;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number >= 1 &&
        number <= DEPTH_MAX) {
        *depth = (size_t)number;
        return true;
    }
    fprintf(stderr, "tp-json: --depth=%s: must be a number from 1 to %d\n", text, DEPTH_MAX);
    return false;
}

static bool parse_alloc(const char *text, bool *collect)
{
    *collect = strcmp(text, "gc") == 0;
    if (*collect || strcmp(text, "arena") == 0)
        return true;
    fprintf(stderr, "tp-json: --alloc=%s: must be one of arena gc\n", text);
    return false;
}

/* What the pointer says of any value tells whether it is one. */
static bool parse_pointer(const char *text, const char **pointer)
{
    static const struct json_value nothing = {.head = JSON_NULL};
    errno = 0;
    if (json_pointer(&nothing, tp_view_from_str(text)) == NULL && errno == EINVAL) {
        fprintf(stderr,
                "tp-json: --get=%s: no JSON pointer: it is empty or begins with '/', and has '~' "
                "only in ~0 and ~1\n",
                text);
        return false;
    }
    *pointer = text;
    return true;
}

static bool parse_option(struct command *command, int option, const char *text)
{
    switch (option) {
    case PRINT:
        command->style = STYLE_PRETTY;
        return true;
    case COMPACT:
        command->style = STYLE_COMPACT;
        return true;
    case GET:
        return parse_pointer(text, &command->pointer);
    case LINES:
        command->lines = true;
        return true;
    case STATS:
        command->stats = true;
        return true;
    case DEPTH:
        return parse_depth(text, &command->depth);
    case ALLOC:
        return parse_alloc(text, &command->collect);
    default:
        return false; /* getopt_long has told */
    }
}

int command_parse(struct command *command, int argc, char **argv)
{
    static char standard_input[] = "-";
    static char *const standard_names[] = {standard_input};
    static char name[] = "tp-json"; /* getopt_long's messages begin with it */
    int option;
    if (argc > 0)
        argv[0] = name;
    *command = (struct command){.style = STYLE_NONE, .depth = JSON_DEPTH_MAX};
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == HELP || option == VERSION) {
            fputs(option == HELP ? usage : "tp-json " TP_VERSION_STRING "\n", stdout);
            return fflush(stdout) == 0 ? 0 : 2;
        }
        if (!parse_option(command, option, optarg)) {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (command->pointer != NULL && command->style == STYLE_NONE)
        command->style = STYLE_COMPACT;
    if (command->lines && command->style == STYLE_PRETTY) {
        fputs("tp-json: --print: a value has more than one line, and --lines wants one\n", stderr);
        return 2;
    }
    command->names = argv + optind;
    command->names_n = (size_t)(argc - optind);
    if (command->names_n == 0) {
        command->names = standard_names;
        command->names_n = 1;
    }
    return -1;
}
