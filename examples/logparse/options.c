/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-logparse's command line: see options.h. Each error names the option, the value and the
   rule. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS_MAX 1024

enum choice { DISTINCT = 256, BAD, STRICT, FIELDS, JSON, STATS, HELP, VERSION };

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'}, {"threads", required_argument, NULL, 'j'},
    {"top", required_argument, NULL, 'n'},    {"distinct", required_argument, NULL, DISTINCT},
    {"bad", no_argument, NULL, BAD},          {"strict", no_argument, NULL, STRICT},
    {"fields", no_argument, NULL, FIELDS},    {"json", no_argument, NULL, JSON},
    {"stats", no_argument, NULL, STATS},      {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},  {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: tp-logparse [-f FORMAT] [-j THREADS] [-n KEYS] [--distinct=N] [--bad] [--strict]\n"
    "                   [--fields] [--json] [--stats] [FILE...]\n";

static bool parse_format(const char *text, enum log_format *format)
{
    *format = log_format_named(text);
    if (*format != LOG_FORMATS)
        return true;
    fprintf(stderr, "tp-logparse: --format=%s: must be one of", text);
    for (unsigned i = 0; i < LOG_FORMATS; i++)
        fprintf(stderr, " %s", log_formats[i].name);
    fputc('\n', stderr);
    return false;
}

static bool parse_number(const char *option, const char *text, size_t low, size_t high,
                         size_t *value)
{
    char *end = NULL;
    unsigned long number;
    errno = 0;
    number = strtoul(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number >= low &&
        number <= high) {
        *value = number;
        return true;
    }
    fprintf(stderr, "tp-logparse: --%s=%s: must be a number from %zu to %zu\n", option, text, low,
            high);
    return false;
}

static bool parse_option(struct command *command, int option, const char *text)
{
    size_t number = 0;
    switch (option) {
    case 'f':
        return parse_format(text, &command->log.format);
    case 'j':
        if (!parse_number("threads", text, 1, THREADS_MAX, &number))
            return false;
        command->log.threads = (unsigned)number;
        return true;
    case 'n':
        return parse_number("top", text, 1, LOG_DISTINCT_MAX, &command->log.top);
    case DISTINCT:
        return parse_number("distinct", text, 1, LOG_DISTINCT_MAX, &command->log.distinct);
    case BAD:
        command->bad = true;
        return true;
    case STRICT:
        command->strict = true;
        return true;
    case FIELDS:
        command->fields = command->log.no_tables = true;
        return true;
    case JSON:
        command->json = true;
        return true;
    case STATS:
        command->stats = true;
        return true;
    default:
        return false; /* getopt_long has told */
    }
}

/* Those that this process may run on. */
static unsigned processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : (unsigned)n;
}

int command_parse(struct command *command, int argc, char **argv)
{
    static char standard_input[] = "-";
    static char *const standard_names[] = {standard_input};
    static char name[] = "tp-logparse"; /* getopt_long's messages begin with it */
    int option;
    if (argc > 0)
        argv[0] = name;
    *command = (struct command){.log = {.format = LOG_FORMATS, .top = 10}};
    command->log.threads = processors();
    while ((option = getopt_long(argc, argv, "f:j:n:", long_options, NULL)) != -1) {
        if (option == HELP || option == VERSION) {
            fputs(option == HELP ? usage : "tp-logparse " TP_VERSION_STRING "\n", stdout);
            return fflush(stdout) == 0 ? 0 : 2;
        }
        if (!parse_option(command, option, optarg)) {
            fputs(usage, stderr);
            return 2;
        }
    }
    command->names = argv + optind;
    command->names_n = (size_t)(argc - optind);
    if (command->names_n == 0) {
        command->names = standard_names;
        command->names_n = 1;
    }
    return -1;
}
