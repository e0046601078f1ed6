/* SPDX-License-Identifier: BSD-2-Clause */
/* How many pages a span of each size class has. The slot sizes follow from the rule in
   <tidepool/detail/classes.h>; the pages are the least number, 2 at least, for which
   - a span holds 64 objects, or as many as 64 KiB hold where that is less, and 8 in any case, so
     that a refill of a magazine seldom needs two spans;
   - it holds at most TPI_SLOTS_MAX;
   - at most 1/32 of it is left behind the last slot.
   The last ones are those of TPI_CLASSES_ODD, by the same rules.
   tests/unit/test_heap_classes.c computes the table again. */
#include "heap/span.h"

#define RECIPROCAL(bytes) (((UINT64_C(1) << TPI_RECIPROCAL_SHIFT) + (bytes)-1) / (bytes))
#define CLASS(bytes, pages)                                                                        \
    {                                                                                              \
        bytes, (pages)*TPI_PAGE_BYTES / (bytes), pages, RECIPROCAL(bytes)                          \
    }

const struct tpi_class tpi_classes[TPI_CLASSES] = {
    {0, 0, 0, 0},
    CLASS(16, 2), CLASS(32, 2), CLASS(48, 2), CLASS(64, 2),
    CLASS(80, 2), CLASS(96, 2), CLASS(112, 2), CLASS(128, 2),
    CLASS(144, 2), CLASS(160, 2), CLASS(176, 2), CLASS(192, 2),
    CLASS(208, 2), CLASS(224, 2), CLASS(240, 2), CLASS(256, 2),
    CLASS(288, 3), CLASS(320, 3), CLASS(352, 3), CLASS(384, 3),
    CLASS(416, 4), CLASS(448, 4), CLASS(480, 4), CLASS(512, 4),
    CLASS(576, 5), CLASS(640, 5), CLASS(704, 6), CLASS(768, 6),
    CLASS(832, 7), CLASS(896, 7), CLASS(960, 8), CLASS(1024, 8),
    CLASS(1152, 8), CLASS(1280, 8), CLASS(1408, 8), CLASS(1536, 8),
    CLASS(1664, 8), CLASS(1792, 8), CLASS(1920, 8), CLASS(2048, 8),
    CLASS(2304, 8), CLASS(2560, 8), CLASS(2816, 8), CLASS(3072, 8),
    CLASS(3328, 9), CLASS(3584, 8), CLASS(3840, 8), CLASS(4096, 8),
    CLASS(4608, 8), CLASS(5120, 9), CLASS(5632, 9), CLASS(6144, 9),
    CLASS(6656, 9), CLASS(7168, 8), CLASS(7680, 15), CLASS(8192, 8),
    CLASS(9216, 9), CLASS(10240, 10), CLASS(11264, 11), CLASS(12288, 12),
    CLASS(13312, 13), CLASS(14336, 14), CLASS(15360, 15), CLASS(16384, 16),
    CLASS(18432, 18), CLASS(20480, 20), CLASS(22528, 22), CLASS(24576, 24),
    CLASS(26624, 26), CLASS(28672, 28), CLASS(30720, 30), CLASS(32768, 32),
    CLASS(24, 2), CLASS(40, 2), CLASS(56, 2),
};

_Static_assert((uint64_t)TP_DETAIL_SMALL_MAX * TPI_SPAN_BYTES_MAX <
                   UINT64_C(1) << TPI_RECIPROCAL_SHIFT,
               "the reciprocal is exact for every offset in a span");
_Static_assert(TP_DETAIL_SMALL_MAX * TPI_OBJECTS_MIN <= TPI_SPAN_BYTES_MAX,
               "the largest class's span is within the bound");

unsigned tpi_class_span_pages(unsigned size_class)
{
    return tpi_classes[size_class].pages;
}

unsigned tpi_class_slots(unsigned size_class)
{
    return tpi_classes[size_class].slots;
}
