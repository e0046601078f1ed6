/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools that the collector has a part in, while cycles run: each object has a node of its own, with
   another one behind it, to both of which nothing else leads. Objects are put with them, trimmed,
   reserved, stolen; and each get looks whether they are whole. */
#include "gc_help.h"

struct item {
    struct gc_node *node;
    uint64_t gets;
};
TP_GC_TYPE(item_type, struct item, node);

enum { USERS = 3, HELD = 40, MANY = 2000 };

struct traffic {
    tp_pool *pool;
    unsigned stop, broken, gotten, destructed;
};

static void check_item(struct traffic *traffic, const struct item *item)
{
    struct gc_node *node = item->node;
    if (node != NULL && (!gc_node_is_whole(node) || !gc_node_is_whole(node->next) ||
                         node->next->value != node->value + 1))
        support_add(&traffic->broken, 1);
}

static void got_item(struct traffic *traffic, struct item *item)
{
    support_add(&traffic->gotten, 1);
    item->gets++;
    check_item(traffic, item);
}

static void check_destruct(void *object, void *context)
{
    struct traffic *traffic = context;
    check_item(traffic, object);
    support_add(&traffic->destructed, 1);
}

static void renew(struct item *item, uint64_t value)
{
    struct gc_node *node = gc_node_make(value);
    tp_gc_store(&node->next, gc_node_make(value + 1));
    tp_gc_store(&item->node, node);
}

static void *use(void *argument)
{
    struct traffic *traffic = argument;
    struct item *held[HELD] = {0};
    uint64_t random = (uintptr_t)&random;
    while (support_read(&traffic->stop) == 0) {
        random = random * UINT64_C(6364136223846793005) + 1;
        tp_gc_safepoint();
        struct item **place = &held[(random >> 33) % HELD];
        if (*place == NULL) {
            *place = tp_pool_get(traffic->pool);
            got_item(traffic, *place);
        } else if (random >> 62 == 0) {
            renew(*place, random);
        } else {
            tp_pool_put(traffic->pool, *place);
            *place = NULL;
        }
    }
    for (unsigned i = 0; i < HELD; i++)
        tp_pool_put(traffic->pool, held[i]);
    return NULL;
}

/* The same for many at a time, which go beyond a thread's magazines. */
static void *use_many(void *argument)
{
    struct traffic *traffic = argument;
    void *items[MANY];
    for (uint64_t value = 1; support_read(&traffic->stop) == 0; value += 2) {
        size_t n = tp_pool_get_many(traffic->pool, items, 1 + value % MANY);
        for (size_t i = 0; i < n; i++)
            got_item(traffic, items[i]);
        if (n > 0)
            renew(items[value % n], value);
        tp_pool_put_many(traffic->pool, items, n);
        memset(items, 0, n * sizeof items[0]); /* else this stack keeps them all */
        if (value % 16 == 1)
            tp_pool_trim(traffic->pool);
        if (value % 16 == 9)
            (void)tp_pool_reserve(traffic->pool, 500);
    }
    return NULL;
}

static void run_traffic(unsigned flags)
{
    struct traffic traffic = {.pool = NULL};
    traffic.pool = tp_pool_create(&(tp_pool_options){.name = "items",
                                                     .destruct = check_destruct,
                                                     .context = &traffic,
                                                     .gc_type = &item_type,
                                                     .flags = flags});
    assert_non_null(traffic.pool);
    pthread_t users[USERS + 1];
    gc_ballast_load(GC_BALLAST);
    for (unsigned i = 0; i < USERS; i++)
        users[i] = support_thread(use, &traffic);
    users[USERS] = support_thread(use_many, &traffic);
    for (unsigned i = 0; i < gc_less(60); i++)
        tp_gc_collect();
    support_set(&traffic.stop, 1);
    for (unsigned i = 0; i <= USERS; i++)
        gc_join(users[i]);
    gc_ballast_drop();
    assert_true(support_read(&traffic.gotten) > 1000);
    tp_pool_stats stats = support_stats(traffic.pool);
    assert_int_equal(stats.gets, stats.puts);
    assert_int_equal(stats.idle, stats.live);
    tp_pool_destroy(traffic.pool);
    assert_int_equal(support_read(&traffic.destructed), stats.made);
    assert_int_equal(support_read(&traffic.broken), 0);
}

static void beside_cycles_explicit_objects_are_whole(void **state)
{
    (void)state;
    run_traffic(0);
}

static void beside_cycles_collected_objects_are_whole(void **state)
{
    (void)state;
    run_traffic(TP_POOL_COLLECTED);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beside_cycles_explicit_objects_are_whole),
        cmocka_unit_test(beside_cycles_collected_objects_are_whole),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("pools beside cycles", tests, gc_modes);
}
