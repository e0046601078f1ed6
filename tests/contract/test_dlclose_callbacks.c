/* SPDX-License-Identifier: BSD-2-Clause */
/* A plugin goes whose static pool has idle objects and a destruct of its own: all of them are
   destructed before its code is unmapped, also where dlclose is called in a destruct, which may be
   on the thread that would do the drops; and none is afterwards, even where the process exits.

   What is wrong here ends in a fault within unmapped code. */
#include "support.h"

#include <dlfcn.h>

#include "plugin_callbacks.h"

enum { HOLDERS = 5, THE_ONE = 2, PARTS = 10 };

static const char plugin_path[] = TP_TEST_PLUGIN_DIR "/plugin_callbacks.so";
static unsigned part_destructs, holder_destructs, refused_closes;

/* An object that holds a plugin, or none. */
struct holder {
    void *plugin;
};

static bool is_loaded(void)
{
    void *handle = dlopen(plugin_path, RTLD_NOW | RTLD_NOLOAD);
    if (handle != NULL)
        dlclose(handle);
    return handle != NULL;
}

/* Loads the plugin and lets it leave idle objects. NULL: said why on stderr. */
static void *load(void)
{
    void *handle = dlopen(plugin_path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return NULL;
    }
    support_set(&part_destructs, 0);
    const struct plugin_callbacks *plugin =
        (const struct plugin_callbacks *)dlsym(handle, "plugin_callbacks");
    if (plugin != NULL && plugin->leave_idle(PARTS, &part_destructs))
        return handle;
    fprintf(stderr, "the plugin does not work\n");
    return NULL;
}

static void holder_destruct(void *object, void *context)
{
    struct holder *holder = object;
    (void)context;
    if (holder->plugin != NULL && dlclose(holder->plugin) != 0)
        support_add(&refused_closes, 1);
    holder->plugin = NULL;
    support_add(&holder_destructs, 1);
}

static bool holds_none(const void *object, void *context)
{
    (void)context;
    return ((const struct holder *)object)->plugin == NULL;
}

/* --- dlclose in a destruct --- */

static void collects_twice(tp_pool *pool)
{
    (void)pool;
    tp_gc_collect();
    tp_gc_collect();
}

/* One holder of several, neither the first nor the last in its magazine, unloads the plugin while
   the others' drops are under way. The holders' pool is the older one: a cycle comes to it first,
   when the plugin's objects are doomed too. */
static void a_destruct_unloads(void (*drop)(tp_pool *pool), bool at_once)
{
    struct holder *holders[HOLDERS];
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.name = "holders",
                                                      .size = sizeof(struct holder),
                                                      .destruct = holder_destruct,
                                                      .keep = at_once ? holds_none : NULL});
    assert_non_null(pool);
    support_set(&holder_destructs, 0);
    assert_int_equal(tp_pool_get_many(pool, (void **)holders, HOLDERS), HOLDERS);
    for (unsigned i = 0; i < HOLDERS; i++)
        holders[i]->plugin = NULL;
    holders[THE_ONE]->plugin = load();
    assert_non_null(holders[THE_ONE]->plugin);
    assert_int_equal(support_read(&part_destructs), 0);
    tp_pool_put_many(pool, (void **)holders, HOLDERS);
    if (at_once) {
        assert_int_equal(support_read(&holder_destructs), 1);
        assert_false(is_loaded());
    }
    drop(pool);
    assert_int_equal(support_read(&holder_destructs), HOLDERS);
    assert_int_equal(support_read(&part_destructs), PARTS);
    assert_int_equal(support_read(&refused_closes), 0);
    assert_false(is_loaded());
    collects_twice(NULL);
    assert_int_equal(support_read(&part_destructs), PARTS);
    if (drop == tp_pool_destroy)
        return;
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.live, 0);
    assert_int_equal(stats.dropped, HOLDERS);
    tp_pool_destroy(pool);
}

static void a_trims_destruct_may_unload(void **state)
{
    (void)state;
    a_destruct_unloads(tp_pool_trim, false);
    a_destruct_unloads(tp_pool_trim, false);
}

static void a_cycles_destruct_may_unload(void **state)
{
    (void)state;
    a_destruct_unloads(collects_twice, false);
}

static void a_pools_end_may_unload(void **state)
{
    (void)state;
    a_destruct_unloads(tp_pool_destroy, false);
}

static void a_puts_destruct_may_unload(void **state)
{
    (void)state;
    a_destruct_unloads(tp_pool_trim, true);
}

/* --- dlclose while the process exits --- */

static void *handle_at_exit;

/* The library's own handler ran before this one: it is the younger. */
static void unload_at_exit(void)
{
    if (dlclose(handle_at_exit) != 0 || is_loaded())
        _exit(3);
    collects_twice(NULL); /* the plugin's pool may stay, and its destruct must not be called */
    tp_heap_free(tp_heap_alloc(100));
    _exit(0);
}

static int unloads_at_exit(void)
{
    if (atexit(unload_at_exit) != 0)
        return 4;
    handle_at_exit = load();
    return handle_at_exit == NULL ? 5 : 6; /* 6 as well where the handler does not run */
}

static void an_exit_handler_may_unload(void **state)
{
    (void)state;
    support_passes("unloads_at_exit", NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trims_destruct_may_unload),
        cmocka_unit_test(a_cycles_destruct_may_unload),
        cmocka_unit_test(a_pools_end_may_unload),
        cmocka_unit_test(a_puts_destruct_may_unload),
        cmocka_unit_test(an_exit_handler_may_unload),
    };
    const struct support_scenario scenarios[] = {
        {"unloads_at_exit", unloads_at_exit},
        {NULL, NULL},
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("dlclose_callbacks", tests, support_modes);
}
