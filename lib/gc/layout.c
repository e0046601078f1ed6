/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts: which words of an object may be pointers, and the spans of such objects.

   A layout is a size class and a pattern: bits for the first words, then a pattern that is
   repeated. Types of one class whose pattern is equal share a layout, and so spans and runs.
   Patterns are brought into one form first: trailing words without pointers are cut off, a repeated
   pattern of nothing but pointers becomes one word, one of none becomes nothing.

   Leaf and conservative layouts of each size class have fixed numbers. The last numbers are kept
   for the conservative layouts of pools' objects, so that every type finds a layout at any time:
   where numbers run out a type gets the conservative one of its size, which reads more than it
   must.

   Interned layouts are found by a hash of class, flags and pattern. Under the LAYOUTS lock: the
   table, and the memory that layouts are cut from, which is never given back. They hold copies of
   all that they need, since a type may lie in a plugin that is unloaded. A layout is complete
   before its number is published (layout_count, and the numbers in types: release; readers acquire,
   or got the number by a run of their own).

   What a type was made into is kept with it: `single` for the inlined path, and struct known, cut
   from the same memory, for the rest. */
#include "gc/collector.h"

enum {
    FIXED = 2 * TPI_CLASSES,          /* leaf and conservative ones */
    RESERVED = 2 * TP_DETAIL_CLASSES, /* conservative ones of POOLED and of ROOT */
    BUCKETS = 4096,
    CHUNK_BYTES = 64 << 10,
    TYPE_BYTES_MAX = 1 << 20, /* larger ones are read conservatively; the pattern fits a chunk */
    NAME_BYTES_MAX = 256,
    TABLE_PAGES = TPI_TABLE_SPANS * sizeof(struct tpi_span *) / TPI_PAGE_BYTES
};
_Static_assert(TABLE_PAGES << (TPI_TABLES - 1) <= TP_DETAIL_ARENA_PAGES, "pages for each table");

/* A pattern that is being made. */
struct pattern {
    uint64_t *head, *tail;
    size_t head_words, tail_words;
};

/* Numbers of a type's layouts by size class; 0: not asked for yet. All atomic. */
struct known {
    uint32_t large; /* a single object */
    uint32_t array[TPI_CLASSES], flex[TPI_CLASSES];
    uint32_t pooled[TP_DETAIL_CLASSES], root[TP_DETAIL_CLASSES];
};

static struct tpi_lock layouts_lock = TPI_LOCK_INIT(TPI_RANK_LAYOUTS);
static struct tpi_layout *layouts[TPI_LAYOUTS_MAX]; /* written before layout_count */
static uint32_t layout_count = 1;                   /* atomic; one more than the last number */
static uint32_t started;                            /* atomic */

static uint64_t nothing[1], all[1] = {1};
static const struct pattern conservative = {nothing, all, 0, 1};
static const char conservative_name[] = "conservative";

static struct tpi_layout fixed[FIXED];
static uint16_t buckets[BUCKETS];       /* the first number of each; 0: none. layouts_lock */
static uint16_t chain[TPI_LAYOUTS_MAX]; /* the next number; layouts_lock */
static char *chunk, *chunk_end;         /* layouts_lock */

/* --- memory --- */

/* Zeroed and aligned to a cache line; NULL: ENOMEM. */
static void *cut(size_t bytes)
{
    bytes = tpi_align_up(bytes, TPI_CACHE_LINE);
    if (bytes > (size_t)(chunk_end - chunk)) {
        char *fresh = tpi_os_map(CHUNK_BYTES);
        if (fresh == NULL) {
            errno = ENOMEM;
            return NULL;
        }
        chunk = fresh;
        chunk_end = fresh + CHUNK_BYTES;
    }
    void *memory = chunk;
    chunk += bytes;
    return memory;
}

/* Gives back what was cut since the chunk was there; where a new one was begun, nothing. */
static void uncut(char *since, const char *since_end)
{
    if (chunk_end == since_end && since != NULL) {
        memset(since, 0, (size_t)(chunk - since));
        chunk = since;
    }
}

/* --- spans of a layout --- */

/* A place behind the last one; false: ENOMEM. */
static bool place_ensure(struct tpi_layout *layout)
{
    uint32_t at = layout->count - TPI_FEW + TPI_TABLE_SPANS;
    if (layout->count < TPI_FEW)
        return true;
    unsigned number = tpi_highest_bit(at) - TPI_TABLE_SHIFT;
    if (number < TPI_TABLES && layout->tables[number] == NULL)
        layout->tables[number] = tpi_pages_alloc((size_t)TABLE_PAGES << number);
    return number < TPI_TABLES && layout->tables[number] != NULL;
}

