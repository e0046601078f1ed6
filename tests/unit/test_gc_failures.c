/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory runs out under the collector: every call that may fail is made to, at each place in turn,
   once or from there on. What cannot be had is NULL with ENOMEM, or -1; what was there stays as it
   was, through cycles that find no memory for mark buffers too; and when memory is back everything
   works and nothing is left over. Each try is a process of its own, which begins with no heap.

   Linked with -Wl,--wrap for the calls below. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <tidepool.h>

#include "gc/collector.h"

/* As tests/contract/support.h says; other builds call it never. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "detect_deadlocks=0:die_after_fork=0:atexit_sleep_ms=0";
}

void *__real_tpi_os_reserve(size_t bytes, size_t align);
bool __real_tpi_os_commit(void *at, size_t bytes);
void *__real_tpi_os_map(size_t bytes);
void *__real_tpi_pages_alloc(size_t pages);
struct tpi_span *__real_tpi_collected_span_new(unsigned size_class, void *layout);
struct tpi_span *__real_tpi_collected_large_new(size_t bytes, void *layout, uint8_t mark);
void *__real_tp_detail_heap_alloc(size_t size);
void *__wrap_tpi_os_reserve(size_t bytes, size_t align);
bool __wrap_tpi_os_commit(void *at, size_t bytes);
void *__wrap_tpi_os_map(size_t bytes);
void *__wrap_tpi_pages_alloc(size_t pages);
struct tpi_span *__wrap_tpi_collected_span_new(unsigned size_class, void *layout);
struct tpi_span *__wrap_tpi_collected_large_new(size_t bytes, void *layout, uint8_t mark);
void *__wrap_tp_detail_heap_alloc(size_t size);

enum { NEVER = INT32_MAX, RAN_OUT = 42, WRONG = 3, CANNOT_EXECUTE = 99 };

/* Atomic, since the service thread and markers call too. */
static int32_t left_until = NEVER, last_refused = NEVER, refusals;
static bool refuse_maps; /* all of them */

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);      \
            _exit(WRONG);                                                                          \
        }                                                                                          \
    } while (0)

static bool refused(void)
{
    if (__atomic_load_n(&left_until, __ATOMIC_SEQ_CST) == NEVER)
        return false;
    int32_t left = __atomic_fetch_sub(&left_until, 1, __ATOMIC_SEQ_CST);
    bool refuse = left <= 0 && left >= __atomic_load_n(&last_refused, __ATOMIC_SEQ_CST);
    if (refuse) {
        __atomic_fetch_add(&refusals, 1, __ATOMIC_SEQ_CST);
        errno = ENOMEM;
    }
    return refuse;
}

void *__wrap_tpi_os_reserve(size_t bytes, size_t align)
{
    return refused() ? NULL : __real_tpi_os_reserve(bytes, align);
}

bool __wrap_tpi_os_commit(void *at, size_t bytes)
{
    return !refused() && __real_tpi_os_commit(at, bytes);
}

void *__wrap_tpi_os_map(size_t bytes)
{
    return __atomic_load_n(&refuse_maps, __ATOMIC_SEQ_CST) || refused() ? NULL
                                                                        : __real_tpi_os_map(bytes);
}

void *__wrap_tpi_pages_alloc(size_t pages)
{
    return refused() ? NULL : __real_tpi_pages_alloc(pages);
}

struct tpi_span *__wrap_tpi_collected_span_new(unsigned size_class, void *layout)
{
    return refused() ? NULL : __real_tpi_collected_span_new(size_class, layout);
}

struct tpi_span *__wrap_tpi_collected_large_new(size_t bytes, void *layout, uint8_t mark)
{
    return refused() ? NULL : __real_tpi_collected_large_new(bytes, layout, mark);
}

void *__wrap_tp_detail_heap_alloc(size_t size)
{
    return refused() ? NULL : __real_tp_detail_heap_alloc(size);
}

/* --- what is done --- */

