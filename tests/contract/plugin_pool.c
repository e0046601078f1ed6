/* SPDX-License-Identifier: BSD-2-Clause */
/* A plugin that uses the library by its header alone; see plugin_pool.h, test_dlclose.c. */
#include "plugin_pool.h"

struct widget {
    unsigned value[12];
};

TP_POOL_DEFINE(widget, struct widget)

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

/* What C++ does for static objects: atexit may be a sanitizer's, which knows no plugins. */
int __cxa_atexit(void (*handler)(void *), void *argument, void *object);
extern __attribute__((visibility("hidden"))) void *__dso_handle;

static void last_words(void *pool)
{
    pool_put(pool, pool_get(pool));
}

static bool at_unload(tp_pool *pool)
{
    return __cxa_atexit(last_words, pool, &__dso_handle) == 0;
}

extern const struct plugin plugin;
const struct plugin plugin = {.work = work, .at_unload = at_unload};
