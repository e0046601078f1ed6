/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools that may be NULL, and are looked at before use: no optimiser may read of one ahead of the
   look. Compiled with more optimisation than tests are. */
#include <stdlib.h>

#include <tidepool/pool.h>

__attribute__((noinline)) static unsigned long ahead_of_a_check(tp_pool *pool, unsigned n)
{
    unsigned long sum = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned long *object = pool != NULL ? tp_pool_get(pool) : malloc(64);
        *(volatile unsigned long *)object = i;
        sum += *object;
        if (pool != NULL)
            tp_pool_put(pool, object);
        else
            free(object);
    }
    return sum;
}

__attribute__((noinline)) static unsigned long ahead_of_a_kind(tp_pool *pool, const int *kinds,
                                                               unsigned n)
{
    unsigned long sum = 0;
    for (unsigned i = 0; i < n; i++) {
        if (kinds[i] == 1) {
            unsigned long *object = tp_pool_get(pool);
            *object = 5;
            sum += *object;
            tp_pool_put(pool, object);
        } else {
            sum += (unsigned long)kinds[i];
        }
    }
    return sum;
}

int main(void)
{
    tp_pool_options options = {.size = 64};
    int kinds[4] = {0};
    tp_pool *pool = tp_pool_create(&options);
    unsigned long sum = ahead_of_a_check(NULL, 4) + ahead_of_a_kind(NULL, kinds, 4);
    sum += ahead_of_a_check(pool, 4);
    kinds[2] = 1;
    sum += ahead_of_a_kind(pool, kinds, 4);
    tp_pool_destroy(pool);
    return sum == 6 + 0 + 6 + 5 ? 0 : 1;
}
