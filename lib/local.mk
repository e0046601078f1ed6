# SPDX-License-Identifier: BSD-2-Clause
# libtidepool-core.la holds every room. The shared object is made of it, and the white-box tests
# link it directly, so that they see what the shared object hides.

noinst_LTLIBRARIES += lib/libtidepool-core.la
lib_LTLIBRARIES += lib/libtidepool.la

lib_libtidepool_core_la_CPPFLAGS = $(INSIDE_CPPFLAGS)
lib_libtidepool_core_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
lib_libtidepool_core_la_LDFLAGS = $(LIBRARY_LINK_FLAGS)
lib_libtidepool_core_la_SOURCES = \
	lib/base/assert.c \
	lib/base/assert.h \
	lib/base/atomic.h \
	lib/base/base.h \
	lib/base/bits.h \
	lib/base/build.h \
	lib/base/lock.c \
	lib/base/lock.h \
	lib/base/track.h \
	lib/cache/cache.h \
	lib/cache/close.c \
	lib/cache/close.h \
	lib/cache/guard.h \
	lib/cache/local.h \
	lib/cache/magazine.c \
	lib/cache/magazine.h \
	lib/cache/many.h \
	lib/cache/registry.c \
	lib/cache/rotate.c \
	lib/cache/sizes.c \
	lib/cache/thread.c \
	lib/cache/thread.h \
	lib/cache/traffic.c \
	lib/gc/alloc.c \
	lib/gc/assist.c \
	lib/gc/barrier.c \
	lib/gc/callbacks.c \
	lib/gc/checks.c \
	lib/gc/cleanups.c \
	lib/gc/collector.h \
	lib/gc/cycle.c \
	lib/gc/fork.c \
	lib/gc/gc.h \
	lib/gc/handshake.c \
	lib/gc/layout.c \
	lib/gc/layout.h \
	lib/gc/links.h \
	lib/gc/mark.c \
	lib/gc/mutator.c \
	lib/gc/mutator.h \
	lib/gc/object.h \
	lib/gc/pacer.c \
	lib/gc/pins.c \
	lib/gc/pooled.c \
	lib/gc/rooted.c \
	lib/gc/roots.c \
	lib/gc/roots.h \
	lib/gc/service.c \
	lib/gc/shade.c \
	lib/gc/signal.c \
	lib/gc/stack.c \
	lib/gc/stats.c \
	lib/gc/sweep.c \
	lib/gc/transfer.c \
	lib/gc/wbcheck.c \
	lib/gc/weak.c \
	lib/gc/workers.c \
	lib/gc/worklist.c \
	lib/gc/worklist.h \
	lib/heap/central.c \
	lib/heap/classes.c \
	lib/heap/collected.c \
	lib/heap/descriptor.h \
	lib/heap/heap.h \
	lib/heap/large.c \
	lib/heap/metadata.c \
	lib/heap/pageheap.c \
	lib/heap/pagemap.c \
	lib/heap/scavenge.c \
	lib/heap/span.h \
	lib/heap/tree.c \
	lib/kit/arena.c \
	lib/kit/arena.h \
	lib/kit/arena_alloc.c \
	lib/kit/arena_chunk.c \
	lib/kit/arena_pool.c \
	lib/kit/bytes.c \
	lib/kit/bytes_number.c \
	lib/kit/bytes_pool.c \
	lib/kit/kit.h \
	lib/kit/quarantine.c \
	lib/kit/scratch.c \
	lib/kit/vec.c \
	lib/os/clock.c \
	lib/os/data.c \
	lib/os/os.h \
	lib/os/pages.c \
	lib/os/rseq.c \
	lib/os/task.c \
	lib/os/thread.c \
	lib/pool/check.c \
	lib/pool/object.c \
	lib/pool/pool.c \
	lib/pool/pool.h \
	lib/pool/stock.c \
	lib/pool/traffic.c \
	lib/pool/wait.c \
	lib/report/gctrace.c \
	lib/report/memstats.c \
	lib/report/report.h \
	lib/runtime/options.c \
	lib/runtime/options.h \
	lib/runtime/runtime.c \
	lib/runtime/symbols.c

# current:revision:age, libtool's rule: an interface that was added to raises current and age, one
# that was changed or removed raises current and zeroes age, anything else raises revision.
TIDEPOOL_VERSION_INFO = 0:0:0

# -z nodelete: an inlined sequence may be announced by a thread at any time (docs/design/rseq.md).
# -z defs: no symbol is left to chance; sanitizers' are found at run time.
lib_libtidepool_la_SOURCES =
lib_libtidepool_la_LIBADD = lib/libtidepool-core.la
lib_libtidepool_la_LDFLAGS = $(LIBRARY_LINK_FLAGS) -version-info $(TIDEPOOL_VERSION_INFO) \
	-Wl,--version-script=$(top_srcdir)/lib/libtidepool.map -Wl,-z,nodelete
if !SANITIZE
lib_libtidepool_la_LDFLAGS += -no-undefined -Wl,-z,defs
endif
EXTRA_lib_libtidepool_la_DEPENDENCIES = lib/libtidepool.map

EXTRA_DIST += \
	lib/README.md \
	lib/libtidepool.map
