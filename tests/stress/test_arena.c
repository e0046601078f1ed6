/* SPDX-License-Identifier: BSD-2-Clause */
/* Random histories of arenas against a reference: every arena has a model that knows what is in it,
   in order: allocations with their contents, cleanups, children with models of their own, and the
   marks that hold. Whatever goes is looked at once more before it goes; the cleanups that ran are
   compared with those that had to. Threads have trees of arenas of their own, nest scratch arenas,
   and pass pooled arenas on to each other. */
#include <pthread.h>

#include "stress.h"

enum {
    WORKERS = 3,
    ROOTS = 3,
    MARKS_MAX = 24,
    DEPTH_MAX = 6,
    ENTRIES_MAX = 3000,
    RAN_MAX = 1 << 16,
    MAILBOXES = 4,
    HEAD = 64 /* of a chunk */
};

enum what { MEMORY, CLEANUP, CHILD };

struct entry {
    enum what what;
    uint64_t serial;
    unsigned char *memory;
    size_t size;
    struct model *child;
};

struct mark {
    tp_arena_mark mark;
    uint64_t serial; /* what is older stays */
};

struct model {
    tp_arena *arena;
    struct model *parent;
    size_t limit, retain;
    unsigned depth;
    uint64_t serial;
    size_t n, marks_n;
    struct mark marks[MARKS_MAX];
    struct entry entries[ENTRIES_MAX];
};

struct worker {
    pthread_t thread;
    uint32_t who;
    struct stress_random random;
    struct model *roots[ROOTS];
    uint64_t operations;
};

static struct worker workers[WORKERS];
static struct model *_Atomic mailboxes[MAILBOXES];
static tp_arena_pool *pool;
static int64_t end_ns;

/* What ran, and what had to, on this thread since the last look. */
static _Thread_local uintptr_t ran[RAN_MAX], expected[RAN_MAX];
static _Thread_local size_t ran_n, expected_n;

static void clean(void *arg)
{
    STRESS_CHECK(ran_n < RAN_MAX, "cleanups without end");
    ran[ran_n++] = (uintptr_t)arg;
}

static void compare_cleanups(void)
{
    STRESS_CHECK(ran_n == expected_n, "%zu cleanups ran, not %zu", ran_n, expected_n);
    for (size_t i = 0; i < ran_n; i++)
        STRESS_CHECK(ran[i] == expected[i], "cleanup %zu of %zu: %lx ran, not %lx", i, ran_n,
                     (unsigned long)ran[i], (unsigned long)expected[i]);
    ran_n = expected_n = 0;
}

/* --- models --- */

static struct model *model_new(tp_arena *arena, struct model *parent, size_t limit, size_t retain)
{
    struct model *model = malloc(sizeof *model);
    STRESS_CHECK(model != NULL && arena != NULL, "no memory");
    model->arena = arena;
    model->parent = parent;
    model->limit = limit;
    model->retain = retain;
    model->depth = parent == NULL ? 0 : parent->depth + 1;
    model->serial = 0;
    model->n = model->marks_n = 0;
    return model;
}

static unsigned char pattern(const struct entry *entry, size_t i)
{
    return (unsigned char)(entry->serial * 37 + i + (i >> 8));
}

static size_t stride(size_t size)
{
    return size < 256 ? 1 : size / 64;
}

static void entry_check(const struct model *model, const struct entry *entry)
{
    if (entry->what != MEMORY)
        return;
    for (size_t i = 0; i < entry->size; i += stride(entry->size))
        STRESS_CHECK(entry->memory[i] == pattern(entry, i),
                     "arena %p: %zu bytes at %p were overwritten at %zu", (void *)model->arena,
                     entry->size, (void *)entry->memory, i);
}

static void entry_add(struct model *model, enum what what, void *memory, size_t size,
                      struct model *child)
{
    struct entry *entry = &model->entries[model->n++];
    *entry = (struct entry){what, ++model->serial, memory, size, child};
    for (size_t i = 0; what == MEMORY && i < size; i += stride(size))
        entry->memory[i] = pattern(entry, i);
}

