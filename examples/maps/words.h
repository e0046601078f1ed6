/* SPDX-License-Identifier: BSD-2-Clause */
/* How often each word of a text comes: a ck_ht from word to place, and a vector of words with their
   counts. Words are views into the text, so nothing is copied.

   Sized, both get their memory once, in words_init, and words_count allocates nothing. Unsized,
   they start small and grow: the same answers, and many allocations. */
#ifndef EXAMPLES_MAPS_WORDS_H
#define EXAMPLES_MAPS_WORDS_H

#include <tidepool.h>
#include <tidepool/adapt/ck.h>

#include <ck_ht.h>

/* The most words that a map can be sized for: a ck_ht has its capacity, twice as much, in 32
   bits. */
#define WORDS_DISTINCT_MAX ((size_t)1 << 30)

struct word {
    tp_view text;
    uint64_t count;
};

TP_VEC_DEFINE(word_vec, struct word)

struct words {
    ck_ht_t places;  /* word -> 1 + its place in `all` */
    word_vec all;    /* in order of their first appearance */
    size_t distinct; /* room is for so many; 0: grows */
    uint64_t total;
};

/* Room for `distinct` different words, at most WORDS_DISTINCT_MAX; 0: as it comes. False and errno
   ENOMEM. Then, too, words_free. */
bool words_init(struct words *words, size_t distinct);
void words_free(struct words *words);

/* Counts a text's words: runs of letters, digits and bytes that are not ASCII. The text must stay.
   False and errno: ENOSPC where there are more different words than there is room for, EMSGSIZE for
   a word of more than 65,535 bytes, ENOMEM. */
bool words_count(struct words *words, tp_view text);

/* Sorts `all` by count, the most frequent first; equal ones by their bytes. The map's places are
   then wrong: nothing may be counted behind it. */
void words_sort(struct words *words);

#endif
