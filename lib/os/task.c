/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads as the kernel sees them: their ids, names and stacks; asking one by a signal; waiting on
   a word of memory. What says so may be called from a signal handler. */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "os/os.h"

int32_t tpi_os_tid(void)
{
    return (int32_t)syscall(SYS_gettid);
}

/* These are cancellation points; the caller may hold a lock. */
static size_t read_file(const char *path, char *into, size_t bytes)
{
    ssize_t n = -1;
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        n = read(file, into, bytes - 1);
        close(file);
    }
    pthread_setcancelstate(state, NULL);
    into[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

void tpi_os_task_name(int32_t tid, char name[TPI_TASK_NAME_BYTES])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)tid);
    size_t n = read_file(path, name, TPI_TASK_NAME_BYTES);
    if (n > 0 && name[n - 1] == '\n')
        name[n - 1] = '\0';
}

bool tpi_os_task_blocks(int32_t tid, int number)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)tid);
    read_file(path, text, sizeof text);
    unsigned long long mask = 0;
    const char *line = strstr(text, "\nSigBlk:");
    if (line == NULL || sscanf(line, "\nSigBlk: %llx", &mask) != 1)
        return false;
    return (mask >> (number - 1) & 1) != 0;
}

/* --- stacks --- */

bool tpi_os_stack_bounds(struct tpi_os_stack *stack)
{
    enum { FIRST_STACK_BYTES = 64 << 20 };
    pthread_attr_t attributes;
    void *low;
    size_t bytes;
    int error = pthread_getattr_np(pthread_self(), &attributes);
    if (error == 0) {
        error = pthread_attr_getstack(&attributes, &low, &bytes);
        pthread_attr_destroy(&attributes);
    }
    if (error != 0) {
        errno = error;
        return false;
    }
    stack->low = (uintptr_t)low;
    stack->high = stack->low + bytes;
    uintptr_t given = getauxval(AT_RANDOM); /* what the kernel put on the first thread's */
    stack->grows = given >= stack->low && given < stack->high;
    /* The limit may be raised later; the kernel maps nothing else this close. */
    if (stack->grows)
        stack->low = tpi_min(stack->low, stack->high - FIRST_STACK_BYTES);
    return true;
}

bool tpi_os_alternate_stack(uintptr_t *low, uintptr_t *high)
{
    stack_t stack;
    if (sigaltstack(NULL, &stack) != 0 || (stack.ss_flags & SS_ONSTACK) == 0)
        return false;
    *low = (uintptr_t)stack.ss_sp;
    *high = *low + stack.ss_size;
    return true;
}

uintptr_t tpi_os_mapped_below(uintptr_t end)
{
    enum { STEP_PAGES = 64 };
    unsigned char resident[STEP_PAGES];
    int saved = errno;
    uintptr_t page = tpi_os_page_bytes(), low = end / page * page;
    for (uintptr_t pages = STEP_PAGES; pages > 0; pages /= 2)
        while (low > pages * page &&
               mincore((void *)(low - pages * page), pages * page, resident) == 0)
            low -= pages * page;
    errno = saved;
    return low;
}

/* --- signals --- */

bool tpi_os_signal_is_free(int number)
{
    struct sigaction now;
    return number >= SIGRTMIN && number <= SIGRTMAX && sigaction(number, NULL, &now) == 0 &&
           (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_DFL;
}

/* All other signals wait until it is over: a handler that jumped out of it would leave it half
   done. */
bool tpi_os_signal_handle(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&action.sa_mask);
    return sigaction(number, &action, NULL) == 0;
}

bool tpi_os_signal_send(int32_t tid, int number)
{
    return syscall(SYS_tgkill, getpid(), tid, number) == 0;
}

#if defined(__x86_64__)
uintptr_t tpi_os_signal_pc(const void *context)
{
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

void tpi_os_signal_set_pc(void *context, uintptr_t pc)
{
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}
#else
uintptr_t tpi_os_signal_pc(const void *context)
{
    return ((const ucontext_t *)context)->uc_mcontext.pc;
}

void tpi_os_signal_set_pc(void *context, uintptr_t pc)
{
    ((ucontext_t *)context)->uc_mcontext.pc = pc;
}
#endif

/* --- waiting --- */

void tpi_os_wait_on(uint32_t *word, uint32_t value, int64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = timeout_ns / 1000000000,
                               .tv_nsec = timeout_ns % 1000000000};
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ns > 0 ? &timeout : NULL, NULL, 0);
    errno = saved;
}

void tpi_os_wake_all(uint32_t *word)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
    errno = saved;
}
