/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-json's command line. */
#ifndef EXAMPLES_JSON_OPTIONS_H
#define EXAMPLES_JSON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum style {
    STYLE_NONE, /* print nothing */
    STYLE_COMPACT,
    STYLE_PRETTY
};

struct command {
    enum style style;
    const char *pointer; /* a JSON pointer: print what it leads to; NULL: the whole */
    bool lines;          /* a value a line */
    bool stats;
    bool collect; /* trees are left to the collector */
    size_t depth;
    char *const *names; /* of the input; "-": standard input */
    size_t names_n;
};

/* Fills *command; its strings are argv's. Returns -1, or the status to exit with at once: 2 after
   an error that it has told on stderr, 0 after --help or --version. */
int command_parse(struct command *command, int argc, char **argv);

#endif
