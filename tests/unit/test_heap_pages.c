/* SPDX-License-Identifier: BSD-2-Clause */
/* Large objects and bare pages through random histories, against a model that knows the owner of
   every page: no page in two hands, first fit by place, contents kept by resizing, zeroes where
   they are owed, and every count right. */
#include "heap_help.h"

enum { OBJECTS = 160, STEPS = 6000, RESERVATIONS = 16, RESERVATION_PAGES_MAX = 4 << 13 };

struct object {
    char *at;
    size_t pages;
    uint64_t stamp;
    bool bare; /* of tpi_pages_alloc */
};

struct reservation {
    uintptr_t base;
    size_t pages;
    unsigned char used[RESERVATION_PAGES_MAX];
};

static struct object objects[OBJECTS];
static struct reservation reservations[RESERVATIONS];
static size_t known;

/* --- the model --- */

static struct reservation *reservation_of(uintptr_t at)
{
    for (size_t i = 0; i < known; i++) {
        struct reservation *r = &reservations[i];
        if (at >= r->base && at < r->base + r->pages * TPI_PAGE_BYTES)
            return r;
    }
    return NULL;
}

/* Where first fit puts it: the first free run that holds it wherever the run begins; 0: nowhere. */
static uintptr_t predict(size_t pages, size_t align)
{
    for (size_t i = 0; i < known; i++) {
        struct reservation *r = &reservations[i];
        size_t run = 0;
        for (size_t page = 0; page < r->pages; page++) {
            run = r->used[page] ? 0 : run + 1;
            if (run == pages + align - 1)
                return tpi_align_up(r->base + (page + 1 - run) * TPI_PAGE_BYTES,
                                    align * TPI_PAGE_BYTES);
        }
    }
    return 0;
}

/* A reservation that the model has not seen begins where its first object is. */
static void learn(uintptr_t at, size_t pages)
{
    assert_true(known < RESERVATIONS);
    struct reservation *r = &reservations[known++];
    r->base = at;
    r->pages = tpi_align_up(pages, TP_DETAIL_ARENA_PAGES);
    assert_int_equal(at % TPI_ARENA_BYTES, 0);
    assert_true(r->pages <= RESERVATION_PAGES_MAX);
    assert_int_equal(tpi_pageheap.reservations, known);
}

static void mark(const char *at, size_t pages, bool used)
{
    struct reservation *r = reservation_of((uintptr_t)at);
    assert_non_null(r);
    for (size_t page = ((uintptr_t)at - r->base) / TPI_PAGE_BYTES; pages > 0; page++, pages--) {
        assert_true(page < r->pages);
        assert_int_equal(r->used[page], !used);
        r->used[page] = used;
    }
}

/* --- contents: each page's first and last word --- */

static uint64_t *word(const char *at, size_t page, bool last)
{
    return (uint64_t *)(void *)(at + page * TPI_PAGE_BYTES + (last ? TPI_PAGE_BYTES - 8 : 0));
}

static void stamp(const struct object *object, size_t from)
{
    for (size_t page = from; page < object->pages; page++) {
        *word(object->at, page, false) = object->stamp + page;
        *word(object->at, page, true) = ~(object->stamp + page);
    }
}

static void check_stamps(const struct object *object, size_t pages)
{
    for (size_t page = 0; page < pages; page++) {
        assert_true(*word(object->at, page, false) == object->stamp + page);
        assert_true(*word(object->at, page, true) == ~(object->stamp + page));
    }
}

static void check_zero(const char *at, size_t bytes)
{
    static const char zero[TPI_PAGE_BYTES];
    for (size_t i = 0; i < bytes; i += sizeof zero)
        assert_memory_equal(at + i, zero, sizeof zero);
}

static void check_where(const struct object *object, size_t offset)
{
    struct tpi_where where = tpi_heap_where(object->at + offset);
    if (object->bare) {
        assert_null(where.span);
        return;
    }
    assert_non_null(where.span);
    assert_int_equal(where.state, TPI_SPAN_LARGE);
    assert_ptr_equal(where.start, object->at);
    assert_int_equal(where.bytes, object->pages * TPI_PAGE_BYTES);
    assert_int_equal(where.size_class, 0);
    assert_true(where.allocated);
}

/* --- operations --- */