bool tpi_layout_span_add(struct tpi_layout *layout, struct tpi_span *span)
{
    if (!place_ensure(layout)) {
        errno = ENOMEM;
        return false;
    }
    span->place = layout->count;
    *tpi_layout_place(layout, layout->count++) = span;
    return true;
}

void tpi_layout_span_remove(struct tpi_layout *layout, struct tpi_span *span)
{
    struct tpi_span *last = tpi_layout_span(layout, --layout->count);
    *tpi_layout_place(layout, span->place) = last;
    last->place = span->place;
}

void tpi_partial_add(struct tpi_layout *layout, struct tpi_span *span)
{
    bool roomy = span->free_slots > span->slots / 4;
    span->list = 1;
    span->next = roomy ? layout->partial : NULL;
    span->previous = roomy ? NULL : layout->partial_last;
    if (span->next != NULL)
        span->next->previous = span;
    else
        layout->partial_last = span;
    if (span->previous != NULL)
        span->previous->next = span;
    else
        layout->partial = span;
}

void tpi_partial_remove(struct tpi_layout *layout, struct tpi_span *span)
{
    if (span->next != NULL)
        span->next->previous = span->previous;
    else
        layout->partial_last = span->previous;
    if (span->previous != NULL)
        span->previous->next = span->next;
    else
        layout->partial = span->next;
    span->next = span->previous = NULL;
    span->list = 0;
}

/* --- patterns --- */

/* The words of one object of the type. `bits` is zero and large enough. */
static void type_bits(const tp_gc_type *type, uint64_t *bits)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct tp_detail_gc_field *field = &type->fields[i];
        size_t end =
            field->bytes != 0 ? tpi_min(field->offset + field->bytes, type->size) : type->size;
        for (size_t word = field->offset / 8; word < end / 8; word++)
            tpi_bit_set(bits, word);
    }
}

static const struct tp_detail_gc_field *flexible(const tp_gc_type *type)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (type->fields[i].bytes == 0)
            return &type->fields[i];
    }
    return NULL;
}

static size_t count_bits(const uint64_t *bits, size_t words)
{
    size_t count = 0;
    for (size_t i = 0; i < (words + 63) / 64; i++)
        count += tpi_bit_count(bits[i]);
    return count;
}

static void normalize(struct pattern *pattern)
{
    size_t pointers = count_bits(pattern->tail, pattern->tail_words);
    if (pointers > 0 && pointers == pattern->tail_words) {
        memset(pattern->tail, 0, (pattern->tail_words + 63) / 64 * sizeof *pattern->tail);
        pattern->tail[0] = pattern->tail_words = 1;
    } else if (pointers == 0) {
        pattern->tail_words = 0;
    }
    while (pattern->tail_words == 0 && pattern->head_words > 0 &&
           !tpi_bit_get(pattern->head, pattern->head_words - 1))
        pattern->head_words--;
}

/* False: ENOMEM. */
static bool pattern_make(struct pattern *pattern, const tp_gc_type *type, enum tpi_form form)
{
    size_t words = (type->size + 7) / 8, bytes = (words / 64 + 1) * sizeof(uint64_t);
    const struct tp_detail_gc_field *last = form == TPI_FORM_FLEX ? flexible(type) : NULL;
    uint64_t *bits = cut(bytes), *none = cut(sizeof(uint64_t));
    if (bits == NULL || none == NULL)
        return false;
    *pattern = (struct pattern){bits, none, words, 0};
    type_bits(type, bits);
    if (form == TPI_FORM_ARRAY) {
        tpi_check(type->size % 8 == 0 || type->field_count == 0,
                  "type %s: an array of objects of %zu bytes, whose pointers are not aligned",
                  type->name, type->size);
        *pattern = (struct pattern){none, bits, 0, words};
    } else if (last != NULL) {
        none[0] = 1;
        *pattern = (struct pattern){bits, none, last->offset / 8, 1};
        for (size_t i = last->offset / 8; i < words; i++)
            tpi_bit_clear(bits, i);
    }
    normalize(pattern);
    return true;
}

/* --- interning --- */

static uint64_t mix(uint64_t hash, const uint64_t *bits, size_t words)
{
    hash = (hash ^ words) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < (words + 63) / 64; i++)
        hash = (hash ^ hash >> 29 ^ bits[i]) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash;
}

static unsigned bucket_of(unsigned size_class, uint32_t flags, const struct pattern *pattern)
{
    uint64_t hash = (uint64_t)flags << 32 | size_class;
    hash = mix(hash, pattern->head, pattern->head_words);
    hash = mix(hash, pattern->tail, pattern->tail_words);
    return (unsigned)(hash >> 40) % BUCKETS;
}

static bool same_bits(const uint64_t *a, size_t a_words, const uint64_t *b, size_t b_words)
{
    return a_words == b_words && memcmp(a, b, (a_words + 63) / 64 * sizeof *a) == 0;
}

