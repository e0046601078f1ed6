/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting by key: see counts.h.

   The map's keys are hashes of 64 bits and its values the heads of lists, nearly always of one:
   ck's maps of byte strings keep a key's length in 16 bits, and a log has longer ones. ck doubles a
   map that is more than half full, so one of twice the expected size never grows.

   Hashes begin with a seed that is drawn anew in each run: logs have keys that strangers chose. */
#include "counts.h"

#include <errno.h>

__extension__ typedef unsigned __int128 wide;

/* Both are primes of 64 bits with about as many ones as zeroes. */
#define MIX_A UINT64_C(0x9e3779b97f4a7c55)
#define MIX_B UINT64_C(0xd1b54a32d192ed2d)

/* 0 and all ones are ck's marks for an entry that is empty and one that is gone. */
#define HASH_LEAST 1
#define HASH_MOST (UINT64_MAX - 1)

static uint64_t load(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* A folded product: all bits of both sides come into all of it. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(tp_view key, uint64_t seed)
{
    const unsigned char *at = key.data;
    size_t n = key.len;
    uint64_t hash = seed ^ (n * MIX_B), tail = 0;
    for (; n > 8; at += 8, n -= 8)
        hash = fold(hash ^ load(at), MIX_A);
    if (key.len >= 8) {
        tail = load(at + n - 8); /* some of it once more */
    } else {
        for (size_t i = 0; i < n; i++)
            tail = tail << 8 | at[i];
    }
    hash = fold(fold(hash ^ tail, MIX_A), MIX_B);
    if (hash < HASH_LEAST)
        return HASH_LEAST;
    return hash > HASH_MOST ? HASH_MOST : hash;
}

/* ck asks for it where it keeps no hashes: the key is one. */
static void same_hash(ck_ht_hash_t *hash, const void *key, size_t length, uint64_t seed)
{
    (void)length;
    (void)seed;
    hash->value = load(key);
}

void log_counts_init(struct log_counts *counts, tp_arena *arena, size_t distinct, uint64_t seed)
{
    *counts = (struct log_counts){.arena = arena, .distinct = distinct, .seed = seed};
}

void log_counts_free(struct log_counts *counts)
{
    if (counts->has_map)
        ck_ht_destroy(&counts->map);
    counts->has_map = false;
}

static bool has_key(const struct log_count *count, tp_view key)
{
    return tp_view_equal(count->key, key);
}

/* The first with this hash; NULL: none. */
static struct log_count *find_hash(struct log_counts *counts, uint64_t hash)
{
    ck_ht_entry_t entry;
    if (!counts->has_map)
        return NULL;
    ck_ht_entry_key_set_direct(&entry, hash);
    if (!ck_ht_get_spmc(&counts->map, (ck_ht_hash_t){hash}, &entry))
        return NULL;
    return (struct log_count *)ck_ht_entry_value_direct(&entry);
}

/* Behind `first`, the head of those with its hash, or as the head itself. */
static bool insert(struct log_counts *counts, struct log_count *count, struct log_count *first)
{
    const struct ck_ht_map *map = counts->map.map;
    ck_ht_entry_t entry;
    counts->n++;
    if (first != NULL) {
        count->next = first->next;
        first->next = count;
        return true;
    }
    count->next = NULL;
    ck_ht_entry_set_direct(&entry, (ck_ht_hash_t){count->hash}, count->hash, (uintptr_t)count);
    if (!ck_ht_put_spmc(&counts->map, (ck_ht_hash_t){count->hash}, &entry)) {
        errno = ENOMEM;
        return false;
    }
    counts->resizes += counts->map.map != map;
    return true;
}

static bool make_map(struct log_counts *counts)
{
    counts->has_map =
        counts->has_map || ck_ht_init(&counts->map, CK_HT_MODE_DIRECT, same_hash,
                                      &tp_adapt_ck_heap_unshared, 2 * counts->distinct, 0);
    if (!counts->has_map)
        errno = ENOMEM;
    return counts->has_map;
}

static struct log_count *find_key(struct log_count *first, tp_view key)
{
    while (first != NULL && !has_key(first, key))
        first = first->next;
    return first;
}

/* The key lies behind it, so that both come by one miss of the cache. NULL and errno ENOMEM. */
static struct log_count *make_count(struct log_counts *counts, tp_view key, uint64_t hash)
{
    struct log_count *count = tp_arena_alloc(counts->arena, sizeof(*count) + key.len);
    if (count == NULL)
        return NULL;
    *count = (struct log_count){.key = tp_view_from_mem(count + 1, key.len), .hash = hash};
    memcpy(count + 1, key.data, key.len);
    return count;
}

/* As many as 64 bits hold. So it does not matter who adds up first. */
static void add_bytes(struct log_count *count, uint64_t bytes)
{
    if (__builtin_add_overflow(count->bytes, bytes, &count->bytes))
        count->bytes = UINT64_MAX;
}

bool log_counts_add(struct log_counts *counts, tp_view key, uint64_t bytes)
{
    struct log_count *count = counts->last;
    if (count == NULL || !has_key(count, key)) {
        uint64_t hash = hash_of(key, counts->seed);
        struct log_count *first = find_hash(counts, hash);
        count = find_key(first, key);
        if (count == NULL) {
            count = make_count(counts, key, hash);
            if (count == NULL || !make_map(counts))
                return false;
            if (!insert(counts, count, first))
                return false;
        }
        counts->last = count;
    }
    count->lines++;
    add_bytes(count, bytes);
    return true;
}

bool log_counts_merge(struct log_counts *into, struct log_counts *from)
{
    log_count_vec list = {0};
    bool done = (from->n == 0 || make_map(into)) && log_counts_list(from, &list);
    for (size_t i = 0; i < list.len && done; i++) {
        struct log_count *first = find_hash(into, list.data[i]->hash);
        struct log_count *count = find_key(first, list.data[i]->key);
        if (count != NULL) {
            count->lines += list.data[i]->lines;
            add_bytes(count, list.data[i]->bytes);
        } else {
            done = insert(into, list.data[i], first);
        }
    }
    into->resizes += from->resizes;
    tp_vec_free(&list);
    return done;
}

bool log_counts_list(struct log_counts *counts, log_count_vec *list)
{
    ck_ht_iterator_t iterator = CK_HT_ITERATOR_INITIALIZER;
    ck_ht_entry_t *entry;
    if (!tp_vec_reserve(list, list->len + counts->n))
        return false;
    while (counts->has_map && ck_ht_next(&counts->map, &iterator, &entry)) {
        struct log_count *count = (struct log_count *)ck_ht_entry_value_direct(entry);
        for (; count != NULL; count = count->next) {
            if (!tp_vec_push(list, count))
                return false;
        }
    }
    return true;
}
