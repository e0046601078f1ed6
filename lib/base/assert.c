/* SPDX-License-Identifier: BSD-2-Clause */
/* The one line before an abort, or a warning. vsnprintf into the stack: no allocation, since the
   heap may be what is broken. No cancellation point: who warns may have something half done. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"

static void say(const char *format, va_list arguments)
{
    char line[512];
    int saved = errno, state;
    const char prefix[] = "tidepool: ";
    size_t used = sizeof prefix - 1;
    memcpy(line, prefix, used);
    int n = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    if (n > 0)
        used += (size_t)n < sizeof line - used - 1 ? (size_t)n : sizeof line - used - 2;
    line[used++] = '\n';
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    if (write(STDERR_FILENO, line, used) < 0)
        used = 0; /* nobody listens: nothing is left to tell */
    pthread_setcancelstate(state, NULL);
    errno = saved;
}

void tpi_fatal(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    abort();
}

void tpi_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}
