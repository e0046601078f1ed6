/* SPDX-License-Identifier: BSD-2-Clause */
/* Root arenas: what is stored in them keeps its object alive, whatever becomes of the arena beside
   a cycle. */
#include "gc_help.h"

static const tp_arena_options root_options = {.name = "root", .flags = TP_ARENA_ROOT};

struct scene {
    tp_arena *arena;
    struct gc_node **slot;
    tp_gc_weak *weak;
};

static void set_scene(void *arg)
{
    struct scene *scene = arg;
    scene->slot = tp_arena_alloc(scene->arena, sizeof *scene->slot);
    if (scene->slot == NULL)
        abort();
    struct gc_node *node = gc_node_make(1);
    tp_gc_store(scene->slot, node);
    scene->weak = tp_gc_weak_make(node);
}

static void what_a_root_arena_holds_lives_as_long(void **state)
{
    (void)state;
    struct scene scene = {.arena = tp_arena_create(&root_options)};
    gc_elsewhere(set_scene, &scene);
    for (unsigned i = 0; i < 3; i++) {
        tp_gc_collect();
        assert_true(gc_lives(scene.weak));
    }
    assert_true(gc_node_is_whole(*scene.slot));
    tp_arena_destroy(scene.arena);
    tp_gc_collect();
    assert_false(gc_lives(scene.weak));
    tp_gc_weak_free(scene.weak);
}

static void another_arena_keeps_nothing(void **state)
{
    (void)state;
    struct scene scene = {.arena = tp_arena_create(NULL)};
    gc_elsewhere(set_scene, &scene);
    tp_gc_collect();
    assert_false(gc_lives(scene.weak));
    tp_gc_weak_free(scene.weak);
    tp_arena_destroy(scene.arena);
}

static void a_slot_that_is_overwritten_keeps_nothing(void **state)
{
    (void)state;
    struct scene scene = {.arena = tp_arena_create(&root_options)};
    gc_elsewhere(set_scene, &scene);
    tp_gc_store(scene.slot, (struct gc_node *)NULL);
    tp_gc_collect();
    assert_false(gc_lives(scene.weak));
    tp_gc_weak_free(scene.weak);
    tp_arena_destroy(scene.arena);
}

static void children_and_large_chunks_are_roots_too(void **state)
{
    (void)state;
    tp_arena *parent = tp_arena_create(&root_options);
    struct scene scene = {.arena = tp_arena_child(parent, 0)};
    assert_non_null(tp_arena_alloc(scene.arena, 5 << 20));
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(tp_arena_alloc(scene.arena, 100));
    gc_elsewhere(set_scene, &scene);
    tp_gc_collect();
    assert_true(gc_lives(scene.weak));
    tp_arena_reset(parent); /* and the child is gone */
    tp_gc_collect();
    assert_false(gc_lives(scene.weak));
    tp_gc_weak_free(scene.weak);
    tp_arena_destroy(parent);
}

static void pooled_arenas_may_be_roots(void **state)
{
    (void)state;
    tp_arena_pool *pool = tp_arena_pool_create(&root_options);
    struct scene scene = {.arena = tp_arena_pool_get(pool)};
    gc_elsewhere(set_scene, &scene);
    tp_gc_collect();
    assert_true(gc_lives(scene.weak));
    tp_arena_pool_put(pool, scene.arena);
    tp_arena_pool_destroy(pool);
    tp_gc_collect();
    assert_false(gc_lives(scene.weak));
    tp_gc_weak_free(scene.weak);
}

/* --- stale pointers in a chunk's memory --- */

enum { BLOCK_BYTES = 4096, BLOCKS = 200 };
static void *blocks[BLOCKS];

