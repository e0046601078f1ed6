# SPDX-License-Identifier: BSD-2-Clause
# unit: one room each, white box, linked with the convenience library.
# contract: the public API alone, against the real shared object.
# stress: the same, with many threads, a printed seed and a budget of TP_STRESS_SECONDS (2 in
# `make check`, 60 in `make check-long`, where test_gc_graph makes TP_STRESS_MUTATIONS).
# The scripts prove rules of the tree; each runs by hand too.
#
# A contract or stress test tests/contract/test_x.c needs its line in the list. Unit tests have a
# list of their own, tests/unit/local.mk.

contract_tests = \
	tests/contract/test_adapt_ck \
	tests/contract/test_arena \
	tests/contract/test_arena_abuse \
	tests/contract/test_arena_limits \
	tests/contract/test_arena_marks \
	tests/contract/test_arena_pool \
	tests/contract/test_bytes \
	tests/contract/test_bytes_learn \
	tests/contract/test_bytes_number \
	tests/contract/test_bytes_pool \
	tests/contract/test_bytes_sizes \
	tests/contract/test_check \
	tests/contract/test_cycle \
	tests/contract/test_cycle_triggers \
	tests/contract/test_dlclose \
	tests/contract/test_dlclose_callbacks \
	tests/contract/test_early_use \
	tests/contract/test_fork \
	tests/contract/test_fork_drops \
	tests/contract/test_gc \
	tests/contract/test_gc_arena \
	tests/contract/test_gc_barrier \
	tests/contract/test_gc_busy \
	tests/contract/test_gc_checks \
	tests/contract/test_gc_cleanups \
	tests/contract/test_gc_coroutines \
	tests/contract/test_gc_cycle \
	tests/contract/test_gc_fork \
	tests/contract/test_gc_limits \
	tests/contract/test_gc_near \
	tests/contract/test_gc_pins \
	tests/contract/test_gc_pools \
	tests/contract/test_gc_pools_beside \
	tests/contract/test_gc_pools_dropped \
	tests/contract/test_gc_region_checks \
	tests/contract/test_gc_regions \
	tests/contract/test_gc_roots \
	tests/contract/test_gc_shade \
	tests/contract/test_gc_slow_callbacks \
	tests/contract/test_gc_stragglers \
	tests/contract/test_gc_tables \
	tests/contract/test_gc_threads \
	tests/contract/test_gc_weak \
	tests/contract/test_header \
	tests/contract/test_heap \
	tests/contract/test_heap_abuse \
	tests/contract/test_memstats \
	tests/contract/test_nested \
	tests/contract/test_options \
	tests/contract/test_pool \
	tests/contract/test_pool_bounds \
	tests/contract/test_scratch \
	tests/contract/test_short \
	tests/contract/test_threads \
	tests/contract/test_vec \
	tests/contract/test_vec_abuse \
	tests/contract/test_vec_homes \
	tests/contract/test_wait

stress_tests = \
	tests/control/test_controls \
	tests/control/test_gc_controls \
	tests/stress/test_arena \
	tests/stress/test_bytes_pool \
	tests/stress/test_fork \
	tests/stress/test_gc_graph \
	tests/stress/test_gc_threads \
	tests/stress/test_history \
	tests/stress/test_sequence \
	tests/stress/test_vec \
	tests/stress/test_waiters

# What the example programs are made of.
example_tests = \
	tests/examples/test_json \
	tests/examples/test_json_data \
	tests/examples/test_json_number \
	tests/examples/test_json_tree \
	tests/examples/test_logger \
	tests/examples/test_logger_format \
	tests/fuzz/test_corpus_json \
	tests/fuzz/test_corpus_logparse \
	tests/examples/test_logparse \
	tests/examples/test_logparse_files \
	tests/examples/test_logparse_loghub \
	tests/examples/test_logparse_report \
	tests/examples/test_logparse_scan \
	tests/examples/test_maps

