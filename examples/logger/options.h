/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-logger's command line. */
#ifndef EXAMPLES_LOGGER_OPTIONS_H
#define EXAMPLES_LOGGER_OPTIONS_H

#include "logger.h"

#define THREADS_MAX 1024

struct command {
    struct logger_options logger;
    unsigned threads;
    uint64_t repeat;
    bool stats;
    char *const *names; /* of the input; "-": standard input */
    size_t names_n;
};

/* Fills *command; its strings are argv's. Returns -1, or the status to exit with at once: 2 after
   an error that it has told on stderr, 0 after --help or --version. */
int command_parse(struct command *command, int argc, char **argv);

#endif
