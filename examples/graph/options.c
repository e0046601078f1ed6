/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-graph's command line: see options.h. Each error names the option, the value and the rule. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidepool.h>

enum choice { FILE_NAME = 256, GENERATE, SEED, THREADS, HELP, VERSION };

static const struct option long_options[] = {
    {"file", required_argument, NULL, FILE_NAME},
    {"generate", required_argument, NULL, GENERATE},
    {"seed", required_argument, NULL, SEED},
    {"threads", required_argument, NULL, THREADS},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: tp-graph [--file=FILE|- | --generate=N] [--seed=N] [--threads=N] STEP...\n"
    "steps, in the order given: count, top=N, reach=USER, drop=N, drop-all, mutate=N, check,\n"
    "                           memory, collect\n";

/* What comes behind "name=". */
enum argument { NOTHING, NUMBER, NAME };

static const struct {
    const char *name;
    enum step_kind kind;
    enum argument argument;
    uint64_t most;
} known[] = {
    {"count", STEP_COUNT, NOTHING, 0},       {"top", STEP_TOP, NUMBER, TOP_MAX},
    {"reach", STEP_REACH, NAME, 0},          {"drop", STEP_DROP, NUMBER, INT64_MAX},
    {"drop-all", STEP_DROP_ALL, NOTHING, 0}, {"mutate", STEP_MUTATE, NUMBER, INT64_MAX},
    {"check", STEP_CHECK, NOTHING, 0},       {"memory", STEP_MEMORY, NOTHING, 0},
    {"collect", STEP_COLLECT, NOTHING, 0},
};

static bool parse_number(const char *prefix, const char *option, const char *text, uint64_t high,
                         uint64_t *value)
{
    char *end = NULL;
    unsigned long long number;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number >= 1 &&
        number <= high) {
        *value = number;
        return true;
    }
    fprintf(stderr, "tp-graph: %s%s=%s: must be a number from 1 to %llu\n", prefix, option, text,
            (unsigned long long)high);
    return false;
}

static bool parse_step(const char *text, struct step *step)
{
    size_t length = strcspn(text, "=");
    const char *argument = text[length] == '=' ? text + length + 1 : NULL;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].name) != length || strncmp(known[i].name, text, length) != 0)
            continue;
        *step = (struct step){.kind = known[i].kind, .text = argument};
        if ((argument != NULL) != (known[i].argument != NOTHING)) {
            fprintf(stderr, "tp-graph: %s: %s\n", text,
                    argument != NULL ? "takes no value" : "needs a value, as in top=3");
            return false;
        }
        return known[i].argument != NUMBER ||
               parse_number("", known[i].name, argument, known[i].most, &step->number);
    }
    fprintf(stderr, "tp-graph: %s: no such step\n", text);
    return false;
}

static bool parse_option(struct command *command, int option, const char *text)
{
    uint64_t number;
    switch (option) {
    case FILE_NAME:
        command->file = text;
        return true;
    case GENERATE:
        return parse_number("--", "generate", text, 100000000, &command->generated);
    case SEED:
        return parse_number("--", "seed", text, INT64_MAX, &command->seed);
    case THREADS:
        if (!parse_number("--", "threads", text, THREADS_MAX, &number))
            return false;
        command->threads = (unsigned)number;
        return true;
    default:
        return false; /* getopt_long has told */
    }
}

static bool parse_steps(struct command *command, int argc, char **argv)
{
    if (argc == 0) {
        fputs("tp-graph: no steps: what shall be done?\n", stderr);
        return false;
    }
    command->steps = calloc((size_t)argc, sizeof(*command->steps));
    if (command->steps == NULL) {
        fputs("tp-graph: out of memory\n", stderr);
        return false;
    }
    for (int i = 0; i < argc; i++) {
        if (!parse_step(argv[i], &command->steps[command->steps_n++]))
            return false;
    }
    return true;
}

int command_parse(struct command *command, int argc, char **argv)
{
    static char name[] = "tp-graph"; /* getopt_long's messages begin with it */
    int option;
    if (argc > 0)
        argv[0] = name;
    *command = (struct command){.seed = 1, .threads = 1};
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == HELP || option == VERSION) {
            fputs(option == HELP ? usage : "tp-graph " TP_VERSION_STRING "\n", stdout);
            return fflush(stdout) == 0 ? 0 : 2;
        }
        if (!parse_option(command, option, optarg)) {
            fputs(usage, stderr);
            return 2;
        }
    }
    if ((command->file != NULL) == (command->generated != 0)) {
        fputs("tp-graph: one of --file and --generate says where the graph comes from\n", stderr);
        return 2;
    }
    if (!parse_steps(command, argc - optind, argv + optind)) {
        fputs(usage, stderr);
        free(command->steps);
        return 2;
    }
    return -1;
}
