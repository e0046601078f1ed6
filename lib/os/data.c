/* SPDX-License-Identifier: BSD-2-Clause */
/* What is loaded: where programs' and shared objects' writable data lie, and what stays. */
#include <link.h>
#include <sys/auxv.h>

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

/* --- what stays --- */

struct search {
    uintptr_t address;
    bool begun, found;
};

/* The loader's list begins with the program and what came with it, which is never unmapped, in the
   order in which one needs the other; so the loader itself comes behind libc. What was loaded later
   is at the list's end. Another namespace's list begins with something else. */
static int look_for(struct dl_phdr_info *object, size_t size, void *context)
{
    struct search *search = context;
    uintptr_t loader = getauxval(AT_BASE);
    (void)size;
    if (!search->begun && (uintptr_t)object->dlpi_phdr != getauxval(AT_PHDR))
        return 1;
    search->begun = true;
    search->found = holds(object, search->address);
    return search->found || loader == 0 || holds(object, loader);
}

bool tpi_os_stays_mapped(const void *address)
{
    struct search search = {.address = (uintptr_t)address};
    (void)dl_iterate_phdr(look_for, &search);
    return search.found;
}
