/* SPDX-License-Identifier: BSD-2-Clause */
/* A ck_ht that is sized once, and a vector beside it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

enum {
    WORD_BYTES_MAX = 65535, /* ck_ht has a key's length in 16 bits */
    SEED = 0x5eed
};

/* A ck_ht grows when it is more than half full: twice its entries, and it never does. So the plain
   heap will do, which would abort. The one that grows is read by this thread alone. */
bool words_init(struct words *words, size_t distinct)
{
    struct ck_malloc *memory = distinct != 0 ? &tp_adapt_ck_heap : &tp_adapt_ck_heap_unshared;
    *words = (struct words){.distinct = distinct};
    if (!tp_vec_reserve(&words->all, distinct))
        return false;
    if (ck_ht_init(&words->places, CK_HT_MODE_BYTESTRING, NULL, memory,
                   distinct != 0 ? 2 * distinct : 8, SEED))
        return true;
    words->places.map = NULL;
    return false;
}

void words_free(struct words *words)
{
    if (words->places.map != NULL)
        ck_ht_destroy(&words->places);
    tp_vec_free(&words->all);
}

/* A word that was not there yet. */
static bool add(struct words *words, ck_ht_hash_t hash, tp_view text)
{
    ck_ht_entry_t entry;
    size_t place = words->all.len;
    if (words->distinct != 0 && place == words->distinct) {
        errno = ENOSPC;
        return false;
    }
    if (!tp_vec_push(&words->all, {text, 1}))
        return false;
    ck_ht_entry_set(&entry, hash, text.data, (uint16_t)text.len, (const void *)(place + 1));
    if (ck_ht_put_spmc(&words->places, hash, &entry))
        return true;
    tp_vec_pop(&words->all);
    errno = ENOMEM;
    return false;
}

static bool count(struct words *words, tp_view text)
{
    ck_ht_hash_t hash;
    ck_ht_entry_t entry;
    if (text.len > WORD_BYTES_MAX) {
        errno = EMSGSIZE;
        return false;
    }
    words->total++;
    ck_ht_hash(&hash, &words->places, text.data, (uint16_t)text.len);
    ck_ht_entry_key_set(&entry, text.data, (uint16_t)text.len);
    if (!ck_ht_get_spmc(&words->places, hash, &entry))
        return add(words, hash, text);
    tp_vec_at(&words->all, (size_t)ck_ht_entry_value(&entry) - 1).count++;
    return true;
}

static bool is_of_words(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte >= 0x80;
}

bool words_count(struct words *words, tp_view text)
{
    for (size_t at = 0, end; at < text.len; at = end + 1) {
        for (end = at; end < text.len && is_of_words(text.data[end]); end++)
            ;
        if (end > at && !count(words, tp_view_slice(text, at, end)))
            return false;
    }
    return true;
}

static int more_frequent(const void *left, const void *right)
{
    const struct word *a = left, *b = right;
    size_t shorter = a->text.len < b->text.len ? a->text.len : b->text.len;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    int order = memcmp(a->text.data, b->text.data, shorter);
    return order != 0 ? order : (a->text.len > b->text.len) - (a->text.len < b->text.len);
}

void words_sort(struct words *words)
{
    if (words->all.len != 0)
        qsort(words->all.data, words->all.len, sizeof words->all.data[0], more_frequent);
}
