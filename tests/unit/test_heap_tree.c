/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree of free spans against a sorted array, through random histories. */
#include "heap_help.h"

enum { NODES = 300, STEPS = 20000, SLOT_PAGES = 64 };

struct model {
    struct tpi_tree tree;
    struct tpi_span spans[NODES]; /* i is at slot i: place and index have one order */
    bool in[NODES];
};

static void check(const struct model *model)
{
    const struct tpi_span *before = NULL;
    uint64_t nodes = 0, expected = 0;
    help_check_tree(model->tree.root, &before, &nodes);
    for (size_t i = 0; i < NODES; i++)
        expected += model->in[i];
    assert_int_equal(nodes, expected);
}

static const struct tpi_span *first_fit(const struct model *model, uint64_t pages)
{
    for (size_t i = 0; i < NODES; i++) {
        if (model->in[i] && model->spans[i].pages >= pages)
            return &model->spans[i];
    }
    return NULL;
}

static const struct tpi_span *last_dirty(const struct model *model)
{
    for (size_t i = NODES; i-- > 0;) {
        if (model->in[i] && model->spans[i].dirty_pages > 0)
            return &model->spans[i];
    }
    return NULL;
}

static void shape(struct help_random *random, struct tpi_span *span)
{
    span->pages = 1 + help_below(random, SLOT_PAGES);
    span->dirty_pages = help_below(random, 4) == 0 ? help_below(random, span->pages + 1) : 0;
}

static void random_history(void **state)
{
    (void)state;
    struct help_random random = help_seed("tree");
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    for (size_t i = 0; i < NODES; i++) {
        /* Lower addresses in later reservations: place is not the address alone. */
        model->spans[i].reservation = (uint32_t)(i / 100);
        model->spans[i].base =
            (uintptr_t)(1000 - i / 100 * 200 + i % 100) * SLOT_PAGES * TPI_PAGE_BYTES;
    }
    for (int step = 0; step < STEPS; step++) {
        size_t i = help_below(&random, NODES);
        struct tpi_span *span = &model->spans[i];
        if (model->in[i] && help_below(&random, 2) == 0) {
            tpi_tree_remove(&model->tree, span);
            model->in[i] = false;
        } else if (model->in[i]) {
            shape(&random, span);
            tpi_tree_update(span);
        } else if (help_below(&random, 3) != 0) {
            shape(&random, span);
            tpi_tree_insert(&model->tree, span);
            model->in[i] = true;
        }
        uint64_t pages = 1 + help_below(&random, SLOT_PAGES + 1);
        assert_ptr_equal(tpi_tree_first_fit(&model->tree, pages), first_fit(model, pages));
        assert_ptr_equal(tpi_tree_last_dirty(&model->tree), last_dirty(model));
        if (step % 64 == 0)
            check(model);
    }
    free(model);
}

/* In rising order a plain search tree would be a list. */
static void depth_is_logarithmic(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    struct tpi_span *spans = aligned_alloc(_Alignof(struct tpi_span), MANY * sizeof *spans);
    struct tpi_tree tree = {0};
    const struct tpi_span *before = NULL;
    uint64_t nodes = 0;
    assert_non_null(spans);
    memset(spans, 0, MANY * sizeof *spans);
    for (size_t i = 0; i < MANY; i++) {
        spans[i].base = i * 2 * TPI_PAGE_BYTES;
        spans[i].pages = 1;
        tpi_tree_insert(&tree, &spans[i]);
    }
    unsigned depth = help_check_tree(tree.root, &before, &nodes);
    assert_int_equal(nodes, MANY);
    assert_in_range(depth, 17, 70);
    free(spans);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_history),
        cmocka_unit_test(depth_is_logarithmic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
