/* SPDX-License-Identifier: BSD-2-Clause */
/* The binary-trees of the benchmarks game, and short-lived objects.

   trees: a tree one level deeper than the rest is made and dropped, one stays to the end, and for
   each second depth as many trees are made, walked and dropped as make up the same work.

   A subject's file has defined before:
     struct tree { struct tree *left, *right; } and struct brief, of 48 bytes
     SUBJECT_NEW(NAME)          a struct NAME; what its pointers are is not said
     SUBJECT_SET(SLOT, VALUE)   stores a pointer that is not NULL into an object
     SUBJECT_FREE(OBJECT)       gives one back, or nothing
     SUBJECT_FREES              whether that does anything */
#ifndef BENCH_GC_TREES_H
#define BENCH_GC_TREES_H

#include "subject.h"

#define TREES_DEPTH_LEAST 4u
#define BRIEF_HELD 32u

static struct tree *tree_make(unsigned depth, struct bench_watch *watch)
{
    struct tree *left, *right, *tree;
    if (depth == 0) {
        tree = SUBJECT_NEW(tree);
        bench_look(watch);
        tree->left = NULL;
        tree->right = NULL;
        return tree;
    }
    left = tree_make(depth - 1, watch);
    right = tree_make(depth - 1, watch);
    tree = SUBJECT_NEW(tree);
    bench_look(watch);
    SUBJECT_SET(&tree->left, left);
    SUBJECT_SET(&tree->right, right);
    return tree;
}

static uint64_t tree_count(const struct tree *tree)
{
    return tree->left == NULL ? 1 : 1 + tree_count(tree->left) + tree_count(tree->right);
}

static void tree_free(struct tree *tree)
{
    if (!SUBJECT_FREES)
        return;
    if (tree->left != NULL) {
        tree_free(tree->left);
        tree_free(tree->right);
    }
    SUBJECT_FREE(tree);
}

static void tree_check(const struct tree *tree, unsigned depth)
{
    uint64_t nodes = tree_count(tree);
    if (nodes != ((uint64_t)2 << depth) - 1)
        bench_fail("a tree of depth %u has %llu nodes", depth, (unsigned long long)nodes);
}

static void tree_make_and_drop(unsigned depth, struct bench_watch *watch)
{
    struct tree *tree;
    bench_watch_resume(watch);
    tree = tree_make(depth, watch);
    tree_check(tree, depth);
    tree_free(tree);
}

static void trees(unsigned depth, struct bench_watch *watch)
{
    struct tree *longest;
    tree_make_and_drop(depth + 1, watch);
    bench_watch_resume(watch);
    longest = tree_make(depth, watch);
    for (unsigned d = TREES_DEPTH_LEAST; d <= depth; d += 2)
        for (uint64_t n = (uint64_t)1 << (depth - d + TREES_DEPTH_LEAST); n > 0; n--)
            tree_make_and_drop(d, watch);
    tree_check(longest, depth);
    tree_free(longest);
}

/* The last BRIEF_HELD are held, as by a caller that works with some at a time. */
static void short_lived(uint64_t n)
{
    struct brief *held[BRIEF_HELD];
    for (uint64_t i = 0; i < n; i += BRIEF_HELD) {
        for (unsigned j = 0; j < BRIEF_HELD; j++) {
            held[j] = SUBJECT_NEW(brief);
            held[j]->words[0] = i;
            bench_fence(held[j]);
        }
        for (unsigned j = 0; SUBJECT_FREES && j < BRIEF_HELD; j++)
            SUBJECT_FREE(held[j]);
    }
}

#endif