EXAMPLE_TEST_CPPFLAGS = $(EXAMPLES_CPPFLAGS) -I$(top_srcdir)/examples
EXAMPLE_TEST_LIBS = examples/logger/liblogger.la lib/libtidepool.la $(CMOCKA_LIBS)
tests_examples_test_logger_CPPFLAGS = $(EXAMPLE_TEST_CPPFLAGS)
tests_examples_test_logger_LDADD = $(EXAMPLE_TEST_LIBS)
tests_examples_test_logger_SOURCES = \
	tests/examples/logger_fixture.h \
	tests/examples/test_logger.c
tests_examples_test_logger_format_CPPFLAGS = $(EXAMPLE_TEST_CPPFLAGS)
tests_examples_test_logger_format_LDADD = $(EXAMPLE_TEST_LIBS)
tests_examples_test_logger_format_SOURCES = \
	tests/examples/logger_fixture.h \
	tests/examples/test_logger_format.c

JSON_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/examples \
	-DTP_TEST_DATA_DIR='"$(abs_top_srcdir)/../shared/data"'
JSON_TEST_LIBS = examples/json/libjson.la lib/libtidepool.la $(CMOCKA_LIBS)
tests_examples_test_json_CPPFLAGS = $(JSON_TEST_CPPFLAGS)
tests_examples_test_json_LDADD = $(JSON_TEST_LIBS)
tests_examples_test_json_SOURCES = \
	tests/examples/json_fixture.h \
	tests/examples/test_json.c
tests_examples_test_json_data_CPPFLAGS = $(JSON_TEST_CPPFLAGS)
tests_examples_test_json_data_LDADD = $(JSON_TEST_LIBS)
tests_examples_test_json_data_SOURCES = \
	tests/examples/json_fixture.h \
	tests/examples/test_json_data.c
tests_examples_test_json_number_CPPFLAGS = $(JSON_TEST_CPPFLAGS)
tests_examples_test_json_number_LDADD = $(JSON_TEST_LIBS)
tests_examples_test_json_number_SOURCES = \
	tests/examples/json_fixture.h \
	tests/examples/test_json_number.c
tests_examples_test_json_tree_CPPFLAGS = $(JSON_TEST_CPPFLAGS)
tests_examples_test_json_tree_LDADD = $(JSON_TEST_LIBS)
tests_examples_test_json_tree_SOURCES = \
	tests/examples/json_fixture.h \
	tests/examples/test_json_tree.c
tests_fuzz_test_corpus_json_CPPFLAGS = $(JSON_TEST_CPPFLAGS) -DTP_TEST_CORPUS_FILES=250 \
	-DTP_TEST_CORPUS='"$(abs_top_srcdir)/tests/fuzz/corpus/json"'
tests_fuzz_test_corpus_json_LDADD = $(JSON_TEST_LIBS)
tests_fuzz_test_corpus_json_SOURCES = \
	tests/fuzz/fuzz_json.c \
	tests/fuzz/test_corpus.c
tests_fuzz_test_corpus_logparse_CPPFLAGS = $(EXAMPLE_TEST_CPPFLAGS) -DTP_TEST_CORPUS_FILES=10 \
	-DTP_TEST_CORPUS='"$(abs_top_srcdir)/tests/fuzz/corpus/logparse"'
tests_fuzz_test_corpus_logparse_LDADD = $(LOGPARSE_TEST_LIBS)
tests_fuzz_test_corpus_logparse_SOURCES = \
	tests/fuzz/fuzz_logparse.c \
	tests/fuzz/test_corpus.c

LOGPARSE_TEST_LIBS = examples/logparse/liblogparse.la lib/libtidepool.la $(CMOCKA_LIBS) $(CK_LIBS)
tests_examples_test_logparse_CPPFLAGS = $(EXAMPLE_TEST_CPPFLAGS)
tests_examples_test_logparse_LDADD = $(LOGPARSE_TEST_LIBS)
tests_examples_test_logparse_SOURCES = \
	tests/examples/logparse_fixture.h \
	tests/examples/test_logparse.c
