/* SPDX-License-Identifier: BSD-2-Clause */
/* Weak references: they keep nothing, tell the truth, and what they give out stays. */
#include "gc_help.h"

static struct gc_node *root;

/* --- one thread --- */

static tp_gc_weak *made;

static void make_unreachable(void *arg)
{
    (void)arg;
    made = tp_gc_weak_make(gc_node_make(1));
}

static void make_reachable(void *arg)
{
    make_unreachable(arg);
    tp_gc_store(&root, (struct gc_node *)tp_gc_weak_get(made));
}

static void what_is_unreachable_is_null(void **state)
{
    (void)state;
    gc_elsewhere(make_unreachable, NULL);
    assert_non_null(made);
    tp_gc_collect();
    assert_false(gc_lives(made));
    tp_gc_weak_free(made);
}

static void what_is_reachable_stays(void **state)
{
    (void)state;
    gc_elsewhere(make_reachable, NULL);
    for (unsigned i = 0; i < 3; i++) {
        tp_gc_collect();
        assert_true(gc_lives(made));
        assert_true(gc_node_is_whole(root));
    }
    tp_gc_store(&root, (struct gc_node *)NULL);
    tp_gc_thread_detach(); /* the object was in this frame's hands, and its words may stay */
    tp_gc_collect();
    assert_false(gc_lives(made));
    tp_gc_collect();
    assert_false(gc_lives(made));
    tp_gc_weak_free(made);
}

static void hold_what_was_given(void *arg)
{
    struct gc_node *node = tp_gc_weak_get(made);
    tp_gc_store(&root, (struct gc_node *)NULL);
    for (unsigned i = 0; i < 3; i++) {
        tp_gc_collect();
        *(bool *)arg &= gc_node_is_whole(node) && tp_gc_weak_get(made) == node;
    }
}

static void what_it_gave_out_stays_while_it_is_held(void **state)
{
    (void)state;
    bool whole = true;
    gc_elsewhere(make_reachable, NULL);
    gc_elsewhere(hold_what_was_given, &whole);
    assert_true(whole);
    tp_gc_collect();
    assert_false(gc_lives(made));
    tp_gc_weak_free(made);
}

static void several_to_one_object_agree(void **state)
{
    (void)state;
    tp_gc_weak *weak[3];
    gc_elsewhere(make_reachable, NULL);
    for (unsigned i = 0; i < 3; i++)
        assert_non_null(weak[i] = tp_gc_weak_make(root));
    tp_gc_weak_free(weak[1]);
    tp_gc_collect();
    assert_true(gc_lives(weak[0]) && gc_lives(weak[2]) && gc_lives(made));
    tp_gc_store(&root, (struct gc_node *)NULL);
    tp_gc_collect();
    assert_false(gc_lives(weak[0]) || gc_lives(weak[2]) || gc_lives(made));
    tp_gc_weak_free(weak[2]);
    tp_gc_weak_free(weak[0]);
    tp_gc_weak_free(made);
}

enum { MANY = 3000 };
static tp_gc_weak *many[MANY];
static struct gc_node *chain;

static void make_many(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < MANY; i++) {
        struct gc_node *node = gc_node_make(i);
        many[i] = tp_gc_weak_make(node);
        if (i % 3 == 0) {
            tp_gc_store(&node->next, chain);
            tp_gc_store(&chain, node);
        }
    }
}

static void of_many_exactly_the_dead_are_cleared(void **state)
{
    (void)state;
    gc_elsewhere(make_many, NULL);
    tp_gc_collect();
    for (unsigned i = 0; i < MANY; i++) {
        struct gc_node *node = tp_gc_weak_get(many[i]);
        assert_int_equal(node != NULL, i % 3 == 0);
        if (node != NULL)
            assert_int_equal(node->value, i);
        tp_gc_weak_free(many[i]);
    }
    tp_gc_store(&chain, (struct gc_node *)NULL);
}

static void what_is_no_collected_object_is_refused(void **state)
{
    (void)state;
    int local = 0;
    char *leaf = tp_gc_alloc_leaf(100), *big = tp_gc_alloc_leaf(1 << 20);
    void *explicit = tp_heap_alloc(100);
    void *const refused[] = {NULL, &local, explicit, leaf + 8, big + 8192, &root};
    for (unsigned i = 0; i < SUPPORT_COUNT(refused); i++) {
        errno = 0;
        tp_gc_weak *weak = tp_gc_weak_make(refused[i]);
        assert_null(weak);
        assert_int_equal(errno, EINVAL);
    }
    tp_heap_free(explicit);
    tp_gc_weak *weak = tp_gc_weak_make(big);
    assert_ptr_equal(tp_gc_weak_get(weak), big);
    tp_gc_weak_free(weak);
    tp_gc_weak_free(NULL);
}

/* --- beside cycles --- */

/* Users drop objects, and get them by weak references alone, and hold for a while what they got;
   each object has another one behind it, which nothing but it leads to. Many more references make
   clearing take its time. */