static uint32_t find(unsigned bucket, unsigned size_class, uint32_t flags,
                     const struct pattern *pattern)
{
    for (uint32_t number = buckets[bucket]; number != 0; number = chain[number]) {
        const struct tpi_layout *layout = layouts[number];
        if (layout->size_class == size_class && layout->flags == flags &&
            same_bits(layout->head, layout->head_words, pattern->head, pattern->head_words) &&
            same_bits(layout->tail, layout->tail_words, pattern->tail, pattern->tail_words))
            return number;
    }
    return 0;
}

static void layout_init(struct tpi_layout *layout, uint32_t number, unsigned size_class,
                        uint32_t flags, const struct pattern *pattern)
{
    layout->number = number;
    layout->size_class = size_class;
    layout->slot_bytes = tpi_classes[size_class].bytes;
    layout->flags = flags;
    layout->head_words = (uint32_t)pattern->head_words;
    layout->tail_words = (uint32_t)pattern->tail_words;
    layout->head = pattern->head;
    layout->tail = pattern->tail;
    layout->head_bits = pattern->head[0];
    layout->tail_bits = pattern->tail[0];
    layout->leaf = pattern->head_words == 0 && pattern->tail_words == 0;
    tpi_lock_init(&layout->lock, TPI_RANK_LAYOUT);
}

/* A new one; 0: ENOMEM. */
static uint32_t add(unsigned bucket, unsigned size_class, uint32_t flags,
                    const struct pattern *pattern, const char *name)
{
    uint32_t number = tpi_load_relaxed_32(&layout_count);
    size_t name_bytes = tpi_min(strlen(name), (size_t)NAME_BYTES_MAX - 1);
    struct tpi_layout *layout = cut(sizeof *layout);
    char *copy = cut(name_bytes + 1);
    if (layout == NULL || copy == NULL)
        return 0;
    layout_init(layout, number, size_class, flags, pattern);
    layout->name = memcpy(copy, name, name_bytes); /* what was cut is zero */
    layouts[number] = layout;
    chain[number] = buckets[bucket];
    buckets[bucket] = (uint16_t)number;
    tpi_store_release_32(&layout_count, number + 1); /* pairs with tpi_layout_count */
    return number;
}

/* 0: ENOMEM. */
static uint32_t find_or_add(unsigned size_class, uint32_t flags, const struct pattern *pattern,
                            const char *name)
{
    bool is_full = tpi_load_relaxed_32(&layout_count) >= TPI_LAYOUTS_MAX - RESERVED;
    if (flags == 0 && pattern->tail_words + pattern->head_words == 0)
        return tpi_layout_leaf(size_class);
    if (flags == 0 && pattern == &conservative)
        return tpi_layout_conservative(size_class);
    unsigned bucket = bucket_of(size_class, flags, pattern);
    uint32_t number = find(bucket, size_class, flags, pattern);
    if (number != 0)
        return number;
    if (!is_full || pattern == &conservative)
        return add(bucket, size_class, flags, pattern, name);
    return find_or_add(size_class, flags, &conservative, conservative_name);
}

/* Under the lock. 0: ENOMEM. */
static uint32_t intern(const tp_gc_type *type, enum tpi_form form, unsigned size_class,
                       uint32_t flags)
{
    struct pattern pattern;
    char *before = chunk, *before_end = chunk_end;
    uint32_t count = tpi_load_relaxed_32(&layout_count), number = 0;
    if (type->field_count > 0 && type->size > TYPE_BYTES_MAX)
        return find_or_add(size_class, flags, &conservative, conservative_name);
    if (pattern_make(&pattern, type, form))
        number = find_or_add(size_class, flags, &pattern, type->name);
    if (number < count) /* there already, or none */
        uncut(before, before_end);
    return number;
}

/* --- what a type is known as --- */

/* Where a number is kept that is not in the type's `single`. */
static uint32_t *place_of(struct known *known, enum tpi_form form, uint32_t flags,
                          unsigned size_class)
{
    if (flags == TPI_LAYOUT_POOLED)
        return &known->pooled[size_class];
    if (flags == TPI_LAYOUT_ROOT)
        return &known->root[size_class];
    if (form == TPI_FORM_SINGLE)
        return &known->large;
    return form == TPI_FORM_FLEX ? &known->flex[size_class] : &known->array[size_class];
}

static bool is_inlined(enum tpi_form form, uint32_t flags, unsigned size_class)
{
    return form == TPI_FORM_SINGLE && flags == 0 && size_class != 0;
}

/* Under the lock: what is kept with the type; NULL: ENOMEM. */
static struct known *known_of(tp_gc_type *type)
{
    struct known *known = type->known;
    if (known == NULL) {
        known = cut(sizeof *known);
        if (known != NULL)
            tpi_store_release_ptr(&type->known, known); /* pairs with tpi_layout_of's acquire */
    }
    return known;
}

