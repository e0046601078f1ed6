# SPDX-License-Identifier: BSD-2-Clause
# Programs that people read. They are built as an application is: the public headers and the
# shared object. A program in a folder of its own has these lines:
#
#   noinst_PROGRAMS += examples/x/tp-x
#   examples_x_tp_x_SOURCES = examples/x/main.c ...   (one file a line)
#   examples_x_tp_x_CPPFLAGS = $(EXAMPLES_CPPFLAGS)   (where it uses ck)
#   examples_x_tp_x_LDADD = lib/libtidepool.la

EXAMPLES_CPPFLAGS = $(AM_CPPFLAGS) $(CK_CFLAGS)

# --- the logger: a library, and the command over it ---

noinst_LTLIBRARIES += examples/logger/liblogger.la
examples_logger_liblogger_la_CPPFLAGS = $(EXAMPLES_CPPFLAGS)
examples_logger_liblogger_la_LIBADD = lib/libtidepool.la
examples_logger_liblogger_la_SOURCES = \
	examples/logger/format.c \
	examples/logger/format.h \
	examples/logger/internal.h \
	examples/logger/logger.c \
	examples/logger/logger.h \
	examples/logger/producer.c \
	examples/logger/record.c \
	examples/logger/record.h \
	examples/logger/ring.h \
	examples/logger/sink.c \
	examples/logger/sink.h \
	examples/logger/writer.c

noinst_PROGRAMS += examples/logger/tp-logger
examples_logger_tp_logger_CPPFLAGS = $(EXAMPLES_CPPFLAGS)
examples_logger_tp_logger_LDADD = examples/logger/liblogger.la lib/libtidepool.la
examples_logger_tp_logger_SOURCES = \
	examples/logger/access_log.c \
	examples/logger/access_log.h \
	examples/logger/input.c \
	examples/logger/input.h \
	examples/logger/main.c \
	examples/logger/options.c \
	examples/logger/options.h

# --- JSON: a library, and the command over it ---

noinst_LTLIBRARIES += examples/json/libjson.la
examples_json_libjson_la_LIBADD = lib/libtidepool.la
examples_json_libjson_la_SOURCES = \
	examples/json/collected.c \
	examples/json/internal.h \
	examples/json/json.h \
	examples/json/number.c \
	examples/json/parse.c \
	examples/json/print.c \
	examples/json/scan.h \
	examples/json/string.c \
	examples/json/tree.c

noinst_PROGRAMS += examples/json/tp-json
examples_json_tp_json_LDADD = examples/json/libjson.la lib/libtidepool.la
examples_json_tp_json_SOURCES = \
	examples/json/lines.c \
	examples/json/main.c \
	examples/json/options.c \
	examples/json/options.h \
	examples/json/tool.c \
	examples/json/tool.h

# --- the graph: over JSON's library ---

noinst_LTLIBRARIES += examples/graph/libgraph.la
examples_graph_libgraph_la_LIBADD = examples/json/libjson.la lib/libtidepool.la
examples_graph_libgraph_la_SOURCES = \
	examples/graph/build.c \
	examples/graph/generate.c \
	examples/graph/graph.c \
	examples/graph/graph.h \
	examples/graph/mutate.c \
	examples/graph/query.c

noinst_PROGRAMS += examples/graph/tp-graph
examples_graph_tp_graph_LDADD = examples/graph/libgraph.la lib/libtidepool.la
examples_graph_tp_graph_SOURCES = \
	examples/graph/main.c \
	examples/graph/options.c \
	examples/graph/options.h

# --- the log parser: a library, and the command over it ---

noinst_LTLIBRARIES += examples/logparse/liblogparse.la
examples_logparse_liblogparse_la_CPPFLAGS = $(EXAMPLES_CPPFLAGS)
examples_logparse_liblogparse_la_LIBADD = lib/libtidepool.la $(CK_LIBS)
examples_logparse_liblogparse_la_SOURCES = \
	examples/logparse/access.c \
	examples/logparse/counts.c \
	examples/logparse/counts.h \
	examples/logparse/cursor.h \
	examples/logparse/format.c \
	examples/logparse/input.c \
	examples/logparse/input.h \
	examples/logparse/logparse.h \
	examples/logparse/message.c \
	examples/logparse/print.c \
	examples/logparse/print.h \
	examples/logparse/scan.c \
	examples/logparse/scan.h \
	examples/logparse/text.c \
	examples/logparse/text.h

noinst_PROGRAMS += examples/logparse/tp-logparse
examples_logparse_tp_logparse_CPPFLAGS = $(EXAMPLES_CPPFLAGS)
examples_logparse_tp_logparse_LDADD = examples/logparse/liblogparse.la lib/libtidepool.la
examples_logparse_tp_logparse_SOURCES = \
	examples/logparse/main.c \
	examples/logparse/options.c \
	examples/logparse/options.h

# --- maps: words in a ck_ht that is sized once, and the command over it ---

noinst_LTLIBRARIES += examples/maps/libwords.la
examples_maps_libwords_la_CPPFLAGS = $(EXAMPLES_CPPFLAGS)
examples_maps_libwords_la_LIBADD = lib/libtidepool.la $(CK_LIBS)
examples_maps_libwords_la_SOURCES = \
	examples/maps/words.c \
	examples/maps/words.h

noinst_PROGRAMS += examples/maps/tp-maps
examples_maps_tp_maps_CPPFLAGS = $(EXAMPLES_CPPFLAGS)
examples_maps_tp_maps_LDADD = examples/maps/libwords.la lib/libtidepool.la
examples_maps_tp_maps_SOURCES = examples/maps/main.c

# --- docs/FROM_GO.md's code: its own calls of malloc are counted, so none may be optimised away ---

noinst_PROGRAMS += examples/from_go/tp-from-go
examples_from_go_tp_from_go_CFLAGS = $(AM_CFLAGS) -fno-builtin
examples_from_go_tp_from_go_CPPFLAGS = $(EXAMPLES_CPPFLAGS)
examples_from_go_tp_from_go_LDADD = lib/libtidepool.la $(CK_LIBS)
examples_from_go_tp_from_go_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=realloc \
	-Wl,--wrap=strdup -Wl,--wrap=strndup -Wl,--wrap=asprintf
examples_from_go_tp_from_go_SOURCES = \
	examples/from_go/count.c \
	examples/from_go/from_go.h \
	examples/from_go/lifetimes.c \
	examples/from_go/main.c \
	examples/from_go/maps.c \
	examples/from_go/pools.c \
	examples/from_go/slices.c \
	examples/from_go/text.c

# --- what it is shown on ---

noinst_PROGRAMS += examples/data/tp-accesslog
examples_data_tp_accesslog_SOURCES = examples/data/accesslog.c

# The page goes with the program, which is not installed: man -l man/tp-logger.1 shows it.
EXTRA_DIST += \
	examples/demo \
	examples/from_go/go \
	man/tp-graph.1 \
	man/tp-json.1 \
	man/tp-logger.1 \
	man/tp-logparse.1
