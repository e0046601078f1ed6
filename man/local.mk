# SPDX-License-Identifier: BSD-2-Clause
# mdoc pages, one a line. A page is installed by its own name, and a line that leads to it by each
# other name of its NAME section.

dist_man_MANS = \
	man/TP_POOL_DEFINE.3 \
	man/tidepool.7 \
	man/tp_adapt_ck.3 \
	man/tp_arena_create.3 \
	man/tp_bytes_from_str.3 \
	man/tp_bytes_pool_create.3 \
	man/tp_gc_alloc.3 \
	man/tp_gc_cleanup_add.3 \
	man/tp_gc_collect.3 \
	man/tp_gc_thread_attach.3 \
	man/tp_heap_alloc.3 \
	man/tp_memstats_read.3 \
	man/tp_pool_create.3 \
	man/tp_vec.3

install-data-hook:
	cd $(srcdir) && tools/man-links install '$(DESTDIR)$(mandir)' $(dist_man_MANS)

uninstall-hook:
	cd $(srcdir) && tools/man-links remove '$(DESTDIR)$(mandir)' $(dist_man_MANS)

EXTRA_DIST += tools/man-links
