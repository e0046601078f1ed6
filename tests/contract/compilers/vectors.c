/* SPDX-License-Identifier: BSD-2-Clause */
/* Every vector macro, as C and as C++, by several compilers with more warnings than tests have, and
   by gcc's analyser. Nested calls; expressions for vectors; vectors of vectors. */
#include <stddef.h>
#include <tidepool/vec.h>

struct point {
    int x, y;
};

#ifdef __cplusplus
#define EMPTY                                                                                      \
    {                                                                                              \
    }
#else
#define EMPTY                                                                                      \
    {                                                                                              \
        0                                                                                          \
    }
#endif

struct tree;
TP_VEC_DEFINE(points, struct point)
TP_VEC_DEFINE(trees, struct tree)
TP_VEC_DEFINE(ints, int)

struct tree {
    int value;
    trees branches;
};

static long sum(const ints *v)
{
    long total = 0;
    for (size_t i = 0; i < v->len; i++)
        total += tp_vec_at(v, i);
    return total;
}

static int numbers(void)
{
    static const int four[] = {1, 2, 3, 4};
    ints v = EMPTY, *one = &v;
    short small = 7;
    long total = 0;
    if (!tp_vec_reserve(&v, 10) || !tp_vec_append(&v, four, 4) || !tp_vec_push(one, small) ||
        !tp_vec_insert(&v, 1, tp_vec_last(&v)) || !tp_vec_push(&v, tp_vec_pop(&v)) ||
        !tp_vec_push(&v, tp_vec_at(&v, tp_vec_at(&v, 0))) || tp_vec_remove(&v, 0) != 1 ||
        !tp_vec_resize(&v, 8))
        return 1; /* 7 2 3 4 7 7 0 0 */
    tp_vec_at(one, v.len - 1) += 2;
    tp_vec_last(&v)++;
    total += tp_vec_pop(&v);
    (void)tp_vec_swap_remove(&v, 0); /* 0 2 3 4 7 7 */
    ints_view part = tp_vec_slice(&v, 0, v.len / 2);
    total += sum(&v) + tp_vec_at(&part, 0) + tp_vec_last(&part);
    tp_vec_reset(&v);
    bool clipped = tp_vec_clip(&v);
    tp_vec_free(&v);
    return clipped && total == 3 + 23 + 0 + 3 ? 0 : 2;
}

static int structures(void)
{
    points list = EMPTY;
    tp_vec(ints) rows = EMPTY;
    tp_vec(const char *) words = EMPTY;
    struct point p = {1, 2};
    if (!tp_vec_push(&list, p) || !tp_vec_push(&list, list.data[0]) ||
        !tp_vec_push(&words, "word") || !tp_vec_resize(&rows, 2) || !tp_vec_push(&list, {3, 4}) ||
        !tp_vec_push(&tp_vec_at(&rows, 1), 5) || !tp_vec_push(&tp_vec_last(&rows), 6))
        return 1;
    int *y = &tp_vec_at(&list, 1).y;
    bool right = *y == 2 && tp_vec_at(&tp_vec_at(&rows, 1), 1) == 6 && *tp_vec_at(&words, 0) == 'w';
    tp_vec_view(&list) view = tp_vec_slice(&list, 1, 2);
    right = right && tp_vec_at(&view, 0).x == 1;
    tp_vec_free(&tp_vec_at(&rows, 1));
    tp_vec_free(&rows);
    tp_vec_free(&words);
    tp_vec_free(&list);
    return right ? 0 : 3;
}

static int homes(void)
{
    tp_arena *arena = tp_arena_create(NULL);
    tp_pool_options options = EMPTY;
    options.size = 64;
    tp_pool *pool = tp_pool_create(&options);
    trees on_arena;
    ints on_pool;
    struct tree tree = EMPTY;
    tp_vec_on_arena(&on_arena, arena);
    tp_vec_on_pool(&on_pool, pool);
    bool right = arena != NULL && pool != NULL;
    for (int i = 0; right && i < 1000; i++) {
        tree.value = i;
        right = tp_vec_push(&on_arena, tree) && tp_vec_push(&on_pool, i);
    }
    right = right && tp_vec_pop(&on_arena).value == 999 && tp_vec_pop(&on_pool) == 999;
    tp_vec_free(&on_arena);
    tp_vec_free(&on_pool);
    tp_pool_destroy(pool);
    tp_arena_destroy(arena);
    return right ? 0 : 4;
}

int main(void)
{
    int failed = numbers();
    if (failed == 0)
        failed = structures();
    return failed != 0 ? failed : homes();
}
