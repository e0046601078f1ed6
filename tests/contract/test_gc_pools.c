/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools and the collector: explicit objects that point at collected ones, and pools whose objects
   are collected. What they hold lives while they are in use or idle, and dies with them. */
#include "gc_help.h"

struct item {
    struct gc_node *node;
    uint64_t gets;
};
TP_GC_TYPE(item_type, struct item, node);

static struct item *root;
static unsigned destructed;

static void count_destruct(void *object, void *context)
{
    (void)object;
    (void)context;
    support_add(&destructed, 1);
}

static tp_pool *created(unsigned flags)
{
    tp_pool *pool = tp_pool_create(&(tp_pool_options){
        .name = "items", .destruct = count_destruct, .gc_type = &item_type, .flags = flags});
    assert_non_null(pool);
    support_set(&destructed, 0);
    return pool;
}

static const unsigned both_kinds[] = {0, TP_POOL_COLLECTED};

/* --- what an object holds. All on threads that end --- */

struct scene {
    tp_pool *pool;
    struct item *in_use; /* an explicit one; or a pointer that nobody reads */
    tp_gc_weak *item, *node;
    bool idle;
};

static void set_scene(void *arg)
{
    struct scene *scene = arg;
    struct item *item = tp_pool_get(scene->pool);
    if (item == NULL || item->node != NULL || item->gets != 0)
        abort();
    tp_gc_store(&item->node, gc_node_make(5));
    scene->node = tp_gc_weak_make(item->node);
    scene->item = tp_gc_weak_make(item);
    scene->in_use = item;
    if (!scene->idle)
        return;
    scene->in_use = NULL; /* it is on a stack that is searched */
    tp_pool_put(scene->pool, item);
}

static void end_scene(struct scene *scene)
{
    tp_gc_weak_free(scene->item);
    tp_gc_weak_free(scene->node);
    tp_pool_destroy(scene->pool);
}

static void put_in_use(void *arg)
{
    struct scene *scene = arg;
    tp_pool_put(scene->pool, scene->in_use);
}

static void explicit_objects_in_use_keep_what_they_hold(void **state)
{
    (void)state;
    struct scene scene = {.pool = created(0)};
    gc_elsewhere(set_scene, &scene);
    assert_null(scene.item); /* it is not collected itself */
    for (unsigned i = 0; i < 3; i++) {
        tp_gc_collect();
        assert_true(gc_lives(scene.node));
    }
    assert_true(gc_node_is_whole(scene.in_use->node));
    gc_elsewhere(put_in_use, &scene);
    tp_pool_trim(scene.pool);
    tp_gc_collect();
    assert_false(gc_lives(scene.node));
    assert_int_equal(support_read(&destructed), 1);
    end_scene(&scene);
}

static void idle_objects_keep_what_they_hold_for_one_cycle(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SUPPORT_COUNT(both_kinds); i++) {
        struct scene scene = {.pool = created(both_kinds[i]), .idle = true};
        gc_elsewhere(set_scene, &scene);
        tp_gc_collect();
        assert_true(gc_lives(scene.node));
        assert_int_equal(support_read(&destructed), 0);
        /* The victim is dropped before this cycle marks; so it is gone with it. */
        tp_gc_collect();
        assert_int_equal(support_read(&destructed), 1);
        assert_false(gc_lives(scene.node));
        if (both_kinds[i] == TP_POOL_COLLECTED)
            assert_false(gc_lives(scene.item));
        end_scene(&scene);
    }
}

static void a_forgotten_object_is_collected_without_destruct(void **state)
{
    (void)state;
    struct scene scene = {.pool = created(TP_POOL_COLLECTED)};
    gc_elsewhere(set_scene, &scene);
    scene.in_use = NULL;
    tp_gc_collect();
    assert_false(gc_lives(scene.item));
    assert_false(gc_lives(scene.node));
    assert_int_equal(support_read(&destructed), 0);
    tp_pool_stats stats = support_stats(scene.pool);
    assert_int_equal(stats.made, 1);
    assert_int_equal(stats.live, 1); /* as far as the pool knows */
    assert_int_equal(stats.idle, 0);
    end_scene(&scene);
}

