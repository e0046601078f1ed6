# SPDX-License-Identifier: BSD-2-Clause

include_HEADERS = \
	include/tidepool.h

tidepoolincludedir = $(includedir)/tidepool
tidepoolinclude_HEADERS = \
	include/tidepool/arena.h \
	include/tidepool/attrs.h \
	include/tidepool/bytes.h \
	include/tidepool/gc.h \
	include/tidepool/heap.h \
	include/tidepool/pool.h \
	include/tidepool/short.h \
	include/tidepool/short_gc.h \
	include/tidepool/stats.h \
	include/tidepool/vec.h \
	include/tidepool/version.h

tidepooladaptincludedir = $(tidepoolincludedir)/adapt
tidepooladaptinclude_HEADERS = \
	include/tidepool/adapt/ck.h

tidepooldetailincludedir = $(tidepoolincludedir)/detail
tidepooldetailinclude_HEADERS = \
	include/tidepool/detail/classes.h \
	include/tidepool/detail/gc.h \
	include/tidepool/detail/local.h \
	include/tidepool/detail/sequence_none.h \
	include/tidepool/detail/sequence_x86_64.h
