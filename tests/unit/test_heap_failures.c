/* SPDX-License-Identifier: BSD-2-Clause */
/* The operating system refuses: every call that may fail is made to, at every place in turn and at
   random. Nothing is lost, nothing stays locked, and the heap works when memory is back.

   Linked with -Wl,--wrap for tpi_os_reserve, tpi_os_commit, tpi_os_map and tpi_os_move. */
#include "heap_help.h"

void *__real_tpi_os_reserve(size_t bytes, size_t align);
bool __real_tpi_os_commit(void *at, size_t bytes);
void *__real_tpi_os_map(size_t bytes);
bool __real_tpi_os_move(void *from, size_t bytes, void *to, size_t to_bytes);
void *__wrap_tpi_os_reserve(size_t bytes, size_t align);
bool __wrap_tpi_os_commit(void *at, size_t bytes);
void *__wrap_tpi_os_map(size_t bytes);
bool __wrap_tpi_os_move(void *from, size_t bytes, void *to, size_t to_bytes);

static struct help_random chance = {1};
static unsigned refuse_one_in; /* 0: none */
static bool refuse_maps;
static long calls_until_refusal = -1, refusals;

static bool refused(void)
{
    bool refuse =
        calls_until_refusal == 0 || (refuse_one_in != 0 && help_below(&chance, refuse_one_in) == 0);
    if (calls_until_refusal > 0)
        calls_until_refusal--;
    refusals += refuse;
    return refuse;
}

/* Where one arena is asked for, each is the one below the last, as the kernel may well do it. */
void *__wrap_tpi_os_reserve(size_t bytes, size_t align)
{
    enum { ARENAS = 64 };
    static char *below;
    static size_t left;
    if (refused())
        return NULL;
    if (bytes != TPI_ARENA_BYTES || align != TPI_ARENA_BYTES)
        return __real_tpi_os_reserve(bytes, align);
    if (left == 0) {
        left = ARENAS;
        below = (char *)__real_tpi_os_reserve(left * bytes, align) + left * bytes;
    }
    left--;
    below -= bytes;
    return below;
}

bool __wrap_tpi_os_commit(void *at, size_t bytes)
{
    return !refused() && __real_tpi_os_commit(at, bytes);
}

void *__wrap_tpi_os_map(size_t bytes)
{
    return refused() || refuse_maps ? NULL : __real_tpi_os_map(bytes);
}

bool __wrap_tpi_os_move(void *from, size_t bytes, void *to, size_t to_bytes)
{
    return !refused() && __real_tpi_os_move(from, bytes, to, to_bytes);
}

static void nothing_is_lost(void)
{
    help_check_heap();
    tpi_heap_scavenge(0);
    assert_int_equal(tpi_heap_in_use(), 0);
    assert_int_equal(tpi_heap_resident(), 0);
    help_check_heap();
}

/* --- the n-th call and all behind it are refused, from the very first use of the heap on --- */

struct taken {
    void *small, *large, *pages, *huge, *aligned;
};

/* Takes one of each; what is refused is NULL with errno, and what was there stays as it was. */
static void take(struct taken *taken)
{
    void *resized;
    if (tpi_central_alloc(1, &taken->small, 1) == 0)
        assert_int_equal(errno, ENOMEM);
    taken->large = tpi_large_alloc(3 << 20, 16, true);
    taken->pages = tpi_pages_alloc(300);
    taken->huge = tpi_large_alloc((size_t)100 << 20, 16, false);
    taken->aligned = tpi_large_alloc(50000, 1 << 24, false);
    if (taken->large == NULL)
        return;
    memset(taken->large, 7, 3 << 20);
    resized = tpi_large_resize(taken->large, 9 << 20);
    if (resized == NULL)
        assert_int_equal(errno, ENOMEM);
    else
        taken->large = resized;
    for (size_t i = 0; i < 3 << 20; i += 4096)
        assert_int_equal(((char *)taken->large)[i], 7);
    assert_ptr_equal(tpi_large_resize(taken->large, 1 << 20), taken->large);
}

static void give(const struct taken *taken)
{
    if (taken->small != NULL)
        tpi_central_free(&taken->small, 1);
    if (taken->large != NULL)
        tpi_large_free(taken->large);
    if (taken->pages != NULL)
        tpi_pages_free(taken->pages);
    if (taken->huge != NULL)
        tpi_large_free(taken->huge);
    if (taken->aligned != NULL)
        tpi_large_free(taken->aligned);
}

/* In a process of its own, so that it begins with an empty heap; whether it ran out of calls. */
static bool refuse_from(long call)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct taken taken = {0}, again = {0};
        calls_until_refusal = call;
        take(&taken);
        help_check_heap();
        calls_until_refusal = -1;
        take(&again);
        help_require(again.small && again.large && again.pages && again.huge && again.aligned);
        give(&taken);
        give(&again);
        nothing_is_lost();
        _exit(refusals > 0 ? 0 : 42);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 42);
    return WEXITSTATUS(status) == 42;
}

static void each_call_is_refused_once(void **state)
{
    (void)state;
    long call = 0;
    while (!refuse_from(call))
        assert_true(++call < 100);
    assert_true(call >= 8);
    printf("%ld calls that may fail\n", call);
}

/* --- descriptors run out --- */

enum { ONES_MAX = 5000 };

