/* SPDX-License-Identifier: BSD-2-Clause */
/* fork in the midst of traffic: the child's heap works, whatever the other threads were doing. */
#include <pthread.h>

#include "heap_help.h"

enum { THREADS = 3, FORKS = 40, BATCH = 32 };

static uint32_t stop;

/* The deadlock detector of ThreadSanitizer ends a program that holds more than 64 locks; prepare
   holds one for each size class. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "detect_deadlocks=0";
}

static void *traffic(void *argument)
{
    struct help_random random = {*(uint64_t *)argument};
    while (tpi_load_relaxed_32(&stop) == 0) {
        void *batch[BATCH];
        unsigned size_class = 1 + (unsigned)help_below(&random, TP_DETAIL_CLASSES - 1);
        size_t n = tpi_central_alloc(size_class, batch, 1 + help_below(&random, BATCH));
        char *large = tpi_large_alloc(help_below(&random, 4 << 20), 16, false);
        help_require(large != NULL && n > 0);
        memset(large, 1, tpi_heap_where(large).bytes);
        tpi_central_free(batch, n);
        tpi_large_free(large);
        if (help_below(&random, 4) == 0)
            tpi_heap_scavenge(0);
    }
    return NULL;
}

/* What other threads had taken, or were about to map, is in use for ever here; the rest is the
   child's. So the walk over all spans is not for it, but the tree is. */
static void use_the_heap(void)
{
    const struct tpi_span *before = NULL;
    uint64_t nodes = 0;
    help_check_tree(tpi_pageheap.tree.root, &before, &nodes);
    help_require(help_tree_pages(tpi_pageheap.tree.root) * TPI_PAGE_BYTES + tpi_heap_in_use() ==
                 tpi_pageheap.reserved);
    help_require(tpi_pageheap.transit == NULL);
    for (int round = 0; round < 20; round++) {
        for (unsigned c = 1; c < TP_DETAIL_CLASSES; c++) {
            void *batch[BATCH];
            help_require(tpi_central_alloc(c, batch, BATCH) == BATCH);
            tpi_central_free(batch, BATCH);
        }
        void *large = tpi_large_alloc(3 << 20, 16, false);
        help_require(large != NULL);
        tpi_large_free(large);
    }
    tpi_heap_scavenge(0);
    help_require(tpi_heap_resident() == tpi_heap_in_use());
}

static void forks_in_traffic(void **state)
{
    (void)state;
    struct help_random random = help_seed("fork");
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    void *mine[BATCH];
    assert_true(
        tpi_os_fork_hooks(tpi_heap_fork_prepare, tpi_heap_fork_parent, tpi_heap_fork_child));
    assert_int_equal(tpi_central_alloc(7, mine, BATCH), BATCH);
    for (size_t i = 0; i < THREADS; i++) {
        seeds[i] = help_next(&random) | 1;
        assert_int_equal(pthread_create(&threads[i], NULL, traffic, &seeds[i]), 0);
    }
    for (int i = 0; i < FORKS; i++) {
        int status;
        usleep((useconds_t)help_below(&random, 5000));
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(60); /* a lock that is held for ever ends as SIGALRM */
            tpi_central_free(mine, BATCH);
            use_the_heap();
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    tpi_store_relaxed_32(&stop, 1);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tpi_central_free(mine, BATCH);
    tpi_heap_scavenge(0);
    assert_int_equal(tpi_heap_in_use(), 0);
    help_check_heap();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forks_in_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
