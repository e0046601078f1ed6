/* SPDX-License-Identifier: BSD-2-Clause */
/* Pinned objects, with how many times each is pinned.

   A table with open addressing, linear probing, in pages from the kernel: at most three quarters of
   it used. An object whose count went down to 0 keeps its place until the table is made anew, so
   that no entry moves while a scan, which lets go of the lock between its pieces, is under way; a
   scan begins again in a new table. One that is pinned while the thread's barrier is on is shaded:
   the scan may be over.

   Lock: tpi_roots_lock (rank ROOTS), for all of it. */
#include "gc/roots.h"

enum {
    PINS_MIN = 4096,  /* places of the first table */
    SCAN_PINS = 4096, /* looked at under the lock at once */
    HASH_SHIFT = 20   /* the upper bits of the product are the good ones */
};

struct pin {
    uintptr_t object; /* 0: nobody's place */
    uint64_t count;
};

/* tpi_roots_lock. */
static struct pin *pins;
static size_t room;         /* a power of two, or 0 */
static size_t used;         /* places that are somebody's */
static uint64_t generation; /* of the table */

static struct pin *place_of(uintptr_t object)
{
    size_t i = (size_t)(object * UINT64_C(0x9e3779b97f4a7c15) >> HASH_SHIFT) & (room - 1);
    while (pins[i].object != 0 && pins[i].object != object)
        i = (i + 1) & (room - 1);
    return &pins[i];
}

/* A table in which what is pinned takes at most three eighths. */
static bool table_renew(void)
{
    size_t pinned = 0, places = PINS_MIN;
    for (size_t i = 0; i < room; i++)
        pinned += pins[i].count != 0;
    while (pinned * 8 > places * 3)
        places *= 2;
    struct pin *before = pins;
    size_t before_room = room;
    struct pin *table = tpi_os_map(places * sizeof *pins);
    if (table == NULL)
        return false;
    pins = table;
    room = places;
    used = pinned;
    generation++;
    for (size_t i = 0; i < before_room; i++)
        if (before[i].count != 0)
            *place_of(before[i].object) = before[i];
    if (before != NULL)
        tpi_os_unmap(before, before_room * sizeof *before);
    return true;
}

static bool add(uintptr_t object)
{
    struct pin *pin = room != 0 ? place_of(object) : NULL;
    if (pin == NULL || pin->object == 0) {
        if ((used + 1) * 4 > room * 3) {
            if (!table_renew())
                return false;
            pin = place_of(object);
        }
        pin->object = object;
        used++;
    }
    pin->count++;
    return true;
}

void *tp_gc_pin(void *object)
{
    if (tpi_object_layout(object) == NULL) {
        errno = EINVAL;
        return NULL;
    }
    struct tpi_mutator *mutator = tpi_mutator_ensure();
    if (mutator == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    tpi_runtime_enter(mutator);
    tpi_lock(&tpi_roots_lock);
    bool added = add((uintptr_t)object);
    tpi_unlock(&tpi_roots_lock);
    if (added && tpi_load_relaxed_32(&mutator->self->marking) != 0)
        (void)tpi_shade(&mutator->buffer, (uintptr_t)object, false);
    tpi_runtime_leave(mutator);
    if (!added)
        errno = ENOMEM;
    return added ? object : NULL;
}

void tp_gc_unpin(void *object)
{
    struct tpi_mutator *mutator = tpi_roots_enter();
    struct pin *pin = room != 0 && object != NULL ? place_of((uintptr_t)object) : NULL;
    bool pinned = pin != NULL && pin->count != 0;
    if (pinned)
        pin->count--;
    tpi_roots_leave(mutator);
    tpi_check(pinned, "tp_gc_unpin: object %p is not pinned", object);
}

void tpi_pins_scan(struct tpi_buffer **buffer)
{
    uint64_t seen = 0;
    size_t next = 0;
    bool more;
    do {
        tpi_lock(&tpi_roots_lock);
        if (generation != seen)
            next = 0;
        seen = generation;
        size_t end = tpi_min(next + SCAN_PINS, room);
        for (; next < end; next++)
            if (pins[next].count != 0)
                (void)tpi_shade(buffer, pins[next].object, false);
        more = next < room;
        tpi_unlock(&tpi_roots_lock);
    } while (more);
}