/* Takes all newer than `serial` out of the model, and notes which cleanups have to run. */
static void model_cut(struct model *model, uint64_t serial)
{
    while (model->n > 0 && model->entries[model->n - 1].serial > serial) {
        struct entry *entry = &model->entries[--model->n];
        entry_check(model, entry);
        if (entry->what == CLEANUP) {
            STRESS_CHECK(expected_n < RAN_MAX, "more cleanups than the test foresees");
            expected[expected_n++] = (uintptr_t)entry->serial << 16 | model->depth;
        } else if (entry->what == CHILD) {
            model_cut(entry->child, 0);
            free(entry->child);
        }
    }
    while (model->marks_n > 0 && model->marks[model->marks_n - 1].serial > serial)
        model->marks_n--;
}

static uint64_t held_by(const struct model *model)
{
    tp_arena_stats stats;
    tp_arena_stats_read(model->arena, &stats);
    uint64_t held = stats.held;
    for (size_t i = 0; i < model->n; i++)
        if (model->entries[i].what == CHILD)
            held += held_by(model->entries[i].child);
    return held;
}

static void model_check(const struct model *model)
{
    tp_arena_stats stats;
    uint64_t bytes = 0, cleanups = 0;
    tp_arena_stats_read(model->arena, &stats);
    for (size_t i = 0; i < model->n; i++) {
        const struct entry *entry = &model->entries[i];
        entry_check(model, entry);
        bytes += entry->what == MEMORY ? entry->size : 0;
        cleanups += entry->what == CLEANUP;
        if (entry->what == CHILD)
            model_check(entry->child);
    }
    STRESS_CHECK(stats.used >= bytes && stats.peak >= stats.used && stats.held >= stats.used,
                 "arena %p: %llu bytes, used %llu, peak %llu, held %llu", (void *)model->arena,
                 (unsigned long long)bytes, (unsigned long long)stats.used,
                 (unsigned long long)stats.peak, (unsigned long long)stats.held);
    STRESS_CHECK(stats.cleanups == cleanups, "arena %p: %llu cleanups wait, not %llu",
                 (void *)model->arena, (unsigned long long)stats.cleanups,
                 (unsigned long long)cleanups);
    STRESS_CHECK(model->limit == 0 || stats.charged <= model->limit, "arena %p is above its limit",
                 (void *)model->arena);
    STRESS_CHECK(stats.charged == held_by(model), "arena %p: charged %llu", (void *)model->arena,
                 (unsigned long long)stats.charged);
}

/* An allocation of so many bytes was refused: one of the limits must be the reason. */
static void refusal_check(const struct model *model, size_t bytes)
{
    tp_arena_stats stats;
    for (const struct model *at = model; at != NULL; at = at->parent) {
        tp_arena_stats_read(at->arena, &stats);
        if (at->limit != 0 && at->limit - stats.charged < bytes)
            return;
    }
    stress_fail("arena %p refused %zu bytes without a reason", (void *)model->arena, bytes);
}

/* --- what is done --- */

static size_t any_size(struct stress_random *random)
{
    size_t bound = (size_t)8 << stress_below(random, 15);
    return 1 + stress_below(random, (uint32_t)(stress_below(random, 8) != 0 ? 200 : bound));
}

static void do_allocate(struct worker *worker, struct model *model)
{
    size_t size = any_size(&worker->random), align = 16;
    unsigned char *memory;
    switch (stress_below(&worker->random, 8)) {
    case 0:
        align = (size_t)1 << stress_below(&worker->random, 14);
        memory = tp_arena_alloc_aligned(model->arena, size, align);
        break;
    case 1:
        memory = tp_arena_alloc_zeroed(model->arena, size, 1);
        for (size_t i = 0; memory != NULL && i < size; i++)
            STRESS_CHECK(memory[i] == 0, "not zeroed");
        break;
    case 2:
        memory = (unsigned char *)tp_arena_printf(model->arena, "%*d", (int)size - 1, 7);
        size = memory == NULL ? size + 1 : strlen((char *)memory) + 1;
        break;
    default:
        memory = tp_arena_alloc(model->arena, size);
        break;
    }
    STRESS_CHECK((uintptr_t)memory % align == 0, "not aligned");
    if (memory == NULL)
        refusal_check(model, HEAD + ((size + 15) & ~(size_t)15) + align);
    else
        entry_add(model, MEMORY, memory, size, NULL);
}

