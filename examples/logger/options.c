/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-logger's command line: see options.h. Each error names the option, the value and the rule. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <tidepool.h>
#include <unistd.h>

enum choice {
    ALLOC = 256,
    THREADS,
    FORMAT,
    LEVEL,
    ROTATE_BYTES,
    ROTATE_KEEP,
    OUTPUT,
    REPEAT,
    STATS,
    NO_TIME,
    DROP,
    HELP,
    VERSION
};

static const struct option long_options[] = {
    {"alloc", required_argument, NULL, ALLOC},
    {"threads", required_argument, NULL, THREADS},
    {"format", required_argument, NULL, FORMAT},
    {"level", required_argument, NULL, LEVEL},
    {"rotate-bytes", required_argument, NULL, ROTATE_BYTES},
    {"rotate-keep", required_argument, NULL, ROTATE_KEEP},
    {"output", required_argument, NULL, OUTPUT},
    {"repeat", required_argument, NULL, REPEAT},
    {"stats", no_argument, NULL, STATS},
    {"no-time", no_argument, NULL, NO_TIME},
    {"drop", no_argument, NULL, DROP},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: tp-logger [--alloc=pool|heap|malloc|gc] [--threads=N] [--format=json|kv|raw]\n"
    "                 [--level=trace|debug|info|warn|error] [--no-time] [--drop]\n"
    "                 [--output=FILE|-] [--rotate-bytes=N[K|M|G]] [--rotate-keep=N]\n"
    "                 [--repeat=N] [--stats] [FILE...]\n";

typedef const char *name_of(unsigned value);

static const char *level_name(unsigned value)
{
    return logger_level_name((enum logger_level)value);
}

static const char *format_name(unsigned value)
{
    return logger_format_name((enum logger_format)value);
}

static const char *alloc_name(unsigned value)
{
    return logger_alloc_name((enum logger_alloc)value);
}

/* One of the names of 0 ... n - 1. */
static bool parse_name(const char *option, const char *text, name_of *name, unsigned n,
                       unsigned *value)
{
    for (*value = 0; *value < n; ++*value) {
        if (strcmp(text, name(*value)) == 0)
            return true;
    }
    fprintf(stderr, "tp-logger: --%s=%s: must be one of", option, text);
    for (unsigned i = 0; i < n; i++)
        fprintf(stderr, " %s", name(i));
    fputc('\n', stderr);
    return false;
}

/* 1024, 1024^2 and 1024^3 for K, M and G; 0: something else. */
static uint64_t unit_of(const char *suffix)
{
    if (suffix[0] == '\0')
        return 1;
    if (suffix[1] != '\0')
        return 0;
    switch (suffix[0]) {
    case 'K':
        return (uint64_t)1 << 10;
    case 'M':
        return (uint64_t)1 << 20;
    case 'G':
        return (uint64_t)1 << 30;
    default:
        return 0;
    }
}

static bool parse_number(const char *option, const char *text, uint64_t low, uint64_t high,
                         bool units, uint64_t *value)
{
    char *end = NULL;
    unsigned long long number;
    uint64_t unit;
    errno = 0;
    number = strtoull(text, &end, 10);
    unit = units || *end == '\0' ? unit_of(end) : 0;
    if (text[0] >= '0' && text[0] <= '9' && errno == 0 && unit != 0 && number <= high / unit &&
        number * unit >= low) {
        *value = number * unit;
        return true;
    }
    fprintf(stderr, "tp-logger: --%s=%s: must be a number from %llu to %llu\n", option, text,
            (unsigned long long)low, (unsigned long long)high);
    return false;
}

static bool parse_small(const char *option, const char *text, unsigned low, unsigned high,
                        unsigned *value)
{
    uint64_t number;
    if (!parse_number(option, text, low, high, false, &number))
        return false;
    *value = (unsigned)number;
    return true;
}

/* Options that take one of some names. */
static bool parse_choice(struct command *command, int option, const char *text)
{
    unsigned value = 0;
    bool known;
    switch (option) {
    case ALLOC:
        known = parse_name("alloc", text, alloc_name, LOGGER_GC + 1, &value);
        command->logger.alloc = (enum logger_alloc)value;
        return known;
    case FORMAT:
        known = parse_name("format", text, format_name, LOGGER_RAW + 1, &value);
        command->logger.format = (enum logger_format)value;
        return known;
    default:
        known = parse_name("level", text, level_name, LOGGER_LEVELS, &value);
        command->logger.level = (enum logger_level)value;
        return known;
    }
}

static bool parse_option(struct command *command, int option, const char *text)
{
    switch (option) {
    case ALLOC:
    case FORMAT:
    case LEVEL:
        return parse_choice(command, option, text);
    case THREADS:
        return parse_small("threads", text, 1, THREADS_MAX, &command->threads);
    case ROTATE_BYTES:
        return parse_number("rotate-bytes", text, 1, INT64_MAX, true,
                            &command->logger.rotate_bytes);
    case ROTATE_KEEP:
        return parse_small("rotate-keep", text, 1, 9999, &command->logger.rotate_keep);
    case REPEAT:
        return parse_number("repeat", text, 1, INT64_MAX, false, &command->repeat);
    case OUTPUT:
        command->logger.path = text;
        return true;
    case STATS:
        command->stats = true;
        return true;
    case NO_TIME:
        command->logger.no_time = true;
        return true;
    case DROP:
        command->logger.drop = true;
        return true;
    default:
        return false; /* getopt_long has told */
    }
}

/* What the options say together. */
static bool check(const struct command *command)
{
    struct stat status;
    if (command->logger.rotate_bytes != 0 && strcmp(command->logger.path, "-") == 0) {
        fputs("tp-logger: --rotate-bytes needs --output=FILE: standard output cannot rotate\n",
              stderr);
        return false;
    }
    for (size_t i = 0; i < command->names_n && command->repeat > 1; i++) {
        if (strcmp(command->names[i], "-") != 0)
            continue;
        if (fstat(STDIN_FILENO, &status) != 0 || !S_ISREG(status.st_mode)) {
            fputs("tp-logger: --repeat: standard input can be read again only where it is a file\n",
                  stderr);
            return false;
        }
    }
    return true;
}

int command_parse(struct command *command, int argc, char **argv)
{
    static char standard_input[] = "-";
    static char *const standard_names[] = {standard_input};
    int option;
    *command = (struct command){.threads = 4, .repeat = 1};
    command->logger.path = "-";
    command->logger.level = LOGGER_INFO;
    command->logger.rotate_keep = 5;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == HELP || option == VERSION) {
            fputs(option == HELP ? usage : "tp-logger " TP_VERSION_STRING "\n", stdout);
            return fflush(stdout) == 0 ? 0 : 1;
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
    return check(command) ? -1 : 2;
}