struct node {
    struct node *next;
    uint64_t number;
    struct node *links[];
};
TP_GC_TYPE(node_type, struct node, next);
TP_GC_TYPE(flex_type, struct node, next, links);

enum { SETTLED_MAX = 1 << 20, SETTLED_SLACK = 64 << 10 };
enum { NODES = 3000, FLEX = 700, LARGE_FLEX = 20000 };

/* A list, flexible ones, a weakly held one, another thread's list, a collected pool's object. */
static struct node *roots[5];
static uint32_t cleaned;

static void *got(void *object)
{
    REQUIRE(object != NULL || errno == ENOMEM);
    errno = 0;
    return object;
}

static bool did(int result)
{
    REQUIRE(result == 0 || (result == -1 && errno == ENOMEM));
    errno = 0;
    return result == 0;
}

static void clean(void *argument)
{
    (void)argument;
    __atomic_fetch_add(&cleaned, 1, __ATOMIC_SEQ_CST);
}

/* As far as memory goes; how long the list is. */
static uint64_t list_make(struct node **list, uint64_t n)
{
    for (uint64_t i = 1; i <= n; i++) {
        struct node *node = got(tp_gc_alloc(&node_type));
        if (node == NULL)
            return i - 1;
        REQUIRE(node->next == NULL && node->number == 0);
        node->number = i;
        tp_gc_store(&node->next, *list);
        tp_gc_store(list, node);
    }
    return n;
}

static void list_is(const struct node *list, uint64_t n)
{
    for (; list != NULL; list = list->next, n--)
        REQUIRE(list->number == n);
    REQUIRE(n == 0);
}

/* Wide objects, of each word of which one hangs: what is grey at once is more than a buffer. */
static uint64_t wide_make(struct node **to, size_t links)
{
    uint64_t n = 0;
    struct node *wide = got(tp_gc_alloc_flex(&flex_type, links));
    if (wide == NULL)
        return 0;
    tp_gc_store(&wide->next, *to);
    tp_gc_store(to, wide);
    for (size_t i = 0; i < links; i++) {
        struct node *node = got(tp_gc_alloc(&flex_type));
        if (node == NULL)
            break;
        node->number = ++n;
        tp_gc_store(&wide->links[i], node);
    }
    wide->number = n;
    return n;
}

static void wide_is(const struct node *wide)
{
    for (; wide != NULL; wide = wide->next)
        for (uint64_t i = 0; i < wide->number; i++)
            REQUIRE(wide->links[i] != NULL && wide->links[i]->number == i + 1);
}

static void *other_thread(void *argument)
{
    uint64_t *n = argument;
    (void)did(tp_gc_thread_attach());
    *n = list_make(&roots[3], 500);
    return NULL;
}

struct used {
    uint64_t nodes, others;
    tp_gc_weak *weak;
    tp_pool *pools[2];
    void *pooled[2];
    bool cleanup, pinned, rooted;
    void *pin;
};

static void use_pools(struct used *used)
{
    for (unsigned i = 0; i < 2; i++) {
        used->pools[i] =
            tp_pool_create(&(tp_pool_options){.name = "failing",
                                              .size = sizeof(struct node),
                                              .gc_type = &node_type,
                                              .flags = i == 0 ? TP_POOL_COLLECTED : 0});
        used->pooled[i] = got(used->pools[i]) ? got(tp_pool_get(used->pools[i])) : NULL;
        struct node *node = used->pooled[i];
        if (node != NULL) {
            if (i == 0)
                tp_gc_store(&roots[4], node);
            tp_gc_store(&node->next, (struct node *)got(tp_gc_alloc(&node_type)));
            node->number = node->next != NULL;
            if (node->next != NULL)
                node->next->number = 77;
        }
    }
}

static void pools_are(const struct used *used)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct node *node = used->pooled[i];
        REQUIRE(node == NULL || (node->next != NULL) == (node->number == 1));
        REQUIRE(node == NULL || node->next == NULL || node->next->number == 77);
    }
}

