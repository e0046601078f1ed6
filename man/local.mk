# SPDX-License-Identifier: BSD-2-Clause
# mdoc pages, one a line. A page is found by each name of its NAME section; there are no aliases.

dist_man_MANS = \
	man/TP_POOL_DEFINE.3 \
	man/tidepool.7 \
	man/tp_adapt_ck.3 \
	man/tp_arena_create.3 \
	man/tp_bytes_from_str.3 \
	man/tp_bytes_pool_create.3 \
	man/tp_gc_collect.3 \
	man/tp_heap_alloc.3 \
	man/tp_pool_create.3 \
	man/tp_vec.3