enum { PLACES = 256, USERS = 3, KEPT = 64, MORE = 20000 };
static struct gc_node *places[PLACES];
static tp_gc_weak *weaks[PLACES];
static pthread_mutex_t places_mutex[PLACES];
static unsigned stop, broken, gotten;

static void replace(unsigned place, uint64_t value)
{
    struct gc_node *node = gc_node_make(value);
    tp_gc_store(&node->next, gc_node_make(value + 1));
    tp_gc_weak *weak = tp_gc_weak_make(node);
    gc_lock(&places_mutex[place]);
    tp_gc_weak *old = weaks[place];
    tp_gc_store(&places[place], node);
    weaks[place] = weak;
    pthread_mutex_unlock(&places_mutex[place]);
    tp_gc_weak_free(old);
}

/* By its weak reference; nothing else leads to it, but for who got it before. */
static struct gc_node *get(unsigned place)
{
    gc_lock(&places_mutex[place]);
    tp_gc_store(&places[place], (struct gc_node *)NULL);
    struct gc_node *node = tp_gc_weak_get(weaks[place]);
    pthread_mutex_unlock(&places_mutex[place]);
    return node;
}

static void check_node(const struct gc_node *node)
{
    if (node == NULL)
        return;
    const struct gc_node *next = node->next;
    if (!gc_node_is_whole(node) || !gc_node_is_whole(next) || next->value != node->value + 1)
        support_add(&broken, 1);
}

static void *use(void *argument)
{
    struct gc_node *kept[KEPT] = {NULL};
    uint64_t random = (uintptr_t)argument * 2654435761u + 1;
    tp_gc_thread_attach();
    while (support_read(&stop) == 0) {
        random = random * UINT64_C(6364136223846793005) + 1;
        tp_gc_safepoint();
        unsigned place = (unsigned)(random >> 40) % PLACES;
        struct gc_node *node = get(place);
        if (node == NULL) {
            replace(place, random);
            continue;
        }
        support_add(&gotten, 1);
        check_node(node);
        check_node(kept[random >> 58]);
        kept[random >> 58] = node;
    }
    for (unsigned i = 0; i < KEPT; i++)
        check_node(kept[i]);
    return NULL;
}

static void beside_cycles_they_give_out_whole_objects(void **state)
{
    static tp_gc_weak *more[MORE];
    pthread_t users[USERS];
    (void)state;
    gc_ballast_load(GC_BALLAST);
    for (unsigned i = 0; i < MORE; i++)
        more[i] = tp_gc_weak_make(gc_ballast);
    for (unsigned i = 0; i < PLACES; i++) {
        pthread_mutex_init(&places_mutex[i], NULL);
        replace(i, i);
    }
    assert_int_equal(tp_gc_root_add(places, sizeof places), 0);
    for (uintptr_t i = 0; i < USERS; i++)
        users[i] = support_thread(use, (void *)i);
    unsigned cycles = gc_less(200);
    for (unsigned i = 0; i < cycles; i++)
        tp_gc_collect();
    support_set(&stop, 1);
    for (unsigned i = 0; i < USERS; i++)
        gc_join(users[i]);
    assert_int_equal(support_read(&broken), 0);
    assert_true(support_read(&gotten) > cycles);
    assert_int_equal(tp_gc_root_remove(places), 0);
    for (unsigned i = 0; i < PLACES; i++)
        tp_gc_weak_free(weaks[i]);
    for (unsigned i = 0; i < MORE; i++)
        tp_gc_weak_free(more[i]);
    gc_ballast_drop();
}

/* --- abuse --- */

static int get_after_free(void)
{
    tp_gc_weak *weak = tp_gc_weak_make(gc_node_make(1));
    tp_gc_weak *again = weak;
    tp_gc_weak_free(weak);
    return tp_gc_weak_get(again) != NULL;
}

static void a_freed_one_aborts(void **state)
{
    (void)state;
    if (support_asan)
        skip(); /* it says so first */
    support_aborts("get_after_free", NULL, "tp_gc_weak_get", "no longer one");
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {{"get_after_free", get_after_free},
                                                        {NULL, NULL}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_unreachable_is_null),
        cmocka_unit_test(what_is_reachable_stays),
        cmocka_unit_test(what_it_gave_out_stays_while_it_is_held),
        cmocka_unit_test(several_to_one_object_agree),
        cmocka_unit_test(of_many_exactly_the_dead_are_cleared),
        cmocka_unit_test(what_is_no_collected_object_is_refused),
        cmocka_unit_test(beside_cycles_they_give_out_whole_objects),
        cmocka_unit_test(a_freed_one_aborts),
    };
    (void)argc;
    support_start(argv, scenarios);
    if (tp_gc_root_add(&root, sizeof root) != 0 || tp_gc_root_add(&chain, sizeof chain) != 0)
        return 1;
    return support_group("weak references", tests, gc_modes);
}
