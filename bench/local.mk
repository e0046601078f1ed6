# SPDX-License-Identifier: BSD-2-Clause
# Measuring programs, built by `make bench` and `make check-instructions` only. A peer that is not
# installed leaves its program out, and bench/run names it as skipped (bench/peers.tsv).
#
# A program is bench_NAME, and one file of a family's folder over the harness:
#   libcollectors.la   for what describes itself as gc/subject.h says
#   libpools.la   for what describes itself as pool/subjects.h says
#   libcases.la   for what describes itself as harness/cases.h says

EXTRA_LTLIBRARIES = \
	bench/count.la \
	bench/libcases.la \
	bench/libcollectors.la \
	bench/libpools.la

bench_libcases_la_SOURCES = \
	bench/harness/cases.c \
	bench/harness/cases.h \
	bench/harness/harness.c \
	bench/harness/harness.h

bench_libcollectors_la_SOURCES = \
	bench/gc/gcbench.h \
	bench/gc/live.h \
	bench/gc/run.c \
	bench/gc/subject.h \
	bench/gc/trees.h \
	bench/harness/harness.c \
	bench/harness/harness.h

bench_libpools_la_SOURCES = \
	bench/harness/harness.c \
	bench/harness/harness.h \
	bench/pool/burst.c \
	bench/pool/loops.h \
	bench/pool/ring.h \
	bench/pool/subjects.c \
	bench/pool/subjects.h

# Preloaded to count malloc's calls. The path makes libtool build it shared; it is not installed.
bench_count_la_SOURCES = bench/harness/cases.h bench/harness/count.c
bench_count_la_LDFLAGS = $(LIBRARY_LINK_FLAGS) -module -avoid-version -rpath /nowhere

bench_programs = \
	bench/count.la \
	bench/bench_arena$(EXEEXT) \
	bench/bench_arena_bump$(EXEEXT) \
	bench/bench_arena_malloc$(EXEEXT) \
	bench/bench_arena_obstack$(EXEEXT) \
	bench/bench_bytes$(EXEEXT) \
	bench/bench_bytes_malloc$(EXEEXT) \
	bench/bench_gc_malloc$(EXEEXT) \
	bench/bench_gc_store$(EXEEXT) \
	bench/bench_gc_tidepool$(EXEEXT) \
	bench/bench_holdup$(EXEEXT) \
	bench/bench_json_tidepool$(EXEEXT) \
	bench/bench_log$(EXEEXT) \
	bench/bench_malloc$(EXEEXT) \
	bench/bench_peers$(EXEEXT) \
	bench/bench_pool$(EXEEXT) \
	bench/bench_sol$(EXEEXT) \
	bench/bench_vec$(EXEEXT) \
	bench/bench_vec_array$(EXEEXT) \
	bench/bench_vec_malloc$(EXEEXT)
if HAVE_APR
bench_programs += bench/bench_arena_apr$(EXEEXT)
endif
if HAVE_BDWGC
bench_programs += bench/bench_gc_bdwgc$(EXEEXT)
endif
if HAVE_CJSON
bench_programs += bench/bench_json_cjson$(EXEEXT)
endif
if HAVE_DPDK
bench_programs += bench/bench_dpdk$(EXEEXT)
endif
if HAVE_GLIB
bench_programs += bench/bench_bytes_gstring$(EXEEXT) bench/bench_vec_garray$(EXEEXT)
endif
if HAVE_JANSSON
bench_programs += bench/bench_json_jansson$(EXEEXT)
endif
if HAVE_JSONC
bench_programs += bench/bench_json_jsonc$(EXEEXT)
endif
if HAVE_MIMALLOC
bench_programs += bench/bench_arena_mimalloc$(EXEEXT)
endif
if HAVE_RAPIDJSON
bench_programs += bench/bench_json_rapidjson$(EXEEXT)
endif
if HAVE_SIMDJSON
bench_programs += bench/bench_json_simdjson$(EXEEXT)
endif
if HAVE_TALLOC
bench_programs += bench/bench_arena_talloc$(EXEEXT)
endif