__attribute__((noinline)) static void use_all(struct used *used)
{
    pthread_t thread;
    used->rooted = did(tp_gc_root_add(roots, sizeof roots));
    if (!used->rooted || !did(tp_gc_thread_attach()))
        return;
    used->nodes = list_make(&roots[0], NODES);
    (void)wide_make(&roots[1], FLEX);
    (void)wide_make(&roots[1], LARGE_FLEX);
    (void)got(tp_gc_alloc_leaf(100000));
    (void)got(tp_gc_alloc_leaf(300));
    (void)got(tp_gc_alloc_array(&node_type, 50));
    (void)got(tp_gc_alloc_conservative(500));
    struct node *node = got(tp_gc_alloc(&node_type));
    if (node != NULL) {
        tp_gc_store(&roots[2], node);
        used->weak = got(tp_gc_weak_make(node));
        used->cleanup = got(tp_gc_cleanup_add(node, clean, NULL)) != NULL;
    }
    used->pin = got(tp_gc_alloc(&flex_type));
    used->pinned = used->pin != NULL && got(tp_gc_pin(used->pin)) != NULL;
    use_pools(used);
    if (pthread_create(&thread, NULL, other_thread, &used->others) == 0) {
        tp_gc_blocking_begin();
        pthread_join(thread, NULL);
        tp_gc_blocking_end();
    }
    tp_gc_collect();
}

static void all_is_there(const struct used *used)
{
    if (!used->rooted)
        return;
    list_is(roots[0], used->nodes);
    list_is(roots[3], used->others);
    wide_is(roots[1]);
    pools_are(used);
    void *weakly = used->weak != NULL ? tp_gc_weak_get(used->weak) : roots[2];
    REQUIRE(weakly == roots[2] || errno == ENOMEM);
    REQUIRE(cleaned == 0);
}

static void drop_all(struct used *used)
{
    tp_gc_weak_free(used->weak);
    if (used->pinned)
        tp_gc_unpin(used->pin);
    for (unsigned i = 0; i < 2; i++) {
        if (used->pooled[i] != NULL)
            tp_pool_put(used->pools[i], used->pooled[i]);
        if (used->pools[i] != NULL)
            tp_pool_destroy(used->pools[i]);
    }
    if (used->rooted)
        REQUIRE(tp_gc_root_remove(roots) == 0);
    memset(roots, 0, sizeof roots);
    memset(used, 0, sizeof *used);
}

__attribute__((noinline)) static void scrub(void)
{
    volatile char deep[32 << 10];
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = 0;
}

/* Bytes in use when all was dropped and collected. */
static uint64_t settle(void)
{
    for (int i = 0; i < 4; i++) {
        scrub();
        tp_gc_collect();
    }
    return tpi_heap_in_use();
}

static void refuse(int32_t first, int32_t last)
{
    __atomic_store_n(&last_refused, last, __ATOMIC_SEQ_CST);
    __atomic_store_n(&left_until, first, __ATOMIC_SEQ_CST);
}

/* The whole of one try. once: that call alone; else it and all behind it. */
static int try(bool once, int32_t call)
{
    static struct used used, again; /* no roots */
    tp_gc_percent_set(-1);
    refuse(call, once ? 0 : INT32_MIN);
    use_all(&used);
    all_is_there(&used);
    refuse(NEVER, NEVER);
    bool cleanup = used.cleanup;
    tp_gc_collect();
    all_is_there(&used);
    drop_all(&used);
    uint64_t settled[3] = {settle()};
    REQUIRE(cleaned == cleanup);
    for (int i = 1; i < 3; i++) {
        cleaned = 0;
        use_all(&again);
        REQUIRE(again.nodes == NODES && again.others == 500 && again.weak != NULL &&
                again.cleanup && again.pinned && again.pooled[0] != NULL &&
                again.pooled[1] != NULL);
        all_is_there(&again);
        drop_all(&again);
        settled[i] = settle();
        REQUIRE(cleaned == 1);
    }
    /* What stays is two threads' tables, and their spans. */
    if (settled[1] > SETTLED_MAX || settled[2] > settled[1] + SETTLED_SLACK) {
        fprintf(stderr, "in use when all was dropped: %llu, %llu, %llu bytes\n",
                (unsigned long long)settled[0], (unsigned long long)settled[1],
                (unsigned long long)settled[2]);
        return WRONG;
    }
    return refusals > 0 ? 0 : RAN_OUT;
}

