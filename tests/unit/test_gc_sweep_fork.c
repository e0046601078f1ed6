/* SPDX-License-Identifier: BSD-2-Clause */
/* A fork while the collecting thread gives empty spans back: the child has none of them twice, and
   loses none. */
#include "gc_help.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LARGE = 20, BYTES = 1 << 20 };

static uint32_t freeing; /* 1: the first span is being freed; the test may fork */

void __real_tpi_collected_span_free(struct tpi_span *span);
void __wrap_tpi_collected_span_free(struct tpi_span *span);
void __wrap_tpi_collected_span_free(struct tpi_span *span)
{
    __real_tpi_collected_span_free(span);
    if (tpi_load_relaxed_32(&freeing) == 0) {
        tpi_store_release_32(&freeing, 1);
        tpi_os_sleep(100000000); /* others of its batch are not freed */
    }
}

static void *collect(void *unused)
{
    tp_gc_collect();
    tp_gc_collect();
    return unused;
}

static void *make(void *unused)
{
    for (unsigned i = 0; i < LARGE; i++)
        memset(tp_gc_alloc_leaf(BYTES), 1, BYTES);
    return unused;
}

static void on_another_thread(void *(*fn)(void *), bool wait, pthread_t *thread)
{
    assert_int_equal(pthread_create(thread, NULL, fn, NULL), 0);
    if (wait)
        assert_int_equal(pthread_join(*thread, NULL), 0);
}

static void a_child_loses_no_empty_span(void **state)
{
    (void)state;
    pthread_t thread;
    int status = 0;
    tp_gc_percent_set(-1);
    on_another_thread(make, true, &thread);
    uint64_t before = tpi_heap_collected();
    assert_true(before >= LARGE * (uint64_t)BYTES);
    on_another_thread(collect, false, &thread);
    while (tpi_load_acquire_32(&freeing) == 0)
        tpi_os_sleep(100000);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        collect(NULL);
        _exit(tpi_heap_collected() <= before - LARGE * (uint64_t)BYTES ? 0 : 1);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(tpi_heap_collected() <= before - LARGE * (uint64_t)BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_child_loses_no_empty_span)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
