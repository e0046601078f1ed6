/* SPDX-License-Identifier: BSD-2-Clause */
/* Types and stores of the collected heap where a compiler sees all of it: each kind of member, each
   store, in one function and in loops. None of it may warn. As C and as C++. */
#include <tidepool/gc.h>

/* A flexible array is no part of C++, but all compilers have it. */
#if defined(__clang__) && defined(__cplusplus)
#pragma clang diagnostic ignored "-Wc99-extensions"
#endif

struct leaf {
    struct leaf *next;
    const char *text;
};

struct pair {
    struct leaf *one;
    int number;
    struct leaf *two;
};

struct tree {
    int key;
    struct tree *left, *right;
    struct pair pair;
    struct leaf *array[3];
    const struct leaf *constant;
    size_t n;
    __extension__ struct pair rest[];
};

TP_GC_TYPE(leaf_type, struct leaf, next);
TP_GC_TYPE(number_type, struct pair);
TP_GC_TYPE(tree_type, struct tree, left, right, pair, array, constant, rest);

static void store_all(struct tree *tree, struct leaf *leaf)
{
    struct leaf *const same = leaf;
    const struct leaf *constant = leaf;
    tp_gc_store(&tree->left, tree);
    tp_gc_store(&tree->right, NULL);
    tp_gc_store(&tree->pair.one, leaf);
    tp_gc_store(&tree->constant, constant);
    for (int i = 0; i < 3; i++)
        tp_gc_store(&tree->array[i], same);
    tp_gc_store(&tree->rest[tree->n - 1].two, leaf);
    tp_gc_move(&tree->array[1], &tree->array[0], 2);
    tp_gc_move(&tree->rest[0], &tree->rest[tree->n - 1], 1);
}

static bool swap_all(struct tree *tree, struct leaf *leaf)
{
    struct leaf *before = tp_gc_exchange(&tree->array[0], NULL);
    if (before != leaf || !tp_gc_cas(&tree->array[0], NULL, leaf))
        return false;
    if (tp_gc_cas(&tree->left, NULL, tree))
        return false;
    return tp_gc_exchange(&tree->left, tree) == tree && tree->rest[0].two == leaf;
}

static struct leaf *list_make(int n)
{
    struct leaf *list = NULL;
    for (int i = 0; i < n; i++) {
        struct leaf *leaf = (struct leaf *)tp_gc_alloc(&leaf_type);
        if (leaf == NULL)
            return NULL;
        tp_gc_store(&leaf->next, list);
        leaf->text = "text";
        list = leaf;
        tp_gc_safepoint();
    }
    return list;
}

int main(void)
{
    static struct tree *root;
    struct tree *tree = (struct tree *)tp_gc_alloc_flex(&tree_type, 2);
    struct pair *pairs = (struct pair *)tp_gc_alloc_array(&number_type, 3);
    struct leaf *list = list_make(10000);
    int length = 0;
    if (tree == NULL || pairs == NULL || list == NULL || tp_gc_root_add(&root, sizeof root) != 0)
        return 1;
    tree->n = 2;
    tp_gc_store(&root, tree);
    store_all(tree, list);
    tp_gc_edit_begin(tree);
    tree->pair.two = list;
    tp_gc_edit_end(tree);
    tp_gc_collect();
    for (const struct leaf *leaf = root->array[2]; leaf != NULL; leaf = leaf->next)
        length++;
    return swap_all(root, list) && length == 10000 && pairs->number == 0 ? 0 : 1;
}