tests_examples_test_logparse_files_CPPFLAGS = $(EXAMPLE_TEST_CPPFLAGS)
tests_examples_test_logparse_files_LDADD = $(LOGPARSE_TEST_LIBS)
tests_examples_test_logparse_files_SOURCES = \
	tests/examples/logparse_fixture.h \
	tests/examples/logparse_scan.h \
	tests/examples/test_logparse_files.c
tests_examples_test_logparse_loghub_CPPFLAGS = $(EXAMPLE_TEST_CPPFLAGS) \
	-DTP_TEST_DATA_DIR='"$(abs_top_srcdir)/../shared/data"'
tests_examples_test_logparse_loghub_LDADD = $(LOGPARSE_TEST_LIBS)
tests_examples_test_logparse_loghub_SOURCES = \
	tests/examples/logparse_fixture.h \
	tests/examples/test_logparse_loghub.c
tests_examples_test_logparse_report_CPPFLAGS = $(EXAMPLE_TEST_CPPFLAGS)
tests_examples_test_logparse_report_LDADD = $(LOGPARSE_TEST_LIBS)
tests_examples_test_logparse_report_SOURCES = \
	tests/examples/logparse_fixture.h \
	tests/examples/test_logparse_report.c
tests_examples_test_logparse_scan_CPPFLAGS = $(EXAMPLE_TEST_CPPFLAGS)
tests_examples_test_logparse_scan_LDADD = $(LOGPARSE_TEST_LIBS)
tests_examples_test_logparse_scan_SOURCES = \
	tests/examples/logparse_fixture.h \
	tests/examples/logparse_scan.h \
	tests/examples/test_logparse_scan.c

tests_examples_test_maps_CPPFLAGS = $(EXAMPLE_TEST_CPPFLAGS) \
	-DTP_TEST_DATA_DIR='"$(abs_top_srcdir)/../shared/data"' \
	-DTP_TEST_MAPS='"$(abs_top_builddir)/examples/maps/tp-maps"'
tests_examples_test_maps_LDADD = examples/maps/libwords.la lib/libtidepool.la $(CMOCKA_LIBS)
tests_examples_test_maps_SOURCES = tests/examples/test_maps.c

# .ci/run makes this empty for all builds but the first.
script_tests = \
	tests/contract/test_compilers.sh \
	tests/contract/test_graph.sh \
	tests/contract/test_json.sh \
	tests/contract/test_logger.sh \
	tests/contract/test_logparse.sh \
	tests/contract/test_short.sh \
	tests/contract/test_watchers.sh \
	tools/check-from-go \
	tools/check-headers \
	tools/check-layers \
	tools/check-snippets \
	tools/check-style \
	tools/check-symbols

LDADD = lib/libtidepool.la $(CMOCKA_LIBS)

# Loadable modules for the dlclose tests. Tests find them in TP_TEST_PLUGIN_DIR (a string).
PLUGIN_LINK_FLAGS = $(LIBRARY_LINK_FLAGS) -module -avoid-version -shared -rpath /nowhere
PLUGIN_TEST_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTP_TEST_PLUGIN_DIR='"$(abs_top_builddir)/tests/contract/.libs"'

check_LTLIBRARIES += \
	tests/contract/plugin_bare.la \
	tests/contract/plugin_callbacks.la \
	tests/contract/plugin_control.la \
	tests/contract/plugin_pool.la
tests_contract_plugin_bare_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
tests_contract_plugin_bare_la_LIBADD = lib/libtidepool.la
tests_contract_plugin_bare_la_SOURCES = \
	tests/contract/plugin_bare.c \
	tests/contract/plugin_pool.h
tests_contract_plugin_callbacks_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
tests_contract_plugin_callbacks_la_LIBADD = lib/libtidepool.la
tests_contract_plugin_callbacks_la_SOURCES = \
	tests/contract/plugin_callbacks.c \
	tests/contract/plugin_callbacks.h
tests_contract_plugin_control_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
tests_contract_plugin_control_la_LIBADD = lib/libtidepool.la
tests_contract_plugin_control_la_SOURCES = \
	tests/contract/plugin_bare.c \
	tests/contract/plugin_control.c \
	tests/contract/plugin_pool.h