static size_t some_pages(struct help_random *random)
{
    size_t kind = help_below(random, 200);
    if (kind == 0)
        return 1 + help_below(random, 20000);
    return kind < 40 ? 1 + help_below(random, 1000) : 1 + help_below(random, 60);
}

static void make(struct help_random *random, struct object *object)
{
    bool zeroed = help_below(random, 3) == 0;
    size_t pages = some_pages(random), align = 1;
    if (help_below(random, 8) == 0)
        align = (size_t)1 << help_below(random, 12);
    object->bare = !zeroed && align == 1 && pages < 500 && help_below(random, 3) == 0;
    uintptr_t expected = predict(pages, align);
    size_t bytes = pages * TPI_PAGE_BYTES - help_below(random, TPI_PAGE_BYTES);
    object->at = object->bare ? tpi_pages_alloc(pages)
                              : tpi_large_alloc(bytes, align * TPI_PAGE_BYTES, zeroed);
    assert_non_null(object->at);
    if (expected == 0)
        learn((uintptr_t)object->at, pages);
    else
        assert_int_equal((uintptr_t)object->at, expected);
    object->pages = pages;
    object->stamp = help_next(random);
    mark(object->at, pages, true);
    if (zeroed)
        check_zero(object->at, pages * TPI_PAGE_BYTES);
    stamp(object, 0);
}

static void drop(struct object *object)
{
    check_stamps(object, object->pages);
    mark(object->at, object->pages, false);
    if (object->bare)
        tpi_pages_free(object->at);
    else
        tpi_large_free(object->at);
    object->at = NULL;
}

static bool grows_in_place(const struct object *object, size_t pages)
{
    const struct reservation *r = reservation_of((uintptr_t)object->at);
    size_t first = ((uintptr_t)object->at - r->base) / TPI_PAGE_BYTES;
    if (first + pages > r->pages)
        return false;
    for (size_t page = first + object->pages; page < first + pages; page++) {
        if (r->used[page])
            return false;
    }
    return true;
}

static void resize(struct help_random *random, struct object *object)
{
    size_t pages = 5 + some_pages(random), kept = tpi_min(pages, object->pages);
    bool in_place = pages <= object->pages || grows_in_place(object, pages);
    uintptr_t expected = in_place ? (uintptr_t)object->at : predict(pages, 1);
    struct object old = *object;
    check_stamps(&old, old.pages);
    object->at = tpi_large_resize(object->at, pages * TPI_PAGE_BYTES);
    assert_non_null(object->at);
    if (expected == 0)
        learn((uintptr_t)object->at, pages);
    else
        assert_int_equal((uintptr_t)object->at, expected);
    mark(old.at, old.pages, false);
    object->pages = pages;
    mark(object->at, pages, true);
    check_stamps(object, kept);
    stamp(object, kept);
}

static void step(struct help_random *random)
{
    struct object *object = &objects[help_below(random, OBJECTS)];
    size_t choice = help_below(random, 100);
    if (choice == 0) {
        size_t keep = help_below(random, 64 << 20);
        tpi_heap_scavenge(keep);
        assert_true(tpi_heap_resident() - tpi_heap_in_use() <= keep);
    } else if (object->at == NULL) {
        make(random, object);
    } else if (choice < 30 && !object->bare) {
        resize(random, object);
    } else if (choice < 60) {
        drop(object);
    } else {
        check_where(object, help_below(random, object->pages * TPI_PAGE_BYTES));
    }
}

static void random_history(void **state)
{
    (void)state;
    struct help_random random = help_seed("pages");
    for (int i = 0; i < STEPS; i++) {
        step(&random);
        if (i % 100 == 0)
            help_check_heap();
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        if (objects[i].at != NULL)
            drop(&objects[i]);
    }
    help_check_heap();
    struct tpi_heap_totals totals;
    tpi_heap_scavenge(0);
    tpi_heap_totals(&totals);
    assert_int_equal(totals.in_use, 0);
    assert_int_equal(totals.idle, 0);
    assert_int_equal(totals.spans, 0);
    assert_int_equal(totals.released, totals.reserved);
    help_check_heap();
    /* One free span a reservation is left. */
    for (size_t i = 0; i < known; i++)
        assert_int_equal(tpi_span_of(reservations[i].base)->pages, reservations[i].pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
