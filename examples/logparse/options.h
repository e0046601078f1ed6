/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-logparse's command line. */
#ifndef EXAMPLES_LOGPARSE_OPTIONS_H
#define EXAMPLES_LOGPARSE_OPTIONS_H

#include "scan.h"

struct command {
    struct log_options log; /* without a listener */
    bool bad, strict, fields, json, stats;
    char *const *names; /* of the input; "-": standard input */
    size_t names_n;
};

/* Fills *command; its strings are argv's. Returns -1, or the status to exit with at once: 2 after
   an error that it has told on stderr, 0 after --help or --version. */
int command_parse(struct command *command, int argc, char **argv);

#endif
