/* SPDX-License-Identifier: BSD-2-Clause */
/* For the heap's white-box tests: a seeded generator, a check of the whole heap's invariants, and
   "this must abort, saying that". */
#ifndef TESTS_UNIT_HEAP_HELP_H
#define TESTS_UNIT_HEAP_HELP_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "heap/span.h"

/* --- random numbers: xorshift64*; the seed is printed, and taken from TP_TEST_SEED if set --- */

struct help_random {
    uint64_t state;
};

static inline uint64_t help_next(struct help_random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Below `bound`. */
static inline size_t help_below(struct help_random *random, size_t bound)
{
    return (size_t)(help_next(random) >> 11) % bound;
}

static inline struct help_random help_seed(const char *test)
{
    const char *text = getenv("TP_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)tpi_os_now_ns();
    printf("%s: TP_TEST_SEED=%llu\n", test, (unsigned long long)seed);
    fflush(stdout);
    return (struct help_random){seed | 1};
}

/* For other threads than the test's own, where cmocka cannot report. */
#define help_require(condition) tpi_check(condition, "%s:%d: %s", __FILE__, __LINE__, #condition)

/* --- the whole heap. Nobody else may use it meanwhile --- */

struct help_sums {
    uint64_t in_use, dirty, free_pages, free_spans, spans;
};

static inline void help_check_free(const struct tpi_span *span, struct help_sums *sums)
{
    uintptr_t last = tpi_span_end(span) - TPI_PAGE_BYTES;
    assert_ptr_equal(tpi_span_of(last), span);
    for (uintptr_t at = span->base; at <= last; at += TPI_PAGE_BYTES)
        assert_int_equal(tp_detail_class_of_address((void *)at), 0);
    assert_int_equal(tpi_dirty_count(span->base, span->pages), span->dirty_pages);
    sums->dirty += span->dirty_pages;
    sums->free_pages += span->pages;
    sums->free_spans++;
}

static inline void help_check_used(const struct tpi_span *span, struct help_sums *sums)
{
    unsigned size_class = tpi_span_state(span) == TPI_SPAN_SMALL ? tpi_span_class(span) : 0;
    for (uintptr_t at = span->base; at < tpi_span_end(span); at += TPI_PAGE_BYTES) {
        assert_ptr_equal(tpi_span_of(at), span);
        assert_int_equal(tp_detail_class_of_address((void *)at), size_class);
        assert_true(tpi_bit_get(&tpi_heap_arena_of(at)->committed, at >> TPI_COMMIT_SHIFT & 63));
    }
    if (size_class != 0) {
        unsigned out = 0;
        for (unsigned i = 0; i < TPI_SPAN_WORDS; i++)
            out += tpi_bit_count(span->alloc_bits[i]);
        assert_int_equal(out, TPI_SLOTS_MAX - span->free_slots);
        for (unsigned i = 0; i < span->hint; i++)
            assert_true(span->alloc_bits[i] == ~UINT64_C(0));
    }
    sums->in_use += span->pages;
    sums->spans++;
}

/* Depth of the tree; checks order, heap order and what nodes know of their subtrees. */
static inline unsigned help_check_tree(const struct tpi_span *node, const struct tpi_span **before,
                                       uint64_t *nodes)
{
    if (node == NULL)
        return 0;
    uint64_t largest = node->pages;
    bool dirty = node->dirty_pages != 0;
    unsigned left = help_check_tree(node->left, before, nodes);
    if (*before != NULL)
        assert_true((*before)->reservation < node->reservation ||
                    ((*before)->reservation == node->reservation && (*before)->base < node->base));
    *before = node;
    *nodes += 1;
    unsigned right = help_check_tree(node->right, before, nodes);
    for (int side = 0; side < 2; side++) {
        const struct tpi_span *child = side == 0 ? node->left : node->right;
        if (child == NULL)
            continue;
        assert_ptr_equal(child->parent, node);
        assert_true(child->priority <= node->priority);
        largest = tpi_max(largest, child->largest);
        dirty |= child->dirty_below != 0;
    }
    assert_int_equal(node->largest, largest);
    assert_int_equal(node->dirty_below != 0, dirty);
    return 1 + tpi_max(left, right);
}

static inline uint64_t help_tree_pages(const struct tpi_span *node)
{
    if (node == NULL)
        return 0;
    return node->pages + help_tree_pages(node->left) + help_tree_pages(node->right);
}

/* Indexes of the arenas there are, sorted; how many. */
static inline size_t help_arenas(size_t **indexes)
{
    enum { ARENAS_MAX = 4096 };
    static size_t known[ARENAS_MAX], count;
    if (count * TPI_ARENA_BYTES != tpi_pageheap.reserved) {
        count = 0;
        for (size_t i = 0; i < TP_DETAIL_ARENAS; i++) {
            if (tp_detail_heap_arenas[i] == NULL)
                continue;
            assert_true(count < ARENAS_MAX);
            known[count++] = i;
        }
        assert_int_equal(count * TPI_ARENA_BYTES, tpi_pageheap.reserved);
    }
    *indexes = known;
    return count;
}

/* Walks all spans of all arenas: every page in exactly one, no two free neighbours, and all counts
   are what the walk finds. */
static inline void help_check_heap(void)
{
    struct help_sums sums = {0};
    uint64_t nodes = 0;
    const struct tpi_span *previous = NULL, *before = NULL;
    size_t *arenas, count = help_arenas(&arenas);
    for (size_t i = 0; i < count; i++) {
        uintptr_t at = (uintptr_t)arenas[i] << TP_DETAIL_ARENA_SHIFT, end = at + TPI_ARENA_BYTES;
        if (previous != NULL && at < tpi_span_end(previous))
            at = tpi_span_end(previous);
        while (at < end) {
            const struct tpi_span *span = tpi_span_of(at);
            assert_non_null(span);
            assert_int_equal(span->base, at);
            if (tpi_span_state(span) == TPI_SPAN_FREE) {
                assert_false(previous != NULL && tpi_span_end(previous) == at &&
                             previous->reservation == span->reservation &&
                             tpi_span_state(previous) == TPI_SPAN_FREE);
                help_check_free(span, &sums);
            } else {
                help_check_used(span, &sums);
            }
            previous = span;
            at = tpi_span_end(span);
        }
    }
    unsigned depth = help_check_tree(tpi_pageheap.tree.root, &before, &nodes);
    assert_true(depth <= 24 + 4 * tpi_highest_bit(nodes + 1));
    assert_int_equal(nodes, sums.free_spans);
    assert_int_equal(tpi_pageheap.spans, sums.spans);
    assert_int_equal(tpi_pageheap.in_use_bytes, sums.in_use * TPI_PAGE_BYTES);
    assert_int_equal(tpi_pageheap.idle_bytes, sums.dirty * TPI_PAGE_BYTES);
    assert_int_equal(tpi_pageheap.reserved, (sums.in_use + sums.free_pages) * TPI_PAGE_BYTES);
    assert_null(tpi_pageheap.transit);
}

/* --- aborts --- */

static inline size_t help_run_dying(void (*die)(void *argument), void *argument, char *said,
                                    size_t size, int *status)
{
    int ends[2];
    size_t used = 0;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        die(argument);
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], said + used, size - 1 - used)) > 0;)
        used += (size_t)n;
    said[used] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, status, 0), child);
    return used;
}

/* die(argument) aborts after one line on stderr that has `text` in it. */
static inline void help_expect_abort(void (*die)(void *argument), void *argument, const char *text)
{
    char said[4096];
    int status;
    help_run_dying(die, argument, said, sizeof said, &status);
    if (strstr(said, text) == NULL)
        fail_msg("expected \"%s\", it said \"%s\"", text, said);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    char *end = strchr(said, '\n');
    if (end != NULL && strncmp(end + 1, "qemu: ", 6) == 0)
        end[1] = '\0'; /* the emulator's own line */
    assert_ptr_equal(end, said + strlen(said) - 1);
}

#endif