/* Memory of the explicit heap that is full of a pointer. */
static void spoil(void *arg)
{
    tp_gc_weak **weak = arg;
    struct gc_node *node = gc_node_make(1);
    *weak = tp_gc_weak_make(node);
    for (unsigned i = 0; i < BLOCKS; i++) {
        uintptr_t *words = blocks[i] = tp_heap_alloc(BLOCK_BYTES);
        if (words == NULL)
            abort();
        for (unsigned word = 0; word < BLOCK_BYTES / sizeof *words; word++)
            words[word] = (uintptr_t)node;
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        tp_heap_free(blocks[i]);
}

static void what_a_chunk_was_before_does_not_count(void **state)
{
    (void)state;
    tp_gc_weak *weak;
    gc_elsewhere(spoil, &weak);
    tp_arena *arena = tp_arena_create(&root_options);
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_non_null(tp_arena_alloc(arena, 3000));
    tp_gc_collect();
    assert_false(gc_lives(weak));
    tp_gc_weak_free(weak);
    tp_arena_destroy(arena);
}

/* --- beside cycles: trees in arenas that come, grow, move and go --- */

enum { USERS = 3, SLOTS = 500 };
static unsigned stop, broken, rounds;

static void put_node(struct gc_node **slot, uint64_t value)
{
    struct gc_node *node = gc_node_make(value);
    tp_gc_store(&node->next, gc_node_make(value + 1));
    tp_gc_store(slot, node);
}

static void check_node(const struct gc_node *node)
{
    if (!gc_node_is_whole(node) || !gc_node_is_whole(node->next) ||
        node->next->value != node->value + 1)
        support_add(&broken, 1);
}

/* A vector of pointers that grows by moving, a copy of it that the first one's end does not touch,
   and what a rewind leaves of both. */
static void use_arena(tp_arena *arena, uint64_t value)
{
    struct gc_node **slots = NULL, **copy;
    size_t room = 0, n = 0;
    tp_arena_mark mark = tp_arena_save(arena);
    for (; n < SLOTS; n++) {
        if (n == room) {
            slots =
                tp_arena_resize(arena, slots, room * sizeof *slots, (room + 50) * sizeof *slots);
            room += 50;
            if (slots == NULL || tp_arena_alloc(arena, 64) == NULL)
                abort();
            memset(slots + n, 0, 50 * sizeof *slots);
        }
        put_node(&slots[n], value + n);
    }
    copy = tp_arena_memdup(arena, slots, n * sizeof *slots);
    if (copy == NULL)
        abort();
    for (size_t i = 0; i < n; i++) {
        tp_gc_store(&slots[i], (struct gc_node *)NULL);
        check_node(copy[i]);
    }
    if (value % 2 == 0)
        tp_arena_rewind(arena, mark);
}

static void *use(void *argument)
{
    uint64_t value = (uintptr_t)argument;
    while (support_read(&stop) == 0) {
        tp_arena *arena = tp_arena_create(&root_options);
        tp_arena *child = tp_arena_child(arena, 0);
        for (unsigned i = 0; i < 4; i++)
            use_arena(i % 2 == 0 ? arena : child, value++);
        tp_arena_reset(arena);
        use_arena(arena, value++);
        tp_arena_destroy(arena);
        support_add(&rounds, 1);
    }
    return NULL;
}

static void beside_cycles_what_they_hold_is_whole(void **state)
{
    pthread_t users[USERS];
    (void)state;
    gc_ballast_load(GC_BALLAST);
    for (uintptr_t i = 0; i < USERS; i++)
        users[i] = support_thread(use, (void *)i);
    for (unsigned i = 0; i < gc_less(60); i++)
        tp_gc_collect();
    while (support_read(&rounds) <= 10)
        gc_sleep_ms(1);
    support_set(&stop, 1);
    for (unsigned i = 0; i < USERS; i++)
        gc_join(users[i]);
    gc_ballast_drop();
    assert_int_equal(support_read(&broken), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_root_arena_holds_lives_as_long),
        cmocka_unit_test(another_arena_keeps_nothing),
        cmocka_unit_test(a_slot_that_is_overwritten_keeps_nothing),
        cmocka_unit_test(children_and_large_chunks_are_roots_too),
        cmocka_unit_test(pooled_arenas_may_be_roots),
        cmocka_unit_test(what_a_chunk_was_before_does_not_count),
        cmocka_unit_test(beside_cycles_what_they_hold_is_whole),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("root arenas", tests, gc_modes);
}
