/* SPDX-License-Identifier: BSD-2-Clause */
/* The free spans in a treap (Seidel and Aragon, Randomized search trees, 1996): a search tree by
   place, a heap by random priority, so that its expected depth is logarithmic whatever the order of
   operations. Each node knows the largest span and whether there are dirty pages at or below it,
   which makes "the first that is large enough" and "the last that has something to release" walks
   from the root.

   Place is the reservation's number, then the address. The kernel hands out address space from the
   top down: by address alone, each new arena would come before all older ones, and fresh pages
   would be touched while resident ones stood idle.

   Invariants: left is before, right behind; a parent's priority is not below its children's;
   largest and dirty_below are exact. Callers hold the page lock. */
#include "heap/span.h"

static bool is_before(const struct tpi_span *a, const struct tpi_span *b)
{
    if (a->reservation != b->reservation)
        return a->reservation < b->reservation;
    return a->base < b->base;
}

/* Recomputes a node from its children; whether that changed it. */
static bool recompute(struct tpi_span *span)
{
    uint64_t largest = span->pages;
    uint32_t dirty_below = span->dirty_pages != 0;
    if (span->left != NULL) {
        largest = tpi_max(largest, span->left->largest);
        dirty_below |= span->left->dirty_below;
    }
    if (span->right != NULL) {
        largest = tpi_max(largest, span->right->largest);
        dirty_below |= span->right->dirty_below;
    }
    if (largest == span->largest && dirty_below == span->dirty_below)
        return false;
    span->largest = largest;
    span->dirty_below = dirty_below;
    return true;
}

void tpi_tree_update(struct tpi_span *span)
{
    while (span != NULL && recompute(span))
        span = span->parent;
}

static void replace_child(struct tpi_tree *tree, struct tpi_span *parent, struct tpi_span *old,
                          struct tpi_span *new)
{
    if (parent == NULL)
        tree->root = new;
    else if (parent->left == old)
        parent->left = new;
    else
        parent->right = new;
    if (new != NULL)
        new->parent = parent;
}

/* Exchanges a node with its parent, keeping the order. The subtree as a whole is what it was, so
   nothing changes above it. */
static void rotate_up(struct tpi_tree *tree, struct tpi_span *span)
{
    struct tpi_span *parent = span->parent, *inner;
    replace_child(tree, parent->parent, parent, span);
    if (parent->left == span) {
        inner = span->right;
        parent->left = inner;
        span->right = parent;
    } else {
        inner = span->left;
        parent->right = inner;
        span->left = parent;
    }
    if (inner != NULL)
        inner->parent = parent;
    parent->parent = span;
    (void)recompute(parent);
    (void)recompute(span);
}

/* xorshift64 (Marsaglia, 2003): the shape only has to be independent of the callers. */
static uint32_t next_priority(struct tpi_tree *tree)
{
    uint64_t x = tree->seed != 0 ? tree->seed : UINT64_C(0x9e3779b97f4a7c15);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    tree->seed = x;
    return (uint32_t)(x >> 32);
}

void tpi_tree_insert(struct tpi_tree *tree, struct tpi_span *span)
{
    struct tpi_span *parent = NULL, **link = &tree->root;
    while (*link != NULL) {
        parent = *link;
        link = is_before(span, parent) ? &parent->left : &parent->right;
    }
    *link = span;
    span->left = span->right = NULL;
    span->parent = parent;
    span->priority = next_priority(tree);
    span->largest = 0;
    span->dirty_below = 0;
    tpi_tree_update(span);
    while (span->parent != NULL && span->priority > span->parent->priority)
        rotate_up(tree, span);
}

void tpi_tree_remove(struct tpi_tree *tree, struct tpi_span *span)
{
    while (span->left != NULL && span->right != NULL)
        rotate_up(tree, span->left->priority > span->right->priority ? span->left : span->right);
    struct tpi_span *parent = span->parent;
    replace_child(tree, parent, span, span->left != NULL ? span->left : span->right);
    tpi_tree_update(parent);
    span->left = span->right = span->parent = NULL;
}

struct tpi_span *tpi_tree_first_fit(const struct tpi_tree *tree, uint64_t pages)
{
    struct tpi_span *span = tree->root;
    if (span == NULL || span->largest < pages)
        return NULL;
    for (;;) {
        if (span->left != NULL && span->left->largest >= pages)
            span = span->left;
        else if (span->pages >= pages)
            return span;
        else
            span = span->right;
    }
}

struct tpi_span *tpi_tree_last_dirty(const struct tpi_tree *tree)
{
    struct tpi_span *span = tree->root;
    if (span == NULL || !span->dirty_below)
        return NULL;
    for (;;) {
        if (span->right != NULL && span->right->dirty_below)
            span = span->right;
        else if (span->dirty_pages != 0)
            return span;
        else
            span = span->left;
    }
}