/* --- no memory for mark buffers --- */

static int no_buffers(void)
{
    static struct used used;
    tp_gc_percent_set(-1);
    refuse_maps = false;
    use_all(&used); /* the tables are there */
    for (int i = 0; i < 5; i++) {
        refuse_maps = true;
        tp_gc_collect();
        refuse_maps = false;
        all_is_there(&used);
        uint64_t more = list_make(&roots[0], 0);
        REQUIRE(more == 0);
    }
    drop_all(&used);
    (void)settle();
    REQUIRE(cleaned == 1);
    return 0;
}

/* From the first cycle on: not one buffer. */
static int no_buffer_ever(void)
{
    enum { LISTS = 300 };
    static struct node *lists[LISTS];
    tp_gc_percent_set(-1);
    REQUIRE(tp_gc_root_add(lists, sizeof lists) == 0);
    for (unsigned i = 0; i < LISTS; i++)
        REQUIRE(list_make(&lists[i], i) == i);
    REQUIRE(wide_make(&roots[1], LARGE_FLEX) == LARGE_FLEX);
    REQUIRE(tp_gc_root_add(roots, sizeof roots) == 0);
    refuse_maps = true;
    for (int i = 0; i < 3; i++) {
        tp_gc_collect();
        for (unsigned n = 0; n < LISTS; n++)
            list_is(lists[n], n);
        wide_is(roots[1]);
    }
    memset(lists, 0, sizeof lists);
    memset(roots, 0, sizeof roots);
    REQUIRE(settle() < SETTLED_MAX);
    return 0;
}

/* --- the parent --- */

static char **arguments;

/* 0, RAN_OUT; anything else fails. */
static int run(const char *how, int32_t call)
{
    char number[16];
    int status;
    snprintf(number, sizeof number, "%d", call);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(120);
        execl("/proc/self/exe", arguments[0], how, number, (char *)NULL);
        _exit(CANNOT_EXECUTE);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_EXECUTE)
        skip();
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != RAN_OUT))
        fail_msg("%s, call %d: wait status 0x%x", how, call, (unsigned)status);
    return WEXITSTATUS(status);
}

static void each_call(const char *how)
{
    enum { CALLS_MAX = 5000 };
    int32_t call = 0, step = 1;
    while (run(how, call) != RAN_OUT) {
        assert_in_range(call, 0, CALLS_MAX);
        step = call < 64 ? 1 : 7; /* later ones are much alike */
        call += step;
    }
    assert_true(call >= 8);
    printf("%d calls that may fail\n", call);
}

static void each_call_is_refused_once(void **state)
{
    (void)state;
    each_call("once");
}

static void each_call_and_all_behind_it_are_refused(void **state)
{
    (void)state;
    each_call("from");
}

static void cycles_without_new_buffers(void **state)
{
    (void)state;
    assert_int_equal(run("buffers", 0), 0);
}

static void cycles_without_any_buffer(void **state)
{
    (void)state;
    assert_int_equal(run("none", 0), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycles_without_new_buffers),
        cmocka_unit_test(cycles_without_any_buffer),
        cmocka_unit_test(each_call_is_refused_once),
        cmocka_unit_test(each_call_and_all_behind_it_are_refused),
    };
    arguments = argv;
    if (argc < 3)
        return cmocka_run_group_tests(tests, NULL, NULL);
    (void)tp_version(); /* links the start of the library in */
    if (strcmp(argv[1], "buffers") == 0)
        return no_buffers();
    if (strcmp(argv[1], "none") == 0)
        return no_buffer_ever();
    return try(strcmp(argv[1], "once") == 0, atoi(argv[2]));
}
