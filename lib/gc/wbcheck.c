/* SPDX-License-Identifier: BSD-2-Clause */
/* wbcheck: names stores that went past the barrier. Whoever reads the words of an object, of a
   piece of a large one, of a pool's explicit object, of a root range or of a root arena's chunk for
   the collector records them here first (a snapshot).
   The barrier's slow path, which is the only path while there is marking, records the slots that it
   stores to (the log). When marking is over and the world is parked, each snapshot is held against
   what is there now: a word that has become another pointer into the collected heap, in a slot that
   is not in the log, was stored past the barrier.

   What cannot be seen: a missed store before the object was read (no harm in this cycle), and one
   into an object that was allocated black and never read (checkmark sees that). NULL, pointers to
   pools' explicit objects and what is no pointer may be stored by anybody. Objects that are being
   edited are left out, those whose edit ended are in the log as a whole.

   Root ranges and chunks that go meanwhile are forgotten: others may use their memory. Of collected
   objects none goes before marking is over. A pool's explicit object may be freed, and its slot
   handed out again; but it stays a slot of that layout until the sweep, is zeroed for its next
   owner, and that one's stores are in the log. So it is compared like any other.

   Both records grow by segments that are never moved, so that any number of threads append without
   a lock: a CAS reserves words, another installs a segment. They are read when nobody appends: the
   world is parked and no marking goes on; the handshake orders it. Where memory runs out, this
   cycle is not checked, with a warning. */
#include "gc/collector.h"

enum {
    SEGMENT_WORDS = 1 << 18, /* above what one append takes: a piece and a header */
    SEGMENTS_MAX = 1 << 11,
    HEADER_WORDS = 2,
    FORGOTTEN_MAX = 1 << 12
};

_Static_assert(TPI_PIECE_BYTES / 8 + HEADER_WORDS <= SEGMENT_WORDS, "a piece fits in a segment");

/* Words; 0 where a segment's end was left empty. */
struct record {
    uint64_t used;                    /* atomic */
    uint64_t *segments[SEGMENTS_MAX]; /* atomic: NULL until somebody needs it */
};

static struct record snapshots; /* address, words, their values */
static struct record stored;    /* address, words */
static uint32_t overrun;        /* atomic: something was not recorded */

/* --- records --- */

static uint64_t *segment(struct record *record, uint64_t index)
{
    if (index >= SEGMENTS_MAX)
        return NULL;
    uint64_t *is = tpi_load_acquire_ptr(&record->segments[index]);
    if (is != NULL)
        return is;
    uint64_t *fresh = tpi_os_map(SEGMENT_WORDS * sizeof *fresh);
    if (fresh == NULL)
        return NULL;
    uint64_t before = 0;
    /* Pairs with the load above: whoever finds the segment finds zeroes in it. */
    if (tpi_cas_acq_rel_64((uint64_t *)(void *)&record->segments[index], &before,
                           (uint64_t)(uintptr_t)fresh))
        return fresh;
    tpi_os_unmap(fresh, SEGMENT_WORDS * sizeof *fresh);
    return (uint64_t *)(uintptr_t)before;
}

/* Room for n words in a row; NULL: there is none, and the cycle is not checked. */
static uint64_t *append(struct record *record, uint64_t n)
{
    uint64_t at = tpi_load_relaxed_64(&record->used), start;
    do {
        bool fits = at % SEGMENT_WORDS + n <= SEGMENT_WORDS;
        start = fits ? at : (at / SEGMENT_WORDS + 1) * SEGMENT_WORDS;
    } while (!tpi_cas_acq_rel_64(&record->used, &at, start + n));
    uint64_t *words = segment(record, start / SEGMENT_WORDS);
    if (words == NULL) {
        tpi_store_relaxed_32(&overrun, 1);
        return NULL;
    }
    return words + start % SEGMENT_WORDS;
}

static void empty(struct record *record)
{
    for (size_t i = 0; i < SEGMENTS_MAX && record->segments[i] != NULL; i++) {
        tpi_os_unmap(record->segments[i], SEGMENT_WORDS * sizeof(uint64_t));
        record->segments[i] = NULL;
    }
    record->used = 0;
}