EXTRA_PROGRAMS += \
	bench/bench_arena \
	bench/bench_arena_apr \
	bench/bench_arena_bump \
	bench/bench_arena_malloc \
	bench/bench_arena_mimalloc \
	bench/bench_arena_obstack \
	bench/bench_arena_talloc \
	bench/bench_bytes \
	bench/bench_bytes_gstring \
	bench/bench_bytes_malloc \
	bench/bench_dpdk \
	bench/bench_gc_bdwgc \
	bench/bench_gc_malloc \
	bench/bench_gc_store \
	bench/bench_gc_tidepool \
	bench/bench_holdup \
	bench/bench_instructions \
	bench/bench_json_cjson \
	bench/bench_json_jansson \
	bench/bench_json_jsonc \
	bench/bench_json_rapidjson \
	bench/bench_json_simdjson \
	bench/bench_json_tidepool \
	bench/bench_log \
	bench/bench_malloc \
	bench/bench_peers \
	bench/bench_pool \
	bench/bench_sol \
	bench/bench_vec \
	bench/bench_vec_array \
	bench/bench_vec_garray \
	bench/bench_vec_malloc

bench_bench_instructions_SOURCES = bench/pool/instructions.c
bench_bench_instructions_LDADD = bench/libpools.la lib/libtidepool.la

# The arenas' loops are a dozen instructions long: where they begin decides whether a process takes
# one or four times as long (README.md).
ARENA_LOOP_CFLAGS = $(AM_CFLAGS) -falign-loops=64
bench_bench_arena_SOURCES = bench/arena/arena.c bench/arena/loop.h
bench_bench_arena_CFLAGS = $(ARENA_LOOP_CFLAGS)
bench_bench_arena_LDADD = bench/libcases.la lib/libtidepool.la

bench_bench_arena_apr_SOURCES = bench/arena/apr.c bench/arena/loop.h
bench_bench_arena_apr_CFLAGS = $(ARENA_LOOP_CFLAGS)
bench_bench_arena_apr_CPPFLAGS = $(APR_CFLAGS)
bench_bench_arena_apr_LDADD = bench/libcases.la $(APR_LIBS)

bench_bench_arena_bump_SOURCES = bench/arena/bump.c bench/arena/loop.h
bench_bench_arena_bump_CFLAGS = $(ARENA_LOOP_CFLAGS)
bench_bench_arena_bump_LDADD = bench/libcases.la

bench_bench_arena_malloc_SOURCES = bench/arena/malloc.c bench/arena/loop.h
bench_bench_arena_malloc_CFLAGS = $(ARENA_LOOP_CFLAGS)
bench_bench_arena_malloc_LDADD = bench/libcases.la

bench_bench_arena_mimalloc_SOURCES = bench/arena/mimalloc.c bench/arena/loop.h
bench_bench_arena_mimalloc_CFLAGS = $(ARENA_LOOP_CFLAGS)
bench_bench_arena_mimalloc_LDADD = bench/libcases.la $(MIMALLOC_LIBS)

bench_bench_arena_obstack_SOURCES = bench/arena/obstack.c bench/arena/loop.h
bench_bench_arena_obstack_CFLAGS = $(ARENA_LOOP_CFLAGS)
bench_bench_arena_obstack_LDADD = bench/libcases.la

bench_bench_arena_talloc_SOURCES = bench/arena/talloc.c bench/arena/loop.h
bench_bench_arena_talloc_CFLAGS = $(ARENA_LOOP_CFLAGS) $(TALLOC_CFLAGS)
bench_bench_arena_talloc_LDADD = bench/libcases.la $(TALLOC_LIBS)

