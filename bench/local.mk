# SPDX-License-Identifier: BSD-2-Clause
# Measuring programs, built by `make bench` and `make check-instructions` only. A peer that is not
# installed leaves its program out, and bench/run names it as skipped.

bench_programs = \
	bench/bench_holdup$(EXEEXT) \
	bench/bench_malloc$(EXEEXT) \
	bench/bench_peers$(EXEEXT) \
	bench/bench_pool$(EXEEXT) \
	bench/bench_sol$(EXEEXT)
if HAVE_DPDK
bench_programs += bench/bench_dpdk$(EXEEXT)
endif

EXTRA_PROGRAMS += \
	bench/bench_dpdk \
	bench/bench_holdup \
	bench/bench_instructions \
	bench/bench_malloc \
	bench/bench_peers \
	bench/bench_pool \
	bench/bench_sol

bench_common = \
	bench/burst.c \
	bench/common.c \
	bench/common.h \
	bench/loops.h \
	bench/ring.h

bench_bench_dpdk_SOURCES = bench/bench_dpdk.c $(bench_common)
bench_bench_dpdk_CFLAGS = $(AM_CFLAGS) $(DPDK_CFLAGS)
bench_bench_dpdk_LDADD = $(DPDK_LIBS)

bench_bench_holdup_SOURCES = bench/bench_holdup.c $(bench_common)
bench_bench_holdup_LDADD = lib/libtidepool.la

bench_bench_instructions_SOURCES = bench/bench_instructions.c $(bench_common)
bench_bench_instructions_LDADD = lib/libtidepool.la

bench_bench_malloc_SOURCES = bench/bench_malloc.c $(bench_common)
bench_bench_malloc_LDADD =

bench_bench_peers_SOURCES = bench/bench_peers.c $(bench_common)
bench_bench_peers_CPPFLAGS = $(AM_CPPFLAGS) $(CK_CFLAGS)
bench_bench_peers_LDADD =

bench_bench_pool_SOURCES = bench/bench_pool.c $(bench_common)
bench_bench_pool_LDADD = lib/libtidepool.la

bench_bench_sol_SOURCES = bench/bench_sol.c $(bench_common)
bench_bench_sol_LDADD =

# `make bench FILTER=pair/64 BENCH_ROUNDS=3`
bench: $(bench_programs) bench-go
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
	bench/plan \
	bench/results.raw \
	bench/results.txt \
	bench/run.out \
	bench/table.md

EXTRA_DIST += \
	bench/README.md \
	bench/bench_go/go.mod \
	bench/bench_go/pool_test.go \
	bench/check-instructions \
	bench/instructions.expected \
	bench/programs \
	bench/report.awk \
	bench/rows.tsv \
	bench/run
