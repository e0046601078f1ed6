# SPDX-License-Identifier: BSD-2-Clause
# Benchmarks are built by `make bench` and `make bench-programs` alone. The scripts get the build
# tree as their argument. A peer's program is built where the peer is installed.

bench_programs = \
	bench/bench_holdup \
	bench/bench_malloc \
	bench/bench_peers \
	bench/bench_pool \
	bench/bench_sol
if HAVE_DPDK
bench_programs += \
	bench/bench_dpdk
endif
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

bench_common = \
	bench/burst.c \
	bench/common.c \
	bench/common.h \
	bench/loops.h \
	bench/ring.h

bench_bench_dpdk_SOURCES = bench/bench_dpdk.c $(bench_common)
bench_bench_dpdk_CPPFLAGS = $(AM_CPPFLAGS) $(DPDK_CFLAGS)
bench_bench_dpdk_LDADD = $(DPDK_LIBS)

bench_bench_holdup_SOURCES = bench/bench_holdup.c $(bench_common)
bench_bench_holdup_LDADD = lib/libtidepool.la

bench_bench_malloc_SOURCES = bench/bench_malloc.c $(bench_common)
bench_bench_malloc_LDADD =

bench_bench_peers_SOURCES = bench/bench_peers.c $(bench_common)
bench_bench_peers_CPPFLAGS = $(AM_CPPFLAGS) $(CK_CFLAGS)
bench_bench_peers_LDADD =

bench_bench_pool_SOURCES = bench/bench_pool.c $(bench_common)
bench_bench_pool_LDADD = lib/libtidepool.la

bench_bench_sol_SOURCES = bench/bench_sol.c $(bench_common)
bench_bench_sol_LDADD =

bench: all $(bench_programs)
	$(top_srcdir)/bench/run $(abs_top_builddir)

bench-programs: all $(bench_programs)
	$(top_srcdir)/bench/programs $(abs_top_builddir)

.PHONY: bench bench-programs

EXTRA_DIST += \
	bench/bench_go/go.mod \
	bench/bench_go/pool_test.go