bench_bench_bytes_SOURCES = bench/bytes/bytes.c bench/bytes/loop.h
bench_bench_bytes_LDADD = bench/libcases.la lib/libtidepool.la

bench_bench_bytes_gstring_SOURCES = bench/bytes/gstring.c bench/bytes/loop.h
bench_bench_bytes_gstring_CFLAGS = $(AM_CFLAGS) $(GLIB_CFLAGS)
bench_bench_bytes_gstring_LDADD = bench/libcases.la $(GLIB_LIBS)

bench_bench_bytes_malloc_SOURCES = bench/bytes/malloc.c bench/bytes/loop.h
bench_bench_bytes_malloc_LDADD = bench/libcases.la

bench_bench_dpdk_SOURCES = bench/pool/dpdk.c
bench_bench_dpdk_CFLAGS = $(AM_CFLAGS) $(DPDK_CFLAGS)
bench_bench_dpdk_LDADD = bench/libpools.la $(DPDK_LIBS)

bench_bench_gc_bdwgc_SOURCES = bench/gc/bdwgc.c
bench_bench_gc_bdwgc_CFLAGS = $(AM_CFLAGS) $(BDWGC_CFLAGS)
bench_bench_gc_bdwgc_LDADD = bench/libcollectors.la $(BDWGC_LIBS)

bench_bench_gc_malloc_SOURCES = bench/gc/malloc.c
bench_bench_gc_malloc_LDADD = bench/libcollectors.la

# As for the arenas' loops.
bench_bench_gc_store_CFLAGS = $(ARENA_LOOP_CFLAGS)
bench_bench_gc_store_SOURCES = bench/gc/store.c
bench_bench_gc_store_LDADD = bench/libcases.la lib/libtidepool.la

bench_bench_gc_tidepool_SOURCES = bench/gc/tidepool.c
bench_bench_gc_tidepool_LDADD = bench/libcollectors.la lib/libtidepool.la

bench_bench_holdup_SOURCES = bench/pool/holdup.c
bench_bench_holdup_LDADD = bench/libpools.la lib/libtidepool.la

bench_bench_json_cjson_SOURCES = bench/json/cjson.c bench/json/document.h
bench_bench_json_cjson_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
bench_bench_json_cjson_LDADD = bench/libcases.la $(CJSON_LIBS)

bench_bench_json_jansson_SOURCES = bench/json/jansson.c bench/json/document.h
bench_bench_json_jansson_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
bench_bench_json_jansson_LDADD = bench/libcases.la $(JANSSON_LIBS)

bench_bench_json_jsonc_SOURCES = bench/json/jsonc.c bench/json/document.h
bench_bench_json_jsonc_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
bench_bench_json_jsonc_LDADD = bench/libcases.la $(JSONC_LIBS)

bench_bench_json_rapidjson_SOURCES = bench/json/rapidjson.cc bench/json/document.h
bench_bench_json_rapidjson_CPPFLAGS = $(RAPIDJSON_CFLAGS)
bench_bench_json_rapidjson_CXXFLAGS = $(BENCH_CXXFLAGS)
bench_bench_json_rapidjson_LDADD = bench/libcases.la

bench_bench_json_simdjson_SOURCES = bench/json/simdjson.cc bench/json/document.h
bench_bench_json_simdjson_CPPFLAGS = $(SIMDJSON_CFLAGS)
bench_bench_json_simdjson_CXXFLAGS = $(BENCH_CXXFLAGS)
bench_bench_json_simdjson_LDADD = bench/libcases.la $(SIMDJSON_LIBS)

bench_bench_json_tidepool_SOURCES = bench/json/tidepool.c bench/json/document.h
bench_bench_json_tidepool_LDADD = \
	bench/libcases.la \
	examples/json/libjson.la \
	lib/libtidepool.la

bench_bench_log_SOURCES = bench/log/log.c
bench_bench_log_LDADD = bench/libcases.la