tests_contract_plugin_pool_la_LDFLAGS = $(PLUGIN_LINK_FLAGS)
tests_contract_plugin_pool_la_LIBADD = lib/libtidepool.la
tests_contract_plugin_pool_la_SOURCES = \
	tests/contract/plugin_pool.c \
	tests/contract/plugin_pool.h
tests_contract_test_dlclose_CPPFLAGS = $(PLUGIN_TEST_CPPFLAGS)
tests_contract_test_dlclose_callbacks_CPPFLAGS = $(PLUGIN_TEST_CPPFLAGS)

# What needs the folder of real inputs, or libm.
BYTES_TEST_CPPFLAGS = $(AM_CPPFLAGS) -DTP_TEST_DATA_DIR='"$(abs_top_srcdir)/../shared/data"'
tests_contract_test_bytes_learn_SOURCES = \
	tests/contract/bytes_fixture.h \
	tests/contract/test_bytes_learn.c
tests_contract_test_bytes_number_CPPFLAGS = $(BYTES_TEST_CPPFLAGS)
tests_contract_test_bytes_number_LDADD = $(LDADD) -lm
tests_contract_test_bytes_pool_SOURCES = \
	tests/contract/bytes_fixture.h \
	tests/contract/test_bytes_pool.c
tests_contract_test_bytes_sizes_CPPFLAGS = $(BYTES_TEST_CPPFLAGS)
tests_contract_test_bytes_sizes_LDADD = $(LDADD) -lm
tests_contract_test_bytes_sizes_SOURCES = \
	tests/contract/bytes_fixture.h \
	tests/contract/test_bytes_sizes.c

tests_contract_test_adapt_ck_CPPFLAGS = $(AM_CPPFLAGS) $(CK_CFLAGS)
tests_contract_test_adapt_ck_LDADD = $(LDADD) $(CK_LIBS)

tests_contract_test_header_SOURCES = \
	tests/contract/test_header.c \
	tests/contract/test_header.h \
	tests/contract/test_header_other.c

# Controls: one thing is wrong in each, and the stress on sequences must find it. Each has a source
# of the library compiled in, which takes the place of the archive's.
control_programs = \
	tests/control/control_exit \
	tests/control/control_fence \
	tests/control/control_flush \
	tests/control/control_gc_barrier \
	tests/control/control_gc_none \
	tests/control/control_gc_rounds \
	tests/control/control_gc_stack \
	tests/control/control_limit \
	tests/control/control_none
tests_control_control_exit_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_control_control_exit_LDADD = $(UNIT_LIBS)
tests_control_control_exit_SOURCES = tests/control/control_exit.c $(CONTROL_SOURCES)
tests_control_control_fence_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_control_control_fence_LDADD = $(UNIT_LIBS)
tests_control_control_fence_SOURCES = tests/control/control_fence.c $(CONTROL_SOURCES)
tests_control_control_flush_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_control_control_flush_LDADD = $(UNIT_LIBS)
tests_control_control_flush_SOURCES = tests/control/control_flush.c $(CONTROL_SOURCES)
tests_control_control_gc_barrier_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_control_control_gc_barrier_LDADD = $(UNIT_LIBS)
tests_control_control_gc_none_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_control_control_gc_none_LDADD = $(UNIT_LIBS)
tests_control_control_gc_rounds_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_control_control_gc_rounds_LDADD = $(UNIT_LIBS)
tests_control_control_gc_stack_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_control_control_gc_stack_LDADD = $(UNIT_LIBS)
tests_control_control_limit_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_control_control_limit_LDADD = $(UNIT_LIBS)
tests_control_control_limit_SOURCES = tests/control/control_limit.c $(CONTROL_SOURCES)
tests_control_control_none_CPPFLAGS = $(INSIDE_CPPFLAGS)
tests_control_control_none_LDADD = $(UNIT_LIBS)
tests_control_control_none_SOURCES = tests/control/control_none.c $(CONTROL_SOURCES)
CONTROL_SOURCES = tests/control/control.h tests/control/slow_many.c
tests_control_test_gc_controls_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTP_TEST_CONTROL_DIR='"$(abs_top_builddir)/tests/control"'
tests_control_test_controls_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTP_TEST_CONTROL_DIR='"$(abs_top_builddir)/tests/control"'

