/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/os: the only room that makes system calls. Functions that can fail return NULL, false or -1
   and leave errno. */
#ifndef TPI_OS_H
#define TPI_OS_H

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

/* Detached, with all signals blocked. One at a time: nobody calls it again before run began. */
bool tpi_os_thread_start(void (*run)(void *argument), void *argument);
/* at_exit runs in each thread that called tpi_os_thread_mark, when it ends: one for each hook, in
   no order that may be relied on. False: the process has no key left. */
enum tpi_exit_hook { TPI_EXIT_CACHES, TPI_EXIT_SCRATCH, TPI_EXIT_HOOKS };
bool tpi_os_thread_exit_hook(enum tpi_exit_hook hook, void (*at_exit)(void *mark));
bool tpi_os_thread_mark(enum tpi_exit_hook hook, void *mark); /* not NULL; false: ENOMEM */
bool tpi_os_fork_hooks(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* --- clock.c --- */

int64_t tpi_os_now_ns(void); /* CLOCK_MONOTONIC */
void tpi_os_sleep(int64_t ns);
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