static uint32_t make_number(tp_gc_type *type, enum tpi_form form, unsigned size_class,
                            uint32_t flags)
{
    uint32_t number;
    if (is_inlined(form, flags, size_class)) {
        number = intern(type, form, size_class, flags);
        if (number != 0) /* pairs with tpi_layout_of's acquire */
            tpi_store_release_64(&type->single,
                                 (uint64_t)layouts[number]->slot_bytes << 32 | number);
        return number;
    }
    struct known *known = known_of(type);
    number = known != NULL ? intern(type, form, size_class, flags) : 0;
    if (number != 0) /* the same */
        tpi_store_release_32(place_of(known, form, flags, size_class), number);
    return number;
}

struct tpi_layout *tpi_layout_of(const tp_gc_type *type, enum tpi_form form, size_t bytes,
                                 uint32_t flags)
{
    /* A pool's objects are aligned as the pool says. */
    unsigned size_class =
        flags == 0 ? tpi_collected_class(bytes, type->align) : tp_detail_class_of_size(bytes);
    uint32_t number = 0;
    if (is_inlined(form, flags, size_class)) {
        number = (uint32_t)tpi_load_acquire_64(&type->single);
    } else {
        struct known *known = tpi_load_acquire_ptr(&type->known);
        if (known != NULL)
            number = tpi_load_acquire_32(place_of(known, form, flags, size_class));
    }
    if (number == 0) {
        tpi_check(flags != 0 || type->align <= TPI_PAGE_BYTES,
                  "type %s is aligned to %zu bytes: collected objects are to 8192 at most",
                  type->name, type->align);
        tpi_layouts_start();
        tpi_lock(&layouts_lock);
        number = make_number((tp_gc_type *)(uintptr_t)type, form, size_class, flags);
        tpi_unlock(&layouts_lock);
    }
    return number != 0 ? layouts[number] : NULL;
}

struct tpi_layout *tpi_layout_numbered(uint32_t number)
{
    return layouts[number];
}

uint32_t tpi_layout_count(void)
{
    return tpi_load_acquire_32(&layout_count);
}

void tpi_layouts_start(void)
{
    static const struct pattern leaf = {nothing, nothing, 0, 0};
    if (tpi_load_acquire_32(&started) != 0)
        return;
    tpi_lock(&layouts_lock);
    for (unsigned i = 0; i < FIXED && started == 0; i++) {
        bool is_leaf = i < TPI_CLASSES;
        layout_init(&fixed[i], i + 1, i % TPI_CLASSES, 0, is_leaf ? &leaf : &conservative);
        fixed[i].name = is_leaf ? "leaf" : conservative_name;
        layouts[i + 1] = &fixed[i];
    }
    if (started == 0)
        tpi_store_release_32(&layout_count, FIXED + 1);
    tpi_store_release_32(&started, 1); /* pairs with the acquire above */
    tpi_unlock(&layouts_lock);
}

/* --- fork --- */

void tpi_layouts_lock_all(void)
{
    tpi_lock(&layouts_lock);
    for (uint32_t i = 1; i < tpi_layout_count(); i++)
        tpi_lock_next(&layouts[i]->lock);
}

void tpi_layouts_unlock_all(void)
{
    for (uint32_t i = tpi_layout_count(); i-- > 1;)
        tpi_unlock(&layouts[i]->lock);
    tpi_unlock(&layouts_lock);
}

static unsigned clear_bits(const struct tpi_span *span)
{
    unsigned count = 0;
    for (unsigned i = 0; i < TPI_SPAN_WORDS; i++)
        count += tpi_bit_count(~span->alloc_bits[i]);
    return count;
}

/* Spans of threads that are not there any more are nobody's; one that was being swept is swept once
   more (sweep.c). Their owner, or sweeper, may have changed bits and not yet counted them. */
static void adopt(struct tpi_layout *layout, const struct tpi_mutator *survivor)
{
    layout->partial = layout->partial_last = NULL;
    layout->cursor = 0;
    for (uint32_t i = 0; i < layout->count; i++) {
        struct tpi_span *span = tpi_layout_span(layout, i);
        span->swept &= ~UINT32_C(1);
        if (span->owner == survivor && survivor != NULL)
            continue;
        span->owner = NULL;
        span->free_slots = (uint16_t)clear_bits(span);
        if (span->free_slots > 0)
            tpi_partial_add(layout, span);
    }
}

void tpi_layouts_reset_in_child(const struct tpi_mutator *survivor)
{
    for (uint32_t i = tpi_layout_count(); i-- > 1;) {
        adopt(layouts[i], survivor);
        tpi_lock_reset_in_child(&layouts[i]->lock);
    }
    tpi_lock_reset_in_child(&layouts_lock);
}
