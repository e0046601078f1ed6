// SPDX-License-Identifier: BSD-2-Clause
// A plugin with a static object that puts what it holds in its destructor, which dlclose runs.
#include <tidepool/pool.h>

static tp_pool *program_pool;

struct Keeper {
    void *object;
    ~Keeper() { tp_pool_put(program_pool, object); }
};

static Keeper keeper;

extern "C" void plugin_use(tp_pool *pool)
{
    program_pool = pool;
    for (unsigned i = 0; i < 100; i++)
        tp_pool_put(pool, tp_pool_get(pool));
    keeper.object = tp_pool_get(pool);
}
