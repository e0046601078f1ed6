/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what formats: a vsnprintf that fails. Linked with -Wl,--wrap=vsnprintf. */
#ifndef TESTS_UNIT_FORMAT_HELP_H
#define TESTS_UNIT_FORMAT_HELP_H

#include "heap_help.h"

int __real_vsnprintf(char *at, size_t room, const char *format, va_list arguments);
int __wrap_vsnprintf(char *at, size_t room, const char *format, va_list arguments);

/* Formatting takes memory of libc's for many digits; so the second of two may fail. */
static unsigned formats_until_refusal; /* 0: none */

int __wrap_vsnprintf(char *at, size_t room, const char *format, va_list arguments)
{
    if (formats_until_refusal == 0 || --formats_until_refusal != 0)
        return __real_vsnprintf(at, room, format, arguments);
    errno = ENOMEM;
    return -1;
}

#endif
