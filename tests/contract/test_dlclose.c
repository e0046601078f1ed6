/* SPDX-License-Identifier: BSD-2-Clause */
/* A plugin that inlines gets and puts is unloaded while the threads that used it live on: they must
   not have a sequence of its code announced, or the kernel kills them when it next preempts them.

   The control loads the same plugin with its destructor taken away (plugin_control.c). There the
   threads must die, or this test could not fail. */
#include "support.h"

#include <dlfcn.h>
#include <sched.h>

#include "plugin_pool.h"

enum { THREADS = 4, WORK = 1000, SPIN_MS = 50 };

static struct {
    const struct plugin *plugin;
    tp_pool *pool;
    struct support_gate unloaded;
    unsigned worked, wrong, destructed;
} shared;

static const char *plugin_path(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s.so", TP_TEST_PLUGIN_DIR, name);
    return path;
}

/* Whether a file is mapped. */
static bool is_mapped(const char *path)
{
    char line[8192];
    bool mapped = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL)
        return false;
    while (fgets(line, sizeof line, maps) != NULL)
        mapped = mapped || strstr(line, strrchr(path, '/')) != NULL;
    fclose(maps);
    return mapped;
}

/* Long enough to be preempted, by sleeping, by yielding and against its will. */
static void live_on(void)
{
    int64_t end = support_now_ns() + SPIN_MS * INT64_C(1000000);
    support_sleep_ms(1);
    for (unsigned i = 0; i < 100; i++)
        sched_yield();
    while (support_now_ns() < end)
        ;
}

static void *uses_the_plugin(void *unused)
{
    if (!shared.plugin->work(shared.pool, WORK))
        support_add(&shared.wrong, 1);
    support_add(&shared.worked, 1);
    support_gate_wait(&shared.unloaded);
    live_on();
    tp_pool_put(shared.pool, tp_pool_get(shared.pool));
    return unused;
}

/* The plugin's last preparations; whether they could be made. `live`: objects of its own pool. */
static bool prepare_unload(uint64_t *live)
{
    const struct plugin *plugin = shared.plugin;
    *live = 0;
    if (!plugin->work(shared.pool, WORK))
        return false;
    if (plugin->static_pool != NULL)
        *live = support_stats(plugin->static_pool(&shared.destructed)).live;
    return plugin->at_unload == NULL || plugin->at_unload(shared.pool);
}

/* Loads, uses in several threads, unloads, lives on. 0, or what went wrong. */
static int load_use_unload(const char *name, bool *inlined)
{
    pthread_t threads[THREADS];
    char path[4096];
    uint64_t live;
    snprintf(path, sizeof path, "%s", plugin_path(name));
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    shared.plugin = (const struct plugin *)dlsym(handle, "plugin");
    shared.pool = tp_pool_create(&(tp_pool_options){.size = 64});
    shared.unloaded = (struct support_gate)SUPPORT_GATE_INIT;
    support_set(&shared.worked, 0);
    support_set(&shared.wrong, 0);
    support_set(&shared.destructed, 0);
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, uses_the_plugin, NULL) != 0)
            return 3;
    while (support_read(&shared.worked) < THREADS)
        support_sleep_ms(1);
    if (!prepare_unload(&live))
        return 4;
    *inlined = support_inlined(shared.pool);
    if (dlclose(handle) != 0)
        return 5;
    live_on();
    if (is_mapped(path))
        return 5;
    support_gate_open(&shared.unloaded);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tp_gc_collect();
    tp_gc_collect();
    tp_pool_destroy(shared.pool);
    if (support_read(&shared.destructed) != live) /* all by the end of dlclose, none later */
        return 7;
    return support_read(&shared.wrong) != 0 ? 6 : 0;
}

static void threads_live_on_after_dlclose(void **state)
{
    bool inlined;
    (void)state;
    for (unsigned round = 0; round < 5; round++)
        assert_int_equal(load_use_unload("plugin_bare", &inlined), 0);
    print_message("sequences were %s\n", inlined ? "inlined" : "not in use in this mode");
}

static void a_plugins_static_pool_ends_with_it(void **state)
{
    bool inlined;
    (void)state;
    for (unsigned round = 0; round < 3; round++)
        assert_int_equal(load_use_unload("plugin_pool", &inlined), 0);
}

static int without_the_destructor(void)
{
    bool inlined;
    return load_use_unload("plugin_control", &inlined);
}

static void without_the_destructor_they_would_die(void **state)
{
    struct support_result result;
    (void)state;
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 64});
    assert_non_null(pool);
    for (unsigned i = 0; i < 4; i++)
        tp_pool_put(pool, tp_pool_get(pool));
    bool inlined = support_inlined(pool);
    tp_pool_destroy(pool);
    if (!inlined)
        skip(); /* no sequences here: nothing to die of */
    support_run("without_the_destructor", NULL, &result);
    if (!WIFSIGNALED(result.status) || WTERMSIG(result.status) != SIGSEGV)
        fail_msg("status 0x%x, %s", (unsigned)result.status, result.text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_live_on_after_dlclose),
        cmocka_unit_test(a_plugins_static_pool_ends_with_it),
        cmocka_unit_test(without_the_destructor_they_would_die),
    };
    const struct support_scenario scenarios[] = {
        {"without_the_destructor", without_the_destructor},
        {NULL, NULL},
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("dlclose", tests, support_modes);
}
