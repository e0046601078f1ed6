/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory runs out under growing vectors: from the n-th request for pages on, for every n, all are
   refused. Each growing call then does what it says or leaves the vector whole, with ENOMEM; and
   when memory is back, everything works and nothing was lost.

   Linked with -Wl,--wrap for tpi_run_alloc and tpi_run_grow. */
#include "heap_help.h"

#include "kit/kit.h"

#include <tidepool/version.h>

struct tpi_span *__real_tpi_run_alloc(uint64_t pages, uint64_t align, enum tpi_span_state state,
                                      unsigned size_class);
bool __real_tpi_run_grow(struct tpi_span *span, uint64_t pages);
struct tpi_span *__wrap_tpi_run_alloc(uint64_t pages, uint64_t align, enum tpi_span_state state,
                                      unsigned size_class);
bool __wrap_tpi_run_grow(struct tpi_span *span, uint64_t pages);

static long calls_until_refusal = -1, refusals; /* -1: none is refused */

static bool refused(void)
{
    bool refuse = calls_until_refusal == 0;
    calls_until_refusal -= calls_until_refusal > 0;
    refusals += refuse;
    return refuse;
}

struct tpi_span *__wrap_tpi_run_alloc(uint64_t pages, uint64_t align, enum tpi_span_state state,
                                      unsigned size_class)
{
    return refused() ? NULL : __real_tpi_run_alloc(pages, align, state, size_class);
}

bool __wrap_tpi_run_grow(struct tpi_span *span, uint64_t pages)
{
    return !refused() && __real_tpi_run_grow(span, pages);
}

/* --- a vector that counts: element i is i, as far as it goes --- */

TP_VEC_DEFINE(longs, long)

static unsigned failures; /* calls that failed */

static void is_whole(const longs *v)
{
    help_require(v->len <= v->cap && (v->data != NULL) == (v->cap != 0));
    for (size_t i = 0; i < v->len; i++)
        help_require(v->data[i] == (long)i);
}

/* After a call that ought to have made it `n` long, or to have changed nothing. */
static bool checked(const longs *v, const longs *before, bool done, size_t n)
{
    if (done) {
        help_require(v->len == n);
    } else {
        failures++;
        help_require(errno == ENOMEM);
        help_require(memcmp(v, before, sizeof *v) == 0);
    }
    is_whole(v);
    errno = 0;
    return done;
}

static bool push_until(longs *v, size_t n)
{
    while (v->len < n) {
        longs before = *v;
        bool done = tp_vec_push(v, (long)v->len);
        if (v->len == v->cap || !done) /* where it may have moved */
            done = checked(v, &before, done, before.len + 1);
        if (!done)
            return false;
    }
    return true;
}

static void append_until(longs *v, size_t n)
{
    longs before = *v;
    long *more = calloc(n, sizeof(long));
    help_require(more != NULL);
    for (size_t i = v->len; i < n; i++)
        more[i - v->len] = (long)i;
    checked(v, &before, tp_vec_append(v, more, n - v->len), n);
    free(more);
}

/* Every way to grow and to shrink, small and large. */
static void history(longs *v)
{
    longs before;
    push_until(v, 10);
    push_until(v, 1000);
    append_until(v, v->len + 5000);
    before = *v;
    checked(v, &before, tp_vec_reserve(v, 40000), before.len);
    push_until(v, 40000);
    before = *v;
    checked(v, &before, tp_vec_reserve(v, 20 << 20), before.len);
    before = *v;
    if (tp_vec_insert(v, v->len, (long)v->len))
        before.len++;
    before.data = v->data;
    before.cap = v->cap;
    help_require(memcmp(v, &before, sizeof *v) == 0);
    is_whole(v);
    v->len = v->len < 900 ? v->len : 900;
    before = *v;
    checked(v, &before, tp_vec_clip(v), before.len);
    v->len = v->len < 20 ? v->len : 20;
    before = *v;
    checked(v, &before, tp_vec_clip(v), before.len);
    push_until(v, 60);
}

struct homes {
    tp_pool *pool;
    tp_arena *arena;
    longs heap, on_pool, on_arena;
};

static void all_histories(struct homes *homes)
{
    history(&homes->heap);
    history(&homes->on_pool);
    if (homes->on_arena.home != NULL)
        history(&homes->on_arena);
}

/* In a process of its own, so that it begins with an empty heap; whether it ran out of calls. */
static bool refuse_from(long call)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct homes homes = {.pool = tp_pool_create(&(tp_pool_options){.size = 30 * sizeof(long)}),
                              .arena = tp_arena_create(NULL)};
        help_require(homes.pool != NULL && homes.arena != NULL);
        tp_vec_on_pool(&homes.on_pool, homes.pool);
        tp_vec_on_arena(&homes.on_arena, homes.arena);
        calls_until_refusal = call;
        all_histories(&homes);
        long refused_calls = refusals;
        unsigned failed = failures;
        calls_until_refusal = -1;
        failures = 0;
        all_histories(&homes);
        help_require(failures == 0);
        tp_vec_free(&homes.heap);
        tp_vec_free(&homes.on_pool);
        tp_vec_free(&homes.on_arena);
        tp_pool_stats stats;
        tp_pool_stats_read(homes.pool, &stats);
        help_require(stats.live == stats.idle);
        tp_arena_destroy(homes.arena);
        tp_pool_destroy(homes.pool);
        _exit(refused_calls == 0 ? 42 : failed == 0 ? 43 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) >= 42);
    return WEXITSTATUS(status) == 42;
}

static void each_call_is_refused_once(void **state)
{
    (void)state;
    long call = 0;
    while (!refuse_from(call))
        assert_true(++call < 1000);
    assert_true(call >= 20);
    printf("%ld requests that may be refused\n", call);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_is_refused_once),
    };
    (void)tp_version(); /* links the start of the library in */
    if (argc == 1 && setenv("TIDEPOOL", "service=0,gcpercent=off,gcperiod=0,lossy=0", 1) == 0)
        execl("/proc/self/exe", argv[0], "again", (char *)NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
