/* SPDX-License-Identifier: BSD-2-Clause */
/* What test_header_other.c, the second file of test_header, offers to the first. */
#ifndef TESTS_CONTRACT_TEST_HEADER_H
#define TESTS_CONTRACT_TEST_HEADER_H

#include <tidepool/pool.h>

tp_pool *other_pool(void);
int other_get_and_put(void); /* 0, or what was wrong */
void *other_get(tp_pool *pool);
void other_put(tp_pool *pool, void *object);
void *other_alloc(size_t size);
void other_free(void *memory);

#endif
