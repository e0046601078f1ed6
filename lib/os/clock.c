/* SPDX-License-Identifier: BSD-2-Clause */
/* Time, processors, and the kernel's measure of memory pressure. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t tpi_os_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t tpi_os_date_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int64_t tpi_os_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

unsigned tpi_os_cores(void)
{
    cpu_set_t set; /* where it is too small for the machine: an error, and 1 */
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

/* nanosleep is a cancellation point; its caller has something half done. */
void tpi_os_sleep(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    nanosleep(&time, NULL);
    pthread_setcancelstate(state, NULL);
}

/* The file's first line: "some avg10=1.23 avg60=..." (Documentation/accounting/psi.rst). The file
   is opened anew each time: a descriptor kept open would be at the mercy of closefrom(). */
int tpi_os_pressure(const char *path)
{
    char text[128];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    ssize_t n = read(file, text, sizeof text - 1);
    close(file);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    const char *value = strstr(text, "some avg10=");
    if (value == NULL)
        return -1;
    char *end;
    long whole = strtol(value + strlen("some avg10="), &end, 10);
    long hundredths = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    return (int)(whole * 100 + hundredths);
}