/* Calls visit for each entry; extra: whether entries have their values behind the header. */
static void each(struct record *record, bool values, void (*visit)(uint64_t *entry, void *context),
                 void *context)
{
    for (uint64_t at = 0; at < record->used;) {
        uint64_t *entry = record->segments[at / SEGMENT_WORDS] + at % SEGMENT_WORDS;
        if (at % SEGMENT_WORDS + HEADER_WORDS > SEGMENT_WORDS || entry[0] == 0) {
            at = (at / SEGMENT_WORDS + 1) * SEGMENT_WORDS;
            continue;
        }
        at += HEADER_WORDS + (values ? entry[1] : 0);
        visit(entry, context);
    }
}

/* --- recording --- */

__attribute__((no_sanitize("thread"), no_sanitize("address"))) static uint64_t
word_at(uintptr_t address)
{
    return *(const volatile uint64_t *)address;
}

void tpi_wbcheck_begin(void)
{
    empty(&snapshots);
    empty(&stored);
    tpi_store_relaxed_32(&overrun, 0);
}

static void snapshot(uintptr_t from, uint64_t words)
{
    uint64_t *entry = append(&snapshots, HEADER_WORDS + words);
    if (entry == NULL)
        return;
    entry[0] = from;
    entry[1] = words;
    for (uint64_t i = 0; i < words; i++)
        entry[HEADER_WORDS + i] = word_at(from + i * 8);
}

void tpi_wbcheck_scanned(const void *from, size_t bytes)
{
    uintptr_t start = tpi_align_up((uintptr_t)from, 8);
    uintptr_t end = ((uintptr_t)from + bytes) & ~(uintptr_t)7;
    for (; start < end; start += TPI_PIECE_BYTES) {
        size_t left = end - start;
        snapshot(start, (left < TPI_PIECE_BYTES ? left : (size_t)TPI_PIECE_BYTES) / 8);
    }
}

void tpi_wbcheck_log(const void *slot, size_t words)
{
    uint64_t *entry = append(&stored, HEADER_WORDS);
    if (entry == NULL)
        return;
    entry[0] = (uint64_t)(uintptr_t)slot;
    entry[1] = words;
}

/* Root ranges and chunks that were removed since begin; read while the world is parked. */
static struct {
    uintptr_t from, to;
} forgotten[FORGOTTEN_MAX];
static uint64_t forgotten_count; /* atomic: places that were given out */

void tpi_wbcheck_forget(const void *from, size_t bytes)
{
    uint64_t place = tpi_add_acq_rel_64(&forgotten_count, 1);
    if (place >= FORGOTTEN_MAX) {
        tpi_store_relaxed_32(&overrun, 1);
        return;
    }
    forgotten[place].from = (uintptr_t)from;
    forgotten[place].to = (uintptr_t)from + bytes;
}

/* --- comparing --- */

/* The log as a set of slots: open addressing. */
struct slots {
    uint64_t *table;
    size_t mask;
};

static void count_words(uint64_t *entry, void *context)
{
    *(size_t *)context += entry[1];
}

static size_t place_of(const struct slots *slots, uint64_t slot)
{
    size_t place = (size_t)(slot * UINT64_C(0x9e3779b97f4a7c15) >> 20) & slots->mask;
    while (slots->table[place] != 0 && slots->table[place] != slot)
        place = (place + 1) & slots->mask;
    return place;
}

static void add_words(uint64_t *entry, void *context)
{
    struct slots *slots = context;
    for (uint64_t i = 0; i < entry[1]; i++)
        slots->table[place_of(slots, entry[0] + i * 8)] = entry[0] + i * 8;
}

/* Objects under plain stores at this moment: all of their words. */
static void count_edited(struct tpi_mutator *mutator, void *context)
{
    struct tpi_named object;
    for (uint32_t i = 0; i < mutator->edit_count; i++)
        if (tpi_check_name((uintptr_t)mutator->edits[i], &object))
            *(size_t *)context += object.bytes / 8;
}

static void add_edited(struct tpi_mutator *mutator, void *context)
{
    struct tpi_named object;
    for (uint32_t i = 0; i < mutator->edit_count; i++)
        if (tpi_check_name((uintptr_t)mutator->edits[i], &object))
            add_words((uint64_t[]){object.start, object.bytes / 8}, context);
}

