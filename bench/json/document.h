/* SPDX-License-Identifier: BSD-2-Clause */
/* The documents that JSON libraries are timed on: TP_DATA_DIR/json/NAME.json, read into memory
   once. An operation makes a tree of the whole document and gives it back.

   Each program includes this once, the C++ ones too: what is static here is the program's. */
#ifndef BENCH_JSON_DOCUMENT_H
#define BENCH_JSON_DOCUMENT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __cplusplus
extern "C" {
#endif
#include "../harness/cases.h"
#ifdef __cplusplus
}
#endif

/* Bytes behind the text that may be read; they are zeroes. */
#define DOCUMENT_PADDING 64u

static char *document;
static size_t document_length;

static inline void document_open(struct bench_case *self)
{
    const char *data = getenv("TP_DATA_DIR");
    char path[4096];
    FILE *in;
    long length;
    if (data == NULL)
        bench_fail("TP_DATA_DIR is not set");
    snprintf(path, sizeof path, "%s/json/%s.json", data, self->size);
    in = fopen(path, "rb");
    if (in == NULL || fseek(in, 0, SEEK_END) != 0 || (length = ftell(in)) < 0)
        bench_fail("%s: cannot be read", path);
    rewind(in);
    document_length = (size_t)length;
    document = (char *)bench_must(calloc(document_length + DOCUMENT_PADDING, 1), "document");
    if (fread(document, 1, document_length, in) != document_length)
        bench_fail("%s: cannot be read", path);
    fclose(in);
    self->work = document_length;
}

#endif
