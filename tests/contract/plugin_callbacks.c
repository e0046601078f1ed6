/* SPDX-License-Identifier: BSD-2-Clause */
/* A plugin with callbacks of its own; see plugin_callbacks.h, test_dlclose_callbacks.c. */
#include "plugin_callbacks.h"

#include <tidepool.h>

struct part {
    unsigned value[12];
};

static unsigned *program_destructs;

static void part_destruct(void *object, void *context)
{
    (void)object;
    (void)context;
    __atomic_fetch_add(program_destructs, 1, __ATOMIC_SEQ_CST);
}

TP_POOL_DEFINE(part, struct part, .destruct = part_destruct)

static bool leave_idle(unsigned n, unsigned *destructs)
{
    struct part *parts[PLUGIN_OBJECTS_MAX];
    unsigned got = 0;
    program_destructs = destructs;
    while (got < n && (parts[got] = part_get()) != NULL)
        got++;
    for (unsigned i = 0; i < got; i++)
        part_put(parts[i]);
    return got == n;
}

extern const struct plugin_callbacks plugin_callbacks;
const struct plugin_callbacks plugin_callbacks = {.leave_idle = leave_idle};
