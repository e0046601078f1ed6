/* SPDX-License-Identifier: BSD-2-Clause */
/* The library is used before its constructor ran, as an interposer of malloc or an early C++
   object may do: from .preinit_array, which is run before any shared object's constructors. Each
   kind of call is the first one in a process of its own, whose scenario bears its name; main finds
   all as it was left. */
#include "support.h"

struct early_object {
    unsigned value[20];
};

static unsigned destructs;

static void early_destruct(void *object, void *context)
{
    (void)object;
    (void)context;
    support_add(&destructs, 1);
}

TP_POOL_DEFINE(early, struct early_object, .destruct = early_destruct)

enum { EARLY_BYTES = 300 };

static struct {
    bool wrong;
    unsigned char *memory; /* from there on, used in main */
    tp_pool *pool;
    void *object;
    uint64_t cycle;
} left;

/* --- the first calls --- */

static void first_is_heap(void)
{
    unsigned char *memory = tp_heap_alloc(100);
    left.wrong = memory == NULL;
    if (!left.wrong)
        memset(memory, 1, 100);
    tp_heap_free(memory);
}

static void first_is_large(void)
{
    void *memory = tp_heap_alloc(3 << 20);
    left.wrong = memory == NULL;
    tp_heap_free(memory);
}

static void first_is_pool(void)
{
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.name = "first", .size = 64});
    void *object = pool == NULL ? NULL : tp_pool_get(pool);
    left.wrong = object == NULL;
    if (left.wrong)
        return;
    memset(object, 2, 64);
    tp_pool_put(pool, object);
    tp_pool_destroy(pool);
}

static void first_is_static_pool(void)
{
    struct early_object *object = early_get();
    left.wrong = object == NULL;
    early_put(object);
}

static void first_is_collect(void)
{
    uint64_t number = tp_gc_collect();
    left.wrong = number == 0 || tp_gc_cycle() < number;
}

static void first_is_stats(void)
{
    struct tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    tp_heap_trim();
    left.wrong = stats.in_use > 64 << 20;
}

static const struct {
    const char *name;
    void (*call)(void);
} firsts[] = {
    {"heap", first_is_heap},
    {"large", first_is_large},
    {"pool", first_is_pool},
    {"static_pool", first_is_static_pool},
    {"collect", first_is_collect},
    {"stats", first_is_stats},
};

/* --- what comes after it, and what main sees --- */

static void use_everything(void)
{
    left.memory = tp_heap_realloc(tp_heap_alloc(10), EARLY_BYTES);
    left.pool = tp_pool_create(&(tp_pool_options){.name = "left", .size = 64, .live_max = 3});
    left.object = left.pool == NULL ? NULL : tp_pool_get(left.pool);
    early_put(early_get());
    left.cycle = tp_gc_collect();
    left.wrong = left.wrong || left.memory == NULL || left.object == NULL;
    if (left.wrong)
        return;
    memset(left.memory, 3, EARLY_BYTES);
    memset(left.object, 4, 64);
}

static void run_early(int argc, char **argv, char **environment)
{
    environ = environment; /* libc's own start, which sets it, comes later too */
    for (size_t i = 0; argc > 1 && i < SUPPORT_COUNT(firsts); i++) {
        if (strcmp(argv[1], firsts[i].name) == 0) {
            firsts[i].call();
            use_everything();
        }
    }
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **,
                                                                              char **) = run_early;

/* 0, or the line that is not as it should be. */
static int main_finds_it_as_it_was_left(void)
{
    if (tp_gc_percent_set(-1) != -1) /* TIDEPOOL was read: support.h has gcpercent=off */
        return __LINE__;
    if (left.wrong || left.memory[EARLY_BYTES - 1] != 3 || ((char *)left.object)[63] != 4)
        return __LINE__;
    if (tp_gc_collect() <= left.cycle || tp_gc_collect() != tp_gc_cycle())
        return __LINE__;
    if (support_stats(early_pool()).live != 0 || support_read(&destructs) == 0)
        return __LINE__;
    tp_heap_free(left.memory);
    tp_pool_put(left.pool, left.object);
    for (unsigned i = 0; i < 200; i++) {
        void *objects[4];
        if (tp_pool_get_many(left.pool, objects, 4) != 3)
            return __LINE__;
        tp_pool_put_many(left.pool, objects, 3);
        void *memory = tp_heap_alloc((size_t)i * 20);
        if (memory == NULL)
            return __LINE__;
        memset(memory, 5, (size_t)i * 20);
        tp_heap_free(memory);
    }
    tp_pool_stats stats = support_stats(left.pool);
    if (stats.live != 3 || stats.gets != stats.puts)
        return __LINE__;
    tp_pool_destroy(left.pool);
    return 0;
}

static int run_any(void)
{
    int line = main_finds_it_as_it_was_left();
    if (line != 0)
        fprintf(stderr, "%s:%d: not as it was left\n", __FILE__, line);
    return line != 0;
}

/* --- the tests --- */

static void the_heap_may_be_used_first(void **state)
{
    (void)state;
    support_passes("heap", NULL);
    support_passes("large", NULL);
    support_passes("stats", NULL);
}

static void a_pool_may_be_used_first(void **state)
{
    (void)state;
    support_passes("pool", NULL);
    support_passes("static_pool", NULL);
}

static void a_cycle_may_be_asked_for_first(void **state)
{
    (void)state;
    support_passes("collect", NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heap_may_be_used_first),
        cmocka_unit_test(a_pool_may_be_used_first),
        cmocka_unit_test(a_cycle_may_be_asked_for_first),
    };
    const struct support_scenario scenarios[] = {
        {"collect", run_any},
        {"heap", run_any},
        {"large", run_any},
        {"pool", run_any},
        {"static_pool", run_any},
        {"stats", run_any},
        {NULL, NULL},
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("early_use", tests, support_modes);
}
