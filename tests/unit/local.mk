# SPDX-License-Identifier: BSD-2-Clause
# One room each, white box, linked with the convenience library. A test tests/unit/test_x.c needs
# its line in the list, and:
#
#   tests_unit_test_x_CPPFLAGS = $(INSIDE_CPPFLAGS)
#   tests_unit_test_x_LDADD = $(UNIT_LIBS)

UNIT_LIBS = lib/libtidepool-core.la $(CMOCKA_LIBS)

unit_tests = \
	tests/unit/test_arena_failures \
	tests/unit/test_base \
	tests/unit/test_bytes_failures \
	tests/unit/test_cache \
	tests/unit/test_cache_magazines \
	tests/unit/test_cache_threads \
	tests/unit/test_cache_visit \
	tests/unit/test_check_failures \
	tests/unit/test_gc_alloc \
	tests/unit/test_gc_buffers \
	tests/unit/test_gc_failures \
	tests/unit/test_gc_layout \
	tests/unit/test_gc_mark \
	tests/unit/test_gc_rooted \
	tests/unit/test_gc_signal \
	tests/unit/test_gc_sweep \
	tests/unit/test_gc_sweep_fork \
	tests/unit/test_heap_central \
	tests/unit/test_heap_classes \
	tests/unit/test_heap_failures \
	tests/unit/test_heap_fork \
	tests/unit/test_heap_large \
	tests/unit/test_heap_pages \
	tests/unit/test_heap_tree \
	tests/unit/test_options \
	tests/unit/test_os \
	tests/unit/test_os_data \
	tests/unit/test_pool \
	tests/unit/test_vec_failures

tests_unit_test_arena_failures_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_arena_failures_LDADD = $(UNIT_LIBS)
tests_unit_test_base_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_base_LDADD = $(UNIT_LIBS)
tests_unit_test_bytes_failures_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_bytes_failures_LDADD = $(UNIT_LIBS)
tests_unit_test_cache_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_cache_LDADD = $(UNIT_LIBS)
tests_unit_test_cache_magazines_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_cache_magazines_LDADD = $(UNIT_LIBS)
tests_unit_test_cache_threads_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_cache_threads_LDADD = $(UNIT_LIBS)
tests_unit_test_cache_visit_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_cache_visit_LDADD = $(UNIT_LIBS)
tests_unit_test_check_failures_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_check_failures_LDADD = $(UNIT_LIBS)
tests_unit_test_gc_alloc_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_gc_alloc_LDADD = $(UNIT_LIBS)
tests_unit_test_gc_failures_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_gc_failures_LDADD = $(UNIT_LIBS)
tests_unit_test_gc_layout_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_gc_layout_LDADD = $(UNIT_LIBS)
tests_unit_test_gc_buffers_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_gc_buffers_LDADD = $(UNIT_LIBS)
tests_unit_test_gc_mark_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_gc_mark_LDADD = $(UNIT_LIBS)
tests_unit_test_gc_rooted_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_gc_rooted_LDADD = $(UNIT_LIBS)
tests_unit_test_gc_signal_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_gc_signal_LDADD = $(UNIT_LIBS)
tests_unit_test_gc_sweep_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_gc_sweep_LDADD = $(UNIT_LIBS)
tests_unit_test_gc_sweep_fork_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_gc_sweep_fork_LDADD = $(UNIT_LIBS)
tests_unit_test_gc_sweep_fork_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tpi_collected_span_free
tests_unit_test_heap_central_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_heap_central_LDADD = $(UNIT_LIBS)
tests_unit_test_heap_classes_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_heap_classes_LDADD = $(UNIT_LIBS)
tests_unit_test_heap_failures_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_heap_failures_LDADD = $(UNIT_LIBS)
tests_unit_test_heap_fork_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_heap_fork_LDADD = $(UNIT_LIBS)
tests_unit_test_heap_large_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_heap_large_LDADD = $(UNIT_LIBS)
tests_unit_test_heap_pages_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_heap_pages_LDADD = $(UNIT_LIBS)
tests_unit_test_heap_tree_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_heap_tree_LDADD = $(UNIT_LIBS)
tests_unit_test_options_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_options_LDADD = $(UNIT_LIBS)
tests_unit_test_os_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_os_LDADD = $(UNIT_LIBS)
tests_unit_test_os_data_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_os_data_LDADD = $(UNIT_LIBS)
tests_unit_test_pool_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_pool_LDADD = $(UNIT_LIBS)
tests_unit_test_vec_failures_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_unit_test_vec_failures_LDADD = $(UNIT_LIBS)
tests_unit_test_bytes_failures_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tp_detail_heap_alloc \
	-Wl,--wrap=tp_heap_alloc_aligned -Wl,--wrap=tp_heap_realloc -Wl,--wrap=vsnprintf
tests_unit_test_arena_failures_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tp_detail_heap_alloc \
	-Wl,--wrap=tpi_large_alloc -Wl,--wrap=tpi_os_hide -Wl,--wrap=vsnprintf
tests_unit_test_check_failures_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc -Wl,--wrap=tsearch
tests_unit_test_gc_mark_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tpi_os_map
tests_unit_test_gc_failures_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tpi_os_reserve \
	-Wl,--wrap=tpi_os_commit -Wl,--wrap=tpi_os_map -Wl,--wrap=tpi_pages_alloc \
	-Wl,--wrap=tpi_collected_span_new -Wl,--wrap=tpi_collected_large_new \
	-Wl,--wrap=tp_detail_heap_alloc
tests_unit_test_heap_failures_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tpi_os_reserve \
	-Wl,--wrap=tpi_os_commit -Wl,--wrap=tpi_os_map -Wl,--wrap=tpi_os_move
tests_unit_test_vec_failures_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tpi_run_alloc \
	-Wl,--wrap=tpi_run_grow

EXTRA_DIST += \
	tests/unit/cache_help.h \
	tests/unit/format_help.h \
	tests/unit/gc_help.h \
	tests/unit/heap_help.h
