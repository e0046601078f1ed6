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
	man/tp_gc_collect.3 \
	man/tp_heap_alloc.3 \
	man/tp_pool_create.3 \
	man/tp_vec.3

# each_man_name COMMAND: does it with $$link, a page's further name, and $$page, what it leads to
each_man_name = for source in $(dist_man_MANS); do \
	    page=$$(basename $$source); section=$${page\#\#*.}; \
	    for name in $$(sed -n '/^\.Nd/q; s/^\.Nm \([^ ,]*\).*/\1/p' $(srcdir)/$$source); do \
	        link='$(DESTDIR)$(mandir)'/man$$section/$$name.$$section; \
	        [ $$name.$$section = $$page ] || $(1) || exit; \
	    done; \
	done

install-data-hook:
	@$(call each_man_name,echo ".so man$$section/$$page" >"$$link")

uninstall-hook:
	@$(call each_man_name,rm -f "$$link")
