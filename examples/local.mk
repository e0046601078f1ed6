# SPDX-License-Identifier: BSD-2-Clause
# Programs that people read, built as an application is: the public headers and the shared object.

noinst_PROGRAMS += \
	examples/data/tp-accesslog \
	examples/logger/tp-logger

examples_data_tp_accesslog_LDADD =
examples_data_tp_accesslog_SOURCES = \
	examples/data/accesslog.c

examples_logger_tp_logger_CPPFLAGS = $(AM_CPPFLAGS) $(CK_CFLAGS)
examples_logger_tp_logger_LDADD = lib/libtidepool.la
examples_logger_tp_logger_SOURCES = \
	examples/logger/access_log.c \
	examples/logger/access_log.h \
	examples/logger/format.c \
	examples/logger/format.h \
	examples/logger/input.c \
	examples/logger/input.h \
	examples/logger/internal.h \
	examples/logger/logger.c \
	examples/logger/logger.h \
	examples/logger/main.c \
	examples/logger/options.c \
	examples/logger/options.h \
	examples/logger/producer.c \
	examples/logger/record.c \
	examples/logger/record.h \
	examples/logger/ring.h \
	examples/logger/sink.c \
	examples/logger/sink.h \
	examples/logger/writer.c
