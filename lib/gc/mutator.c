/* SPDX-License-Identifier: BSD-2-Clause */
/* mutators: attaching, polls, blocking regions. */
#include "gc/collector.h"

static struct tp_detail_gc_run no_runs[TPI_LAYOUTS_MAX];
__thread struct tp_detail_gc_self tp_detail_gc_self = {no_runs, 0, 0};
__thread struct tpi_mutator *tpi_mutator_self __attribute__((tls_model("initial-exec")));

struct tpi_mutator *tpi_mutator_ensure(void)
{
    return tpi_mutator_self;
}

void tpi_runtime_enter(struct tpi_mutator *mutator)
{
    (void)mutator;
}

void tpi_runtime_leave(struct tpi_mutator *mutator)
{
    (void)mutator;
}

void tpi_mutator_poll(struct tpi_mutator *mutator)
{
    (void)mutator;
}

void tpi_mutators_visit(void (*visit)(struct tpi_mutator *mutator, void *context), void *context)
{
    (void)visit;
    (void)context;
}

void tp_detail_gc_safepoint(void)
{
}

int tp_gc_thread_attach(void)
{
    return tpi_mutator_ensure() != NULL ? 0 : -1;
}

void tp_gc_thread_detach(void)
{
}

void tp_gc_blocking_begin(void)
{
}

void tp_gc_blocking_end(void)
{
}

void *tp_gc_blocking_call(void *(*fn)(void *arg), void *arg)
{
    return fn(arg);
}

void tpi_mutators_fork_prepare(void)
{
}

void tpi_mutators_fork_parent(void)
{
}

void tpi_mutators_fork_child(void)
{
}