bench_bench_malloc_SOURCES = bench/pool/malloc.c
bench_bench_malloc_LDADD = bench/libpools.la

bench_bench_peers_SOURCES = bench/pool/peers.c
bench_bench_peers_CPPFLAGS = $(AM_CPPFLAGS) $(CK_CFLAGS)
bench_bench_peers_LDADD = bench/libpools.la

bench_bench_pool_SOURCES = bench/pool/pool.c
bench_bench_pool_LDADD = bench/libpools.la lib/libtidepool.la

bench_bench_sol_SOURCES = bench/pool/sol.c
bench_bench_sol_LDADD = bench/libpools.la

bench_bench_vec_SOURCES = bench/vec/vec.c bench/vec/loop.h
bench_bench_vec_LDADD = bench/libcases.la lib/libtidepool.la

bench_bench_vec_array_SOURCES = bench/vec/array.c bench/vec/loop.h
bench_bench_vec_array_LDADD = bench/libcases.la

bench_bench_vec_garray_SOURCES = bench/vec/garray.c bench/vec/loop.h
bench_bench_vec_garray_CFLAGS = $(AM_CFLAGS) $(GLIB_CFLAGS)
bench_bench_vec_garray_LDADD = bench/libcases.la $(GLIB_LIBS)

bench_bench_vec_malloc_SOURCES = bench/vec/malloc.c bench/vec/loop.h
bench_bench_vec_malloc_LDADD = bench/libcases.la

# g++ defines _GNU_SOURCE by itself.
BENCH_CXXFLAGS = -std=gnu++17 -pthread -Wall -Wextra $(TPI_CFLAGS) $(SANITIZE_FLAGS)

# `make bench FILTER=pair/64 BENCH_ROUNDS=3`; `all` for the parsers that are measured.
bench: all $(bench_programs) bench-go
	BENCH_ROUNDS='$(BENCH_ROUNDS)' $(srcdir)/bench/run '$(abs_top_builddir)' '$(FILTER)'

# Nothing is downloaded: the module has no dependencies. Generics need Go 1.18.
bench-go:
	@$(MKDIR_P) bench
	@if command -v go >/dev/null; then \
	    out='$(abs_top_builddir)/bench'; cd $(srcdir)/bench/bench_go && \
	    GOCACHE="$$out/gocache" GOPROXY=off GOFLAGS= go test -c -o "$$out/bench_go.test" . || \
	    { echo 'bench: Go could not compile bench/bench_go' >&2; rm -f "$$out/bench_go.test"; }; \
	fi

# What make check-instructions stands on; 77: nothing to count with, which is said.
bench-instructions: bench/bench_instructions$(EXEEXT)
	$(srcdir)/bench/check-instructions '$(abs_top_builddir)' || test $$? -eq 77

# Whole runs of the logger.
bench-programs: all
	$(srcdir)/bench/programs '$(abs_top_builddir)'

bench-clean:
	-rm -rf bench/gocache

clean-local: bench-clean

.PHONY: bench bench-clean bench-go bench-instructions bench-programs

CLEANFILES += \
	bench/bench_go.test \
	bench/errors.log \
	bench/parse.log \
	bench/plan \
	bench/plan.once \
	bench/results.raw \
	bench/results.txt \
	bench/run.out \
	bench/table.md

EXTRA_DIST += \
	bench/README.md \
	bench/bench_go/bytes_test.go \
	bench/bench_go/gc_live_test.go \
	bench/bench_go/gc_test.go \
	bench/bench_go/go.mod \
	bench/bench_go/linkname.s \
	bench/bench_go/pool_test.go \
	bench/bench_go/vec_test.go \
	bench/check-instructions \
	bench/figures.awk \
	bench/instructions.expected \
	bench/one-run.sh \
	bench/peers.tsv \
	bench/plan.awk \
	bench/plan.tsv \
	bench/programs \
	bench/report.awk \
	bench/rows.tsv \
	bench/run