static void collected_objects_are_found_from_the_heap(void **state)
{
    (void)state;
    struct scene scene = {.pool = created(TP_POOL_COLLECTED)};
    gc_elsewhere(set_scene, &scene);
    tp_gc_store(&root, scene.in_use);
    scene.in_use = NULL;
    for (unsigned i = 0; i < 3; i++) {
        tp_gc_collect();
        assert_true(gc_lives(scene.item));
        assert_true(gc_node_is_whole(root->node));
    }
    tp_gc_store(&root, (struct item *)NULL);
    tp_gc_collect();
    assert_false(gc_lives(scene.item));
    end_scene(&scene);
}

static void trim_destructs_and_drops(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SUPPORT_COUNT(both_kinds); i++) {
        struct scene scene = {.pool = created(both_kinds[i]), .idle = true};
        gc_elsewhere(set_scene, &scene);
        tp_pool_trim(scene.pool);
        assert_int_equal(support_read(&destructed), 1);
        assert_int_equal(support_stats(scene.pool).live, 0);
        tp_gc_collect();
        assert_false(gc_lives(scene.node));
        end_scene(&scene);
    }
}

/* --- objects of the two kinds are pools' objects like others --- */

static void fill_one(void *arg)
{
    struct item *item = tp_pool_get(arg);
    item->gets = 77;
    tp_pool_put(arg, item);
}

static int check_zero(void *object, void *context)
{
    const struct item *item = object;
    (void)context;
    return item->node == NULL && item->gets == 0 ? 0 : -EIO;
}

static void construct_sees_zeroes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SUPPORT_COUNT(both_kinds); i++) {
        tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = sizeof(struct item) + 40,
                                                          .construct = check_zero,
                                                          .gc_type = &item_type,
                                                          .flags = both_kinds[i]});
        assert_non_null(pool);
        for (unsigned round = 0; round < 50; round++) {
            gc_elsewhere(fill_one, pool);
            struct item *item = tp_pool_get(pool);
            assert_non_null(item);
            memset((char *)item + sizeof *item, 0xff, 40); /* behind the type's: the pool's too */
            item->gets = round + 1;
            tp_pool_put(pool, item);
            tp_pool_trim(pool);
        }
        tp_pool_destroy(pool);
    }
}

static void many_at_once_and_reserve(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SUPPORT_COUNT(both_kinds); i++) {
        tp_pool *pool = created(both_kinds[i]);
        void *items[200];
        assert_int_equal(tp_pool_reserve(pool, 150), 150);
        tp_gc_collect();
        assert_int_equal(support_stats(pool).idle, 150);
        assert_int_equal(tp_pool_get_many(pool, items, 200), 200);
        assert_int_equal(support_stats(pool).hits, 150);
        for (unsigned n = 0; n < 200; n++)
            tp_gc_store(&((struct item *)items[n])->node, gc_node_make(n));
        tp_pool_put_many(pool, items, 200);
        memset(items, 0, sizeof items);
        tp_gc_collect();
        assert_int_equal(tp_pool_get_many(pool, items, 200), 200);
        for (unsigned n = 0; n < 200; n++)
            assert_true(gc_node_is_whole(((struct item *)items[n])->node));
        tp_pool_put_many(pool, items, 200);
        tp_pool_destroy(pool);
        assert_int_equal(support_read(&destructed), 200);
    }
}

static void leaves_may_be_pooled(void **state)
{
    (void)state;
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 100, .flags = TP_POOL_COLLECTED});
    char *leaf = tp_pool_get(pool), *other = tp_pool_get(pool);
    assert_non_null(leaf);
    memset(leaf, 0x11, 100);
    memset(other, 0x22, 100);
    for (unsigned i = 0; i < 100; i++)
        assert_true(leaf[i] == 0x11);
    tp_pool_put(pool, leaf);
    tp_gc_collect();
    assert_true(other[99] == 0x22);
    tp_pool_put(pool, other);
    tp_pool_destroy(pool);
}

