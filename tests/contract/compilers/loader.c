/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the plugin that its argument names (plugin.cc), uses and unloads it, and lives on: the
   kernel ends a thread that is preempted with a sequence of unmapped code announced. */
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

#include <tidepool/pool.h>

int main(int argc, char **argv)
{
    tp_pool_options options = {.size = 64};
    tp_pool_stats stats;
    tp_pool *pool = tp_pool_create(&options);
    void *handle = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (handle == NULL || pool == NULL) {
        fprintf(stderr, "%s\n", argc > 1 ? dlerror() : "which plugin?");
        return 2;
    }
    void (*use)(tp_pool *) = (void (*)(tp_pool *))dlsym(handle, "plugin_use");
    if (use == NULL)
        return 3;
    use(pool);
    if (dlclose(handle) != 0 || dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) != NULL)
        return 4;
    for (unsigned i = 0; i < 20; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    tp_pool_stats_read(pool, &stats);
    return stats.gets == 101 && stats.puts == 101 ? 0 : 5;
}