# --- running them ---

cmocka_tests = $(unit_tests) $(contract_tests) $(stress_tests) $(example_tests)
if HAVE_CMOCKA
check_PROGRAMS += $(cmocka_tests) $(control_programs)
TESTS = $(cmocka_tests) $(script_tests)
else
TESTS = $(script_tests)
endif

# A test that hangs fails with its log.
LOG_COMPILER = timeout
AM_LOG_FLAGS = -k 10 $${TP_TEST_SECONDS:-600}

# What the scripts want to know of the build.
AM_TESTS_ENVIRONMENT = \
	TP_BUILD_DIR='$(abs_top_builddir)'; export TP_BUILD_DIR; \
	TP_CC='$(CC)'; export TP_CC; \
	TP_SANITIZE_FLAGS='$(SANITIZE_FLAGS)'; export TP_SANITIZE_FLAGS; \
	UBSAN_OPTIONS="$${UBSAN_OPTIONS:-print_stacktrace=1}"; export UBSAN_OPTIONS; \
	TSAN_OPTIONS="$${TSAN_OPTIONS:-detect_deadlocks=0:die_after_fork=0}"; export TSAN_OPTIONS;

# Cmocka's own closing lines, which the harness hides in the logs.
check-local: check-TESTS
if HAVE_CMOCKA
	@$(top_srcdir)/tools/test-summary $(TEST_LOGS)
else
	@echo 'cmocka is missing (Debian: libcmocka-dev): no unit, contract or stress test was run' >&2
	@exit 1
endif

check-long: all
	TP_STRESS_SECONDS=$${TP_STRESS_SECONDS:-60} \
	TP_STRESS_MUTATIONS=$${TP_STRESS_MUTATIONS:-100000000} \
	TP_TEST_SECONDS=$${TP_TEST_SECONDS:-7200} \
		$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(stress_tests)'

# libFuzzer on what parses, for FUZZ_SECONDS; the script says so and stops where clang is missing.
check-fuzz:
	for target in json logparse; do \
	    $(top_srcdir)/tests/fuzz/run $$target $${FUZZ_SECONDS:-600} || exit; \
	done

# Promela models, explored to the end by spin; the script says so and stops where spin is missing.
check-model:
	$(top_srcdir)/tests/model/run

# Instruction counts of the fast paths, under callgrind.
check-instructions: bench-instructions

.PHONY: check-fuzz check-instructions check-long check-model

# Folders that no build writes in are named whole; tools/ gets logs.
EXTRA_DIST += \
	tests/contract/arena_help.h \
	tests/contract/command.sh \
	tests/contract/compilers \
	tests/contract/fork_help.h \
	tests/contract/gc_beside.h \
	tests/contract/gc_help.h \
	tests/contract/gc_threads_help.h \
	tests/contract/library.sh \
	tests/contract/support.h \
	tests/contract/test_compilers.sh \
	tests/contract/test_graph.sh \
	tests/contract/test_json.sh \
	tests/contract/test_logger.sh \
	tests/contract/test_logparse.sh \
	tests/contract/test_short.sh \
	tests/contract/test_watchers.sh \
	tests/control/control.h \
	tests/control/control_gc.h \
	tests/fuzz/corpus \
	tests/fuzz/fuzz_logparse.c \
	tests/fuzz/json.dict \
	tests/fuzz/run \
	tests/model \
	tests/stress/graph.h \
	tests/stress/graph_check.h \
	tests/stress/graph_run.h \
	tests/stress/model.h \
	tests/stress/sequence.h \
	tests/stress/stress.h \
	tools/check-from-go \
	tools/check-headers \
	tools/check-layers \
	tools/check-snippets \
	tools/check-style \
	tools/check-symbols \
	tools/test-summary
