/* SPDX-License-Identifier: BSD-2-Clause */
/* Where programs' and shared objects' writable data lie. */
#include <link.h>

#include "os/os.h"

struct visit {
    uintptr_t without;
    void (*visit)(uintptr_t from, uintptr_t to, void *context);
    void *context;
};

static bool holds(const struct dl_phdr_info *object, uintptr_t address)
{
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD &&
            address - (object->dlpi_addr + segment->p_vaddr) < segment->p_memsz)
            return true;
    }
    return false;
}

static int visit_object(struct dl_phdr_info *object, size_t size, void *context)
{
    const struct visit *visit = context;
    (void)size;
    if (holds(object, visit->without))
        return 0;
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t from = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) != 0)
            visit->visit(from, from + segment->p_memsz, visit->context);
    }
    return 0;
}

void tpi_os_data_visit(const void *without,
                       void (*visit)(uintptr_t from, uintptr_t to, void *context), void *context)
{
    struct visit of = {(uintptr_t)without, visit, context};
    dl_iterate_phdr(visit_object, &of);
}
