/* SPDX-License-Identifier: BSD-2-Clause */
/* A plugin that uses the library by its header alone, with a static pool; see plugin_pool.h and
   test_dlclose.c. */
#include "plugin_pool.h"

struct widget {
    unsigned value[12];
};

static unsigned *destructed;

static void widget_destruct(void *object, void *context)
{
    (void)object;
    (void)context;
    if (destructed != NULL)
        __atomic_fetch_add(destructed, 1, __ATOMIC_SEQ_CST);
}

TP_POOL_DEFINE(widget, struct widget, .destruct = widget_destruct)

static bool work(tp_pool *pool, unsigned n)
{
    bool right = true;
    for (unsigned i = 0; i < n; i++) {
        struct widget *object = pool_get(pool), *own = widget_get();
        unsigned *memory = tp_heap_alloc(sizeof *memory);
        if (object == NULL || own == NULL || memory == NULL)
            return false;
        object->value[0] = own->value[0] = *memory = i;
        right = right && object->value[0] == i && own->value[0] == i && *memory == i;
        pool_put(pool, object);
        widget_put(own);
        tp_heap_free(memory);
    }
    return right;
}

static tp_pool *static_pool(unsigned *counter)
{
    destructed = counter;
    return widget_pool();
}

extern const struct plugin plugin;
const struct plugin plugin = {.work = work, .static_pool = static_pool};