static void descriptors_run_out(void **state)
{
    (void)state;
    static void *ones[ONES_MAX];
    char *objects[4], *walls[4];
    size_t n = 0, pages = 20;
    for (size_t i = 0; i < 4; i++) {
        objects[i] = tpi_large_alloc(pages * TPI_PAGE_BYTES, 16, false);
        walls[i] = tpi_large_alloc(1, 16, false);
        memset(objects[i], 5, pages * TPI_PAGE_BYTES);
    }
    assert_ptr_equal(tpi_large_resize(objects[3], 17 * TPI_PAGE_BYTES), objects[3]);
    refuse_maps = true;
    while (n < ONES_MAX && (ones[n] = tpi_pages_alloc(4)) != NULL)
        n++;
    assert_in_range(n, 1, ONES_MAX - 1);
    /* Two are left for resizing. Each shrink needs one; the third keeps what it has. */
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(tpi_large_resize(objects[i], 10 * TPI_PAGE_BYTES), objects[i]);
        assert_int_equal(tpi_heap_where(objects[i]).bytes, (i < 2 ? 10 : 20) * TPI_PAGE_BYTES);
    }
    /* Growing by a part of the free pages behind needs one for an instant. */
    errno = 0;
    assert_null(tpi_large_resize(objects[3], 18 * TPI_PAGE_BYTES));
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(tpi_heap_where(objects[3]).bytes, 17 * TPI_PAGE_BYTES);
    help_check_heap();
    refuse_maps = false;
    for (size_t i = 0; i < 4; i++) {
        char *larger = tpi_large_resize(objects[i], 30 * TPI_PAGE_BYTES);
        assert_non_null(larger);
        assert_int_equal(larger[10 * TPI_PAGE_BYTES - 1], 5);
        tpi_large_free(larger);
        tpi_large_free(walls[i]);
    }
    while (n > 0)
        tpi_pages_free(ones[--n]);
    nothing_is_lost();
}

/* --- neighbours that were reserved apart --- */

static void reservations_are_not_joined(void **state)
{
    (void)state;
    enum { MOST = 32, PAIRS = 3 };
    char *objects[MOST];
    size_t n = 0, pairs = 0;
    for (; pairs < PAIRS && n < MOST; n++) {
        objects[n] = tpi_large_alloc(TPI_ARENA_BYTES, 16, false);
        assert_non_null(objects[n]);
        pairs += n > 0 && objects[n] == objects[n - 1] - TPI_ARENA_BYTES;
    }
    assert_int_equal(pairs, PAIRS); /* or this would show nothing */
    for (size_t i = 0; i < n; i++)
        tpi_large_free(objects[i]);
    for (size_t i = 0; i < n; i++) {
        const struct tpi_span *span = tpi_span_of((uintptr_t)objects[i]);
        assert_int_equal(span->base, (uintptr_t)objects[i]);
        assert_int_equal(span->pages, TP_DETAIL_ARENA_PAGES);
    }
    nothing_is_lost();
}

/* --- at random, in a long history --- */

enum { OBJECTS = 400, STEPS = 20000 };

struct object {
    char *at;
    size_t pages;
    bool small;
};

static void drop(struct object *object)
{
    void *at = object->at;
    if (object->small) {
        tpi_central_free(&at, 1);
    } else {
        assert_int_equal(object->at[0], object->at[(object->pages - 1) * TPI_PAGE_BYTES]);
        tpi_large_free(at);
    }
    object->at = NULL;
}

static void resize(struct object *object, size_t pages)
{
    char first = object->at[0];
    char *at = tpi_large_resize(object->at, pages * TPI_PAGE_BYTES);
    if (at != NULL) {
        object->at = at;
        object->pages = pages;
    }
    assert_int_equal(object->at[0], first);
    object->at[(object->pages - 1) * TPI_PAGE_BYTES] = first;
}

static void step(struct help_random *random, struct object *object)
{
    size_t pages = 5 + help_below(random, 300);
    if (object->at != NULL && (object->small || help_below(random, 3) != 0)) {
        drop(object);
    } else if (object->at != NULL) {
        resize(object, pages);
    } else if (help_below(random, 2) == 0) {
        void *at = NULL;
        unsigned size_class = 40 + (unsigned)help_below(random, TP_DETAIL_CLASSES - 40);
        tpi_central_alloc(size_class, &at, 1);
        *object = (struct object){at, 0, true};
    } else {
        object->at = tpi_large_alloc(pages * TPI_PAGE_BYTES, 16, false);
        object->pages = pages;
        object->small = false;
        if (object->at != NULL)
            object->at[0] = object->at[(pages - 1) * TPI_PAGE_BYTES] = (char)help_next(random);
    }
}

static void refused_at_random(void **state)
{
    (void)state;
    struct help_random random = help_seed("failures");
    static struct object objects[OBJECTS];
    chance.state = help_next(&random) | 1;
    for (int i = 0; i < STEPS; i++) {
        refuse_one_in = i % 1000 < 500 ? 3 : 1; /* at times all of them */
        step(&random, &objects[help_below(&random, OBJECTS)]);
        if (i % 500 == 0)
            help_check_heap();
    }
    refuse_one_in = 0;
    for (size_t i = 0; i < OBJECTS; i++) {
        if (objects[i].at != NULL)
            drop(&objects[i]);
    }
    nothing_is_lost();
    assert_true(refusals > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_is_refused_once),
        cmocka_unit_test(refused_at_random), /* before others reserve plenty */
        cmocka_unit_test(descriptors_run_out),
        cmocka_unit_test(reservations_are_not_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