/* The newest allocation, if a mark does not protect it: what was resized counts as made now. */
static void do_resize(struct worker *worker, struct model *model)
{
    struct entry *entry = &model->entries[model->n > 0 ? model->n - 1 : 0];
    if (model->n == 0 || entry->what != MEMORY)
        return;
    entry_check(model, entry);
    bool behind_marks =
        model->marks_n == 0 || model->marks[model->marks_n - 1].serial < entry->serial;
    size_t size = any_size(&worker->random), kept = size < entry->size ? size : entry->size;
    unsigned char *memory = tp_arena_resize(model->arena, entry->memory, entry->size, size);
    if (memory == NULL) {
        refusal_check(model, HEAD + ((size + 15) & ~(size_t)15) + 16);
        return;
    }
    for (size_t i = 0; i < kept; i += stride(entry->size))
        STRESS_CHECK(memory[i] == pattern(entry, i), "lost in a resize at %zu", i);
    if (behind_marks || size < entry->size)
        model->n--;
    if (behind_marks)
        entry_add(model, MEMORY, memory, size, NULL);
    else if (size < entry->size) /* in place, and still as old as it was */
        entry_add(model, MEMORY, memory, 0, NULL);
}

static void do_mark(struct worker *worker, struct model *model)
{
    if (model->marks_n < MARKS_MAX)
        model->marks[model->marks_n++] = (struct mark){tp_arena_save(model->arena), model->serial};
    else
        model->marks_n = stress_below(&worker->random, MARKS_MAX);
}

static void do_rewind(struct worker *worker, struct model *model)
{
    if (model->marks_n == 0)
        return;
    size_t to = model->marks_n - 1;
    if (stress_below(&worker->random, 4) == 0)
        to = stress_below(&worker->random, (uint32_t)model->marks_n);
    struct mark mark = model->marks[to];
    model_cut(model, mark.serial);
    tp_arena_rewind(model->arena, mark.mark);
    compare_cleanups();
    model->marks_n = to + 1;
}

static void do_reset(struct model *model)
{
    tp_arena_stats stats;
    model_cut(model, 0);
    tp_arena_reset(model->arena);
    compare_cleanups();
    model->marks_n = 0;
    tp_arena_stats_read(model->arena, &stats);
    STRESS_CHECK(stats.used == 0 && stats.held <= model->retain, "after a reset: %llu, %llu",
                 (unsigned long long)stats.used, (unsigned long long)stats.held);
}

static void do_child(struct worker *worker, struct model *model)
{
    if (model->depth == DEPTH_MAX)
        return;
    size_t limit = stress_below(&worker->random, 2) == 0 ? 0 : 5000 + any_size(&worker->random);
    tp_arena *arena = tp_arena_child(model->arena, limit);
    entry_add(model, CHILD, NULL, 0, model_new(arena, model, limit, model->retain));
}

static void do_child_end(struct worker *worker, struct model *model)
{
    size_t at = model->n == 0 ? 0 : stress_below(&worker->random, (uint32_t)model->n);
    while (at < model->n && model->entries[at].what != CHILD)
        at++;
    if (at == model->n)
        return;
    struct model *child = model->entries[at].child;
    memmove(&model->entries[at], &model->entries[at + 1],
            (--model->n - at) * sizeof *model->entries);
    model_cut(child, 0);
    tp_arena_destroy(child->arena);
    compare_cleanups();
    free(child);
}

static void do_defer(struct model *model)
{
    uintptr_t which = (uintptr_t)(model->serial + 1) << 16 | model->depth;
    if (tp_arena_defer(model->arena, clean, (void *)which) == 0)
        entry_add(model, CLEANUP, NULL, 0, NULL);
    else
        refusal_check(model, HEAD + 64);
}

/* Results in one scratch arena, noise in the other, some levels deep. */
static void do_scratch(struct worker *worker, tp_arena *result, unsigned depth)
{
    tp_arena *scratch = tp_scratch_begin(result);
    STRESS_CHECK(scratch != NULL && scratch != result, "no scratch arena");
    size_t size = any_size(&worker->random);
    unsigned char *noise = tp_arena_alloc(scratch, size);
    unsigned char *kept = result == NULL ? NULL : tp_arena_alloc(result, size);
    STRESS_CHECK(noise != NULL, "no memory");
    memset(noise, (int)depth, size);
    if (kept != NULL)
        memset(kept, (int)depth + 100, size);
    for (unsigned calls = stress_below(&worker->random, 3); depth < 5 && calls > 0; calls--)
        do_scratch(worker, stress_below(&worker->random, 2) == 0 ? scratch : result, depth + 1);
    for (size_t i = 0; i < size; i += stride(size))
        STRESS_CHECK(noise[i] == depth && (kept == NULL || kept[i] == depth + 100),
                     "scratch memory was overwritten");
    tp_scratch_end(scratch);
}

