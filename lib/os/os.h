/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/os: the only room that makes system calls. Functions that can fail return NULL, false or -1
   and leave errno. */
#ifndef TPI_OS_H
#define TPI_OS_H

#include <signal.h>

#include "base/base.h"

/* --- pages.c: address space. Sizes and addresses are multiples of the system's page (4 KiB),
   64 KiB on some arm64: callers use multiples of 64 KiB or of tpi_os_page_bytes(). --- */

size_t tpi_os_page_bytes(void);
/* Address space without memory; align is a power of two. */
void *tpi_os_reserve(size_t bytes, size_t align);
/* Makes reserved space usable; it reads as zero when first touched. */
bool tpi_os_commit(void *at, size_t bytes);
/* Both at once, without huge pages: for tables. */
void *tpi_os_map(size_t bytes);
void tpi_os_unmap(void *at, size_t bytes);
/* Committed space faults at any use until it is committed anew; what is in it stays. */
bool tpi_os_hide(void *at, size_t bytes);
/* Gives the memory back; it reads as zero afterwards. */
void tpi_os_release(void *at, size_t bytes);
/* Moves the pages of one committed range to another, at least as large, whose contents are lost: it
   holds the moved pages, then zeroes. The old range stays committed and reads as zero. False:
   nothing was moved, but what was in `to` may be lost. */
bool tpi_os_move(void *from, size_t bytes, void *to, size_t to_bytes);

/* --- thread.c --- */

/* Detached, with all signals blocked. */
bool tpi_os_thread_start(void *(*run)(void *argument), void *argument);
void tpi_os_yield(void); /* lets other threads run */
/* at_exit runs in each thread that called tpi_os_thread_mark, when it ends: one for each hook, in
   no order that may be relied on. False: the process has no key left. */
enum tpi_exit_hook { TPI_EXIT_CACHES, TPI_EXIT_GC, TPI_EXIT_SCRATCH, TPI_EXIT_HOOKS };
bool tpi_os_thread_exit_hook(enum tpi_exit_hook hook, void (*at_exit)(void *mark));
bool tpi_os_thread_mark(enum tpi_exit_hook hook, void *mark); /* not NULL; false: ENOMEM */
bool tpi_os_fork_hooks(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* --- task.c: threads as the kernel sees them. A: may be called in a signal handler --- */

enum { TPI_TASK_NAME_BYTES = 16 };
int32_t tpi_os_tid(void);                                             /* A */
void tpi_os_task_name(int32_t tid, char name[TPI_TASK_NAME_BYTES]); /* "": no such thread */
bool tpi_os_task_blocks(int32_t tid, int number); /* it blocks that signal, as /proc says */
struct tpi_os_stack {
    uintptr_t low, high;
    bool grows; /* the first thread's: low is how far it may come, not what is mapped */
};
bool tpi_os_stack_bounds(struct tpi_os_stack *stack); /* the calling thread's */
/* Whether the calling thread runs on its sigaltstack(2), and where that is. A */
bool tpi_os_alternate_stack(uintptr_t *low, uintptr_t *high);
/* The lowest address from which up to `end` all pages are mapped. A */
uintptr_t tpi_os_mapped_below(uintptr_t end);

bool tpi_os_signal_is_free(int number); /* a real-time signal that nobody handles */
/* Restarts system calls; runs on the stack that it interrupts; all signals are blocked in it. */
bool tpi_os_signal_handle(int number, void (*handler)(int, siginfo_t *, void *));
bool tpi_os_signal_send(int32_t tid, int number); /* to a thread of this process */
/* Where the thread was interrupted, of the handler's third argument. A */
uintptr_t tpi_os_signal_pc(const void *context);
void tpi_os_signal_set_pc(void *context, uintptr_t pc);

/* Sleeps while *word is value, at most so long (0: without end); or wakes up for no reason. Both
   keep errno. A */
void tpi_os_wait_on(uint32_t *word, uint32_t value, int64_t timeout_ns);
void tpi_os_wake_all(uint32_t *word);

/* --- data.c --- */

/* Calls visit for the writable data of the program and each shared object, under the loader's lock,
   but for the one that holds the address `without`. */
void tpi_os_data_visit(const void *without,
                       void (*visit)(uintptr_t from, uintptr_t to, void *context), void *context);
/* Whether the address is in the program itself or in one of the shared objects that were loaded
   with it, which no dlclose unmaps. False for all others, and for some of those. */
bool tpi_os_stays_mapped(const void *address);

/* --- clock.c --- */

int64_t tpi_os_now_ns(void);  /* CLOCK_MONOTONIC */
int64_t tpi_os_date_ns(void); /* since 1970 */
int64_t tpi_os_cpu_ns(void);  /* of processor time that the calling thread has used */
unsigned tpi_os_cores(void);  /* that this process may run on; at least 1 */
void tpi_os_sleep(int64_t ns); /* no cancellation point */
/* Memory pressure as the kernel's PSI file says: the share of the last 10 s, in hundredths of a
   percent, in which some task waited for memory. -1 where there is no such file. */
int tpi_os_pressure(const char *path);

/* --- rseq.c: restartable sequences --- */

/* Once, before any other call: whether this process can close limits by membarrier. */
bool tpi_os_rseq_start(void);
/* Where this thread announces a sequence (the rseq_cs word that the kernel reads); registers the
   thread where libc has not. NULL: this thread has none. */
uint64_t *tpi_os_rseq_announcement(void);
/* Every sequence that any thread of the process had begun before is aborted or complete after. */
void tpi_os_rseq_fence(void);

#endif
