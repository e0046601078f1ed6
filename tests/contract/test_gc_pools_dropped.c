/* SPDX-License-Identifier: BSD-2-Clause */
/* TIDEPOOL=poolcheck and collected pools: an object that was dropped is the collector's, and may be
   pointed at still; who puts it again has put it twice. */
#include "gc_help.h"

struct item {
    struct gc_node *node;
};
TP_GC_TYPE(item_type, struct item, node);

static bool keep_nothing(const void *object, void *context)
{
    (void)object;
    (void)context;
    return false;
}

/* The first put drops it; to the collector it is an object still. */
static int put_dropped(void)
{
    tp_pool *pool = tp_pool_create(&(tp_pool_options){
        .name = "dropping", .size = 64, .keep = keep_nothing, .flags = TP_POOL_COLLECTED});
    void *object = tp_pool_get(pool);
    tp_pool_put(pool, object);
    tp_pool_put(pool, object);
    return 0;
}

/* Two cycles drop it, and it is put into another pool; its own does not exist any more. */
static int put_long_dropped(void)
{
    const tp_pool_options options = {.size = 64, .name = "early", .flags = TP_POOL_COLLECTED};
    tp_pool *pool = tp_pool_create(&options), *other;
    void *volatile object = tp_pool_get(pool);
    tp_pool_put(pool, object);
    tp_gc_collect();
    tp_gc_collect();
    tp_pool_destroy(pool);
    other =
        tp_pool_create(&(tp_pool_options){.size = 64, .name = "late", .flags = TP_POOL_COLLECTED});
    tp_pool_put(other, object);
    return 0;
}

/* Where dropped objects were there are new ones soon: the same pool's, other pools', of each kind.
 */
static int reuse_dropped(void)
{
    enum { N = 2000 };
    static void *objects[N];
    tp_pool_options options = {.size = 8192, .flags = TP_POOL_COLLECTED};
    for (unsigned round = 0; round < 6; round++) {
        options.flags = round % 3 != 2 ? TP_POOL_COLLECTED : 0;
        options.keep = round % 2 == 0 ? keep_nothing : NULL;
        options.gc_type = round >= 3 ? &item_type : NULL;
        tp_pool *pool = tp_pool_create(&options);
        if (tp_gc_root_add(objects, sizeof objects) != 0 || tp_pool_get_many(pool, objects, N) != N)
            return 1;
        tp_pool_put_many(pool, objects, N);
        memset(objects, 0, sizeof objects);
        tp_pool_destroy(pool);
        tp_gc_collect();
        tp_gc_collect();
        if (tp_gc_root_remove(objects) != 0)
            return 1;
    }
    return 0;
}

static void poolcheck_knows_what_was_dropped(void **state)
{
    (void)state;
    support_aborts("put_dropped", "poolcheck=1", "double put", "'dropping'");
    support_aborts("put_long_dropped", "poolcheck=1", "double put", "'late'");
    support_passes("reuse_dropped", "poolcheck=1");
    support_passes("reuse_dropped", "poolcheck=3");
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {{"put_dropped", put_dropped},
                                                        {"put_long_dropped", put_long_dropped},
                                                        {"reuse_dropped", reuse_dropped},
                                                        {NULL, NULL}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poolcheck_knows_what_was_dropped),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("collected pools' dropped objects", tests, support_modes);
}