/* From the start of the object, or free slot, that the address is in. */
static size_t offset_of(const struct tpi_span *span, uintptr_t address)
{
    const struct tpi_layout *layout = span->layout;
    size_t offset = address - span->base;
    return layout->slot_bytes != 0 ? offset % layout->slot_bytes : offset;
}

/* Whether the word at this place may be a pointer, by the object's layout. */
static bool may_point(const struct tpi_span *span, uintptr_t address)
{
    const struct tpi_layout *layout = span->layout;
    uint64_t word = offset_of(span, address) / 8;
    if (word < layout->head_words)
        return (layout->head[word / 64] >> word % 64 & 1) != 0;
    if (layout->tail_words == 0)
        return false;
    word = (word - layout->head_words) % layout->tail_words;
    return (layout->tail[word / 64] >> word % 64 & 1) != 0;
}

static bool is_collected(const struct tpi_span *span)
{
    return span != NULL && (tpi_span_state(span) == TPI_SPAN_COLLECTED ||
                            tpi_span_state(span) == TPI_SPAN_COLLECTED_LARGE);
}

/* Explicit objects of pools are not collected: pointers to them need no barrier. */
static bool leads_to_collected(uintptr_t word)
{
    const struct tpi_span *span = tpi_span_of(word);
    if (!is_collected(span))
        return false;
    const struct tpi_layout *layout = span->layout;
    return (layout->flags & TPI_LAYOUT_ROOT) == 0;
}

/* Not by tpi_check_name: a pool's explicit object may have been freed since. */
static TPI_COLD void missed(const struct tpi_span *span, uintptr_t address, uint64_t before,
                            uint64_t now)
{
    if (!is_collected(span))
        tpi_fatal("wbcheck: a store into the root at %p was not by tp_gc_store: it was %#llx when "
                  "the collector read it and is %#llx",
                  (void *)address, (unsigned long long)before, (unsigned long long)now);
    const struct tpi_layout *layout = span->layout;
    size_t offset = offset_of(span, address);
    tpi_fatal("wbcheck: a store into %s %p (%s) at offset %zu was not by tp_gc_store: it was "
              "%#llx when the collector read it and is %#llx",
              (layout->flags & TPI_LAYOUT_ROOT) != 0 ? "a pool's object" : "object",
              (void *)(address - offset), layout->name != NULL ? layout->name : "?", offset,
              (unsigned long long)before, (unsigned long long)now);
}

static bool is_forgotten(uintptr_t from, uintptr_t to)
{
    for (size_t i = 0; i < tpi_min(forgotten_count, (uint64_t)FORGOTTEN_MAX); i++)
        if (from < forgotten[i].to && forgotten[i].from < to)
            return true;
    return false;
}

static void compare_one(uint64_t *entry, void *context)
{
    const struct slots *slots = context;
    uintptr_t from = (uintptr_t)entry[0];
    const struct tpi_span *span = tpi_span_of(from);
    bool collected = is_collected(span);
    if (!collected && is_forgotten(from, from + entry[1] * 8))
        return;
    for (uint64_t i = 0; i < entry[1]; i++) {
        uintptr_t address = from + i * 8;
        uint64_t now = word_at(address);
        if (tpi_likely(now == entry[HEADER_WORDS + i]) || !leads_to_collected(now))
            continue;
        if ((!collected || may_point(span, address)) && slots->table[place_of(slots, address)] == 0)
            missed(span, address, entry[HEADER_WORDS + i], now);
    }
}

void tpi_wbcheck_compare(void)
{
    size_t count = 0, room = 1024;
    struct slots slots = {NULL, 0};
    if (tpi_load_relaxed_32(&overrun) == 0) {
        each(&stored, false, count_words, &count);
        tpi_mutators_visit(count_edited, &count);
        while (room < count * 2)
            room *= 2;
        slots = (struct slots){tpi_os_map(room * sizeof *slots.table), room - 1};
    }
    if (slots.table != NULL) {
        each(&stored, false, add_words, &slots);
        tpi_mutators_visit(add_edited, &slots);
    }
    tpi_roots_hold();
    if (slots.table == NULL) {
        tpi_warn("wbcheck: no memory to look at the stores of this cycle");
    } else {
        each(&snapshots, true, compare_one, &slots);
        tpi_os_unmap(slots.table, room * sizeof *slots.table);
    }
    forgotten_count = 0;
    tpi_roots_let_go();
    empty(&snapshots);
    empty(&stored);
}
