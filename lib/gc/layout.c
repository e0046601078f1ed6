/* SPDX-License-Identifier: BSD-2-Clause */
/* layouts: types interned by size class and place of pointers. */
#include "gc/collector.h"

struct tpi_layout *tpi_layout_numbered(uint32_t number)
{
    (void)number;
    return NULL;
}

uint32_t tpi_layout_count(void)
{
    return 0;
}

struct tpi_layout *tpi_layout_of(const tp_gc_type *type, enum tpi_form form, size_t bytes,
                                 uint32_t flags)
{
    (void)type;
    (void)form;
    (void)bytes;
    (void)flags;
    return NULL;
}

void tpi_layouts_start(void)
{
    return true;
}