static void a_destroyed_pool_waits_for_nobody(void **state)
{
    (void)state;
    /* More pools than there can be at a time, each with an object that never comes back. */
    for (unsigned i = 0; i < TP_POOLS_MAX + 200; i++) {
        tp_pool *pool = tp_pool_create(
            &(tp_pool_options){.gc_type = &item_type, .flags = TP_POOL_COLLECTED, .idle_max = 10});
        if (pool == NULL)
            fail_msg("pool %u: errno %d", i, errno);
        void *forgotten = tp_pool_get(pool), *idle = tp_pool_get(pool);
        assert_non_null(forgotten);
        tp_pool_put(pool, idle);
        tp_pool_destroy(pool);
    }
}

TP_POOL_DEFINE(held, struct item, .gc_type = &item_type)
TP_POOL_DEFINE(free_going, struct item, .gc_type = &item_type, .flags = TP_POOL_COLLECTED)

static void static_pools_may_be_of_both_kinds(void **state)
{
    (void)state;
    struct item *one = held_get(), *two = free_going_get();
    assert_non_null(one);
    assert_non_null(two);
    tp_gc_store(&one->node, gc_node_make(1));
    tp_gc_store(&two->node, gc_node_make(2));
    held_put(one);
    free_going_put(two);
    tp_gc_collect();
    one = held_get();
    two = free_going_get();
    assert_true(gc_node_is_whole(one->node) && gc_node_is_whole(two->node));
    held_put(one);
    free_going_put(two);
}

static void *make_nothing(void *context)
{
    (void)context;
    return NULL;
}

static void refuses(const tp_pool_options *options)
{
    errno = 0;
    tp_pool *pool = tp_pool_create(options);
    assert_null(pool);
    assert_int_equal(errno, EINVAL);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    refuses(&(tp_pool_options){.flags = TP_POOL_COLLECTED});
    refuses(&(tp_pool_options){.size = 8, .gc_type = &item_type});
    refuses(&(tp_pool_options){.gc_type = &item_type, .align = 32});
    refuses(&(tp_pool_options){.size = 64, .align = 32, .flags = TP_POOL_COLLECTED});
    refuses(&(tp_pool_options){.size = 64, .live_max = 3, .flags = TP_POOL_COLLECTED});
    refuses(&(tp_pool_options){
        .gc_type = &item_type, .make = make_nothing, .destruct = count_destruct});
    refuses(&(tp_pool_options){
        .flags = TP_POOL_COLLECTED, .make = make_nothing, .destruct = count_destruct});
    refuses(&(tp_pool_options){.size = 64, .flags = TP_POOL_COLLECTED | 2});
}

/* --- threads --- */

static void attach_and_detach(void *arg)
{
    tp_pool *pool = arg;
    tp_pool_put(pool, tp_pool_get(pool));
    tp_gc_thread_detach();
    if (support_inlined(pool))
        abort(); /* a get would attach nobody */
    struct item *item = tp_pool_get(pool);
    tp_gc_collect();
    tp_gc_store(&item->node, gc_node_make(3));
    tp_gc_collect();
    if (!gc_node_is_whole(item->node))
        abort();
    tp_pool_put(pool, item);
}

static void a_get_attaches_its_thread(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SUPPORT_COUNT(both_kinds); i++) {
        tp_pool *pool = created(both_kinds[i]);
        gc_elsewhere(attach_and_detach, pool);
        tp_pool_destroy(pool);
    }
}

static void *wait_for_one(void *arg)
{
    struct item *item = tp_pool_get_wait(arg, -1);
    bool whole = item != NULL && gc_node_is_whole(item->node);
    tp_pool_put(arg, item);
    return whole ? arg : NULL;
}

