/* SPDX-License-Identifier: BSD-2-Clause */
/* tp_gc_shade: an object that nothing leads to stays through the next cycle, whatever its size and
   wherever in it the pointer leads, and goes after a few more. */
#include "gc_help.h"

enum { LARGE = 100000, CYCLES_MAX = 4 };

struct scene {
    size_t bytes, offset; /* of the object; of the pointer that is shaded */
    tp_gc_weak *weak;
};

static void make_and_shade(void *arg)
{
    struct scene *scene = arg;
    char *object = tp_gc_alloc_leaf(scene->bytes);
    if (object == NULL)
        abort();
    scene->weak = tp_gc_weak_make(object);
    tp_gc_shade(object + scene->offset);
}

static void it_stays_for_a_cycle(void **state)
{
    static const size_t cases[][2] = {{16, 0}, {48, 0}, {48, 47}, {LARGE, 0}, {LARGE, LARGE - 1}};
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        struct scene scene = {cases[i][0], cases[i][1], NULL};
        unsigned cycles = 1;
        gc_elsewhere(make_and_shade, &scene);
        tp_gc_collect();
        assert_true(gc_lives(scene.weak));
        for (; gc_lives(scene.weak) && cycles < CYCLES_MAX; cycles++)
            tp_gc_collect();
        assert_false(gc_lives(scene.weak));
        tp_gc_weak_free(scene.weak);
    }
}

static void what_is_no_collected_object_is_ignored(void **state)
{
    void *block = tp_heap_alloc(64), *foreign = malloc(64);
    (void)state;
    tp_gc_shade(NULL);
    tp_gc_shade(block);
    tp_gc_shade(foreign);
    tp_gc_shade(state);
    tp_gc_shade((void *)(uintptr_t)what_is_no_collected_object_is_ignored);
    tp_gc_collect();
    tp_heap_free(block);
    free(foreign);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stays_for_a_cycle),
        cmocka_unit_test(what_is_no_collected_object_is_ignored),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("tp_gc_shade", tests, gc_modes);
}
