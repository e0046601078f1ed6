/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/os/data.c: what of a process is there to its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <dlfcn.h>
#include <link.h>
#include <sys/auxv.h>
#include <cmocka.h>

#include "os/os.h"

static int variable = 1;

static void the_program_stays_mapped(void **state)
{
    static const int constant = 2;
    (void)state;
    assert_true(tpi_os_stays_mapped((const void *)(uintptr_t)the_program_stays_mapped));
    assert_true(tpi_os_stays_mapped(&variable));
    assert_true(tpi_os_stays_mapped(&constant));
}

static void what_was_loaded_with_it_does(void **state)
{
    (void)state;
    if (getauxval(AT_BASE) == 0)
        skip(); /* started by the loader by hand */
    assert_true(tpi_os_stays_mapped(dlsym(RTLD_DEFAULT, "getenv")));
    assert_true(tpi_os_stays_mapped(dlsym(RTLD_DEFAULT, "_cmocka_run_group_tests")));
}

static void other_memory_may_not(void **state)
{
    int local = 0;
    void *block = malloc(100);
    (void)state;
    assert_false(tpi_os_stays_mapped(NULL));
    assert_false(tpi_os_stays_mapped(&local));
    assert_false(tpi_os_stays_mapped(block));
    free(block);
}

/* One of the system's libraries that this program does not need. */
static void what_was_loaded_later_may_not(void **state)
{
    static const char *const names[] = {"libanl.so.1", "libutil.so.1", "libthread_db.so.1"};
    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct link_map *map;
        if (dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD) != NULL)
            continue;
        void *handle = dlopen(names[i], RTLD_LAZY);
        if (handle == NULL)
            continue;
        assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
        assert_false(tpi_os_stays_mapped(map->l_ld));
        assert_int_equal(dlclose(handle), 0);
        return;
    }
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_stays_mapped),
        cmocka_unit_test(what_was_loaded_with_it_does),
        cmocka_unit_test(other_memory_may_not),
        cmocka_unit_test(what_was_loaded_later_may_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