/* With no signal, one that waits unannounced would hold up the cycle, with a line that says so. */
static int collect_beside_a_waiter(void)
{
    tp_pool *pool =
        tp_pool_create(&(tp_pool_options){.gc_type = &item_type, .live_max = 1, .name = "one"});
    struct item *item = tp_pool_get(pool);
    tp_gc_store(&item->node, gc_node_make(4));
    pthread_t waiter = support_thread(wait_for_one, pool);
    while (support_stats(pool).waiting == 0)
        gc_sleep_ms(1);
    gc_sleep_ms(20);
    for (unsigned i = 0; i < 3; i++)
        tp_gc_collect();
    tp_pool_put(pool, item);
    void *got = gc_join_result(waiter);
    tp_pool_destroy(pool);
    return got == pool ? 0 : 1;
}

static void who_waits_holds_up_no_cycle(void **state)
{
    struct support_result result;
    (void)state;
    support_run("collect_beside_a_waiter", "gcsignal=0", &result);
    if (!support_has_passed(&result) || result.text[0] != '\0')
        fail_msg("status 0x%x: %s", (unsigned)result.status, result.text);
}

/* --- abuse --- */

static int put_twice(void)
{
    tp_pool *pool =
        tp_pool_create(&(tp_pool_options){.name = "twice", .size = 64, .flags = TP_POOL_COLLECTED});
    void *object = tp_pool_get(pool);
    tp_pool_put(pool, object);
    tp_pool_put(pool, object);
    return 0;
}

static int put_foreign(void)
{
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.name = "foreign", .size = 64, .flags = TP_POOL_COLLECTED});
    tp_pool_put(pool, tp_gc_alloc_leaf(64));
    return 0;
}

static int forget_one(void)
{
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.name = "forgotten", .size = 64, .flags = TP_POOL_COLLECTED});
    bool got = tp_pool_get(pool) != NULL;
    for (unsigned i = 0; i < 3; i++) {
        void *object = tp_pool_get(pool);
        tp_gc_collect();
        tp_pool_put(pool, object);
    }
    return got ? 0 : 1;
}

static void poolcheck_finds_what_is_put_twice_or_foreign(void **state)
{
    struct support_result result;
    (void)state;
    support_aborts("put_twice", "poolcheck=1", "double put", "'twice'");
    support_aborts("put_foreign", "poolcheck=1", "no object of this pool", "'foreign'");
    support_run("forget_one", "poolcheck=1", &result);
    assert_true(support_has_passed(&result));
    assert_string_equal(result.text, "");
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {
        {"collect_beside_a_waiter", collect_beside_a_waiter},
        {"put_twice", put_twice},
        {"put_foreign", put_foreign},
        {"forget_one", forget_one},
        {NULL, NULL}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explicit_objects_in_use_keep_what_they_hold),
        cmocka_unit_test(idle_objects_keep_what_they_hold_for_one_cycle),
        cmocka_unit_test(a_forgotten_object_is_collected_without_destruct),
        cmocka_unit_test(collected_objects_are_found_from_the_heap),
        cmocka_unit_test(trim_destructs_and_drops),
        cmocka_unit_test(construct_sees_zeroes),
        cmocka_unit_test(many_at_once_and_reserve),
        cmocka_unit_test(leaves_may_be_pooled),
        cmocka_unit_test(a_destroyed_pool_waits_for_nobody),
        cmocka_unit_test(static_pools_may_be_of_both_kinds),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_get_attaches_its_thread),
        cmocka_unit_test(who_waits_holds_up_no_cycle),
        cmocka_unit_test(poolcheck_finds_what_is_put_twice_or_foreign),
    };
    (void)argc;
    support_start(argv, scenarios);
    if (tp_gc_root_add(&root, sizeof root) != 0)
        return 1;
    return support_group("pools and the collector", tests, gc_modes);
}
