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

# --- what it is shown on ---

noinst_PROGRAMS += examples/data/tp-accesslog
examples_data_tp_accesslog_SOURCES = examples/data/accesslog.c

# The page goes with the program, which is not installed: man -l man/tp-logger.1 shows it.
EXTRA_DIST += \
	examples/demo \
	man/tp-logger.1