/* A pooled arena is filled, left to whoever comes, and what was left is put. */
static void do_mail(struct worker *worker);

static void do_one(struct worker *worker, struct model *model)
{
    uint32_t what = stress_below(&worker->random, 100);
    if (model->n >= ENTRIES_MAX - 4)
        do_reset(model);
    else if (what < 50)
        do_allocate(worker, model);
    else if (what < 56)
        do_resize(worker, model);
    else if (what < 64)
        do_mark(worker, model);
    else if (what < 76)
        do_rewind(worker, model);
    else if (what < 80)
        do_child(worker, model);
    else if (what < 83)
        do_child_end(worker, model);
    else if (what < 92)
        do_defer(model);
    else if (what < 94)
        do_scratch(worker, NULL, 0);
    else if (what < 96)
        do_mail(worker);
    else if (what < 97)
        do_reset(model);
    else if (what < 98)
        model_check(model);
}

static void do_mail(struct worker *worker)
{
    struct model *model = model_new(tp_arena_pool_get(pool), NULL, 0, 50000);
    for (uint32_t i = stress_below(&worker->random, 40); i > 0; i--) {
        do_allocate(worker, model);
        if (i % 8 == 0)
            do_defer(model);
    }
    uint32_t box = stress_below(&worker->random, MAILBOXES);
    model = atomic_exchange(&mailboxes[box], model);
    if (model == NULL)
        return;
    model_check(model);
    model_cut(model, 0);
    tp_arena_pool_put(pool, model->arena);
    compare_cleanups();
    free(model);
}

static struct model *any_arena(struct worker *worker)
{
    struct model *model = worker->roots[stress_below(&worker->random, ROOTS)];
    for (uint32_t tries = stress_below(&worker->random, 6); tries > 0 && model->n > 0; tries--) {
        const struct entry *entry =
            &model->entries[stress_below(&worker->random, (uint32_t)model->n)];
        if (entry->what == CHILD)
            model = entry->child;
    }
    return model;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    static const tp_arena_options options[ROOTS] = {
        {.name = "plain", .retain = 30000},
        {.name = "bound", .limit = 100000, .retain = 20000},
        {.name = "all", .first = 300, .retain = TP_ARENA_RETAIN_ALL},
    };
    worker->random = stress_stream(worker->who, 0);
    for (int i = 0; i < ROOTS; i++)
        worker->roots[i] =
            model_new(tp_arena_create(&options[i]), NULL, options[i].limit, options[i].retain);
    while (worker->operations++ % 256 != 0 || stress_now_ns() < end_ns)
        do_one(worker, any_arena(worker));
    for (int i = 0; i < ROOTS; i++) {
        model_check(worker->roots[i]);
        model_cut(worker->roots[i], 0);
        tp_arena_destroy(worker->roots[i]->arena);
        compare_cleanups();
        free(worker->roots[i]);
    }
    return NULL;
}

static void arena_run(int64_t deadline)
{
    uint64_t operations = 0;
    end_ns = deadline;
    pool = tp_arena_pool_create(&(tp_arena_options){.name = "mail", .retain = 50000});
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i].who = i + 1;
        int error = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
        STRESS_CHECK(error == 0, "pthread_create: %s", strerror(error));
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        operations += workers[i].operations;
    }
    for (int i = 0; i < MAILBOXES; i++) {
        struct model *model = atomic_load(&mailboxes[i]);
        if (model == NULL)
            continue;
        model_cut(model, 0);
        tp_arena_pool_put(pool, model->arena);
        compare_cleanups();
        free(model);
    }
    tp_arena_pool_destroy(pool);
    printf("%llu operations\n", (unsigned long long)operations);
}

int main(int argc, char **argv)
{
    static const struct stress_mode modes[] = {
        {"", "2"},
        {"poolcheck=1", "4"},
        {"rseq=off", "4"},
    };
    return stress_main(argc, argv, "test_arena", arena_run, modes, sizeof modes / sizeof modes[0]);
}
