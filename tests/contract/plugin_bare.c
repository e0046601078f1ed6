/* SPDX-License-Identifier: BSD-2-Clause */
/* A plugin without a pool of its own, which gets and puts once more while it is unloaded; see
   plugin_pool.h and test_dlclose.c. */
#include "plugin_pool.h"

static bool work(tp_pool *pool, unsigned n)
{
    bool right = true;
    for (unsigned i = 0; i < n; i++) {
        unsigned *object = pool_get(pool);
        if (object == NULL)
            return false;
        *object = i;
        right = right && *object == i;
        pool_put(pool, object);
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
