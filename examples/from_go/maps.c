/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps: Concurrency Kit's ck_ht with its memory from Tidepool's heap, left to grow and sized once.
 */
#include <ck_ht.h>
#include <tidepool.h>
#include <tidepool/adapt/ck.h>
#include "from_go.h"

#define KEYS 1000
#define SEED 1

/* Ages by number; number 0 would be ck's mark for an empty place. */
static uint64_t ages_fill(ck_ht_t *ages)
{
    ck_ht_entry_t entry;
    ck_ht_hash_t hash;
    uint64_t total = 0;
    for (uintptr_t number = 1; number <= KEYS; number++) {
        ck_ht_hash_direct(&hash, ages, number);
        ck_ht_entry_set_direct(&entry, hash, number, number % 100);
        need(ck_ht_put_spmc(ages, hash, &entry));
    }
    for (uintptr_t number = 1; number <= KEYS; number++) {
        ck_ht_hash_direct(&hash, ages, number);
        ck_ht_entry_key_set_direct(&entry, number);
        need(ck_ht_get_spmc(ages, hash, &entry));
        total += ck_ht_entry_value_direct(&entry);
    }
    return total;
}

uint64_t map_before(void)
{
    ck_ht_t ages;
    need(ck_ht_init(&ages, CK_HT_MODE_DIRECT, NULL, &tp_adapt_ck_heap_unshared, 8, SEED));
    uint64_t total = ages_fill(&ages);
    ck_ht_destroy(&ages);
    return total;
}

uint64_t map_after(void)
{
    ck_ht_t ages;
    need(ck_ht_init(&ages, CK_HT_MODE_DIRECT, NULL, &tp_adapt_ck_heap, 2 * KEYS, SEED));
    uint64_t total = ages_fill(&ages);
    ck_ht_destroy(&ages);
    return total;
}
