/* SPDX-License-Identifier: BSD-2-Clause */
/* The library's own sequences (get_many, put_many, the put behind reset) with a delay compiled in,
   as sequence.h does to the inlined ones. */
#define TP_DETAIL_SEQUENCE_DELAY ".rept 200\n\tpause\n\t.endr\n\t"

#include "pool/traffic.c"
