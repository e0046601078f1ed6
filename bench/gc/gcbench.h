/* SPDX-License-Identifier: BSD-2-Clause */
/* The program that Ellis and Kovac wrote and Boehm made known as GCBench, after its description: a
   tree of depth 18 that is dropped; a long-lived tree of depth 16, filled from the top, and a
   long-lived array of 500,000 doubles; and trees of depths 4 to 16, made from the top and from the
   bottom, as many of each as have the nodes of two of the first.

   A subject's file has defined, beside what trees.h asks for:
     struct node { struct node *left, *right; int i, j; }
     SUBJECT_DOUBLES(N)         an array of so many, zeroes */
#ifndef BENCH_GC_GCBENCH_H
#define BENCH_GC_GCBENCH_H

#include "subject.h"

#define GCBENCH_STRETCH 18u
#define GCBENCH_LONG_LIVED 16u
#define GCBENCH_LEAST 4u
#define GCBENCH_MOST 16u
#define GCBENCH_DOUBLES 500000u

static struct node *node_new(struct bench_watch *watch)
{
    struct node *node = SUBJECT_NEW(node);
    bench_look(watch);
    node->left = NULL;
    node->right = NULL;
    node->i = 0;
    node->j = 0;
    return node;
}

/* From the top: the node is there before what it points at. */
static void node_populate(struct node *node, unsigned depth, struct bench_watch *watch)
{
    if (depth == 0)
        return;
    SUBJECT_SET(&node->left, node_new(watch));
    SUBJECT_SET(&node->right, node_new(watch));
    node_populate(node->left, depth - 1, watch);
    node_populate(node->right, depth - 1, watch);
}

static struct node *node_tree(unsigned depth, struct bench_watch *watch)
{
    struct node *left, *right, *node;
    if (depth == 0)
        return node_new(watch);
    left = node_tree(depth - 1, watch);
    right = node_tree(depth - 1, watch);
    node = node_new(watch);
    SUBJECT_SET(&node->left, left);
    SUBJECT_SET(&node->right, right);
    return node;
}

static void node_free(struct node *node)
{
    if (!SUBJECT_FREES)
        return;
    if (node->left != NULL) {
        node_free(node->left);
        node_free(node->right);
    }
    SUBJECT_FREE(node);
}

static uint64_t node_count(const struct node *node)
{
    return node->left == NULL ? 1 : 1 + node_count(node->left) + node_count(node->right);
}

static void gcbench(struct bench_watch *watch)
{
    struct node *stretch = node_tree(GCBENCH_STRETCH, watch), *kept, *node;
    double *array;
    bench_fence(stretch);
    node_free(stretch);
    stretch = NULL;
    bench_watch_resume(watch);
    kept = node_new(watch);
    node_populate(kept, GCBENCH_LONG_LIVED, watch);
    array = SUBJECT_DOUBLES(GCBENCH_DOUBLES);
    for (unsigned i = 0; i < GCBENCH_DOUBLES / 2; i++)
        array[i] = 1.0 / (i + 1);
    for (unsigned depth = GCBENCH_LEAST; depth <= GCBENCH_MOST; depth += 2) {
        uint64_t times = (uint64_t)2 << (GCBENCH_STRETCH - depth);
        for (uint64_t i = 0; i < times; i++) {
            bench_watch_resume(watch);
            node = node_new(watch);
            node_populate(node, depth, watch);
            bench_fence(node);
            node_free(node);
        }
        for (uint64_t i = 0; i < times; i++) {
            bench_watch_resume(watch);
            node = node_tree(depth, watch);
            bench_fence(node);
            node_free(node);
        }
    }
    if (node_count(kept) != ((uint64_t)2 << GCBENCH_LONG_LIVED) - 1 || array[1000] != 1.0 / 1001)
        bench_fail("what was long-lived is not what it was");
    node_free(kept);
    SUBJECT_FREE(array);
}

#endif
