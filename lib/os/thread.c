/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads: starting one, being told when one ends, fork. */
#include <sched.h>
#include <signal.h>

#include "os/os.h"

static pthread_key_t exit_keys[TPI_EXIT_HOOKS];

bool tpi_os_thread_start(void *(*run)(void *argument), void *argument)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error == 0;
}

void tpi_os_yield(void)
{
    sched_yield();
}

bool tpi_os_thread_exit_hook(enum tpi_exit_hook hook, void (*at_exit)(void *mark))
{
    return pthread_key_create(&exit_keys[hook], at_exit) == 0;
}

bool tpi_os_thread_mark(enum tpi_exit_hook hook, void *mark)
{
    return pthread_setspecific(exit_keys[hook], mark) == 0;
}

bool tpi_os_fork_hooks(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return pthread_atfork(prepare, parent, child) == 0;
}
