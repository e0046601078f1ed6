/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of barriers' blocks, one for each object whose code has some. A program's own is there
   to its very end: its destructors run while other threads go on, and are asked by signals. One of
   what may be unmapped makes room when it is removed.

   What the library knows is seen by its limit: a line on stderr when one table too many comes. */
#include "gc_help.h"

#include <sys/stat.h>

enum { TABLES_MAX = 256 };

#ifdef TP_DETAIL_GC_BLOCKS

/* In a child: how many tables fit beside those that are there. */
static unsigned places(void (*before)(void))
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct stat file;
        FILE *said = tmpfile();
        unsigned n = 0;
        const struct tp_detail_gc_block *tables = calloc(TABLES_MAX + 1, sizeof *tables);
        if (said == NULL || tables == NULL || dup2(fileno(said), STDERR_FILENO) < 0)
            _exit(0);
        if (before != NULL)
            before();
        for (; n <= TABLES_MAX && fstat(STDERR_FILENO, &file) == 0 && file.st_size == 0; n++)
            tp_detail_gc_table_add(tables + n, tables + n);
        _exit((int)n - 1); /* the last one did not fit */
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return (unsigned)WEXITSTATUS(status);
}

static void remove_own(void)
{
    tp_detail_gc_table_remove(__start_tp_detail_gc_table);
}

static void add_another(void)
{
    struct tp_detail_gc_block *table = calloc(1, sizeof *table);
    tp_detail_gc_table_add(table, table);
}

static void add_and_remove_another(void)
{
    struct tp_detail_gc_block *table = calloc(1, sizeof *table);
    tp_detail_gc_table_add(table, table);
    tp_detail_gc_table_remove(table);
}

static struct gc_node *root;

static void a_program_keeps_its_own(void **state)
{
    (void)state;
    tp_gc_store(&root, (struct gc_node *)NULL); /* one block, so that there is a table */
    unsigned there = places(NULL);
    assert_in_range(there, TABLES_MAX - 10, TABLES_MAX - 1);
    assert_int_equal(places(remove_own), there);
}

static void what_may_be_unmapped_makes_room(void **state)
{
    (void)state;
    unsigned there = places(NULL);
    assert_int_equal(places(add_another), there - 1);
    assert_int_equal(places(add_and_remove_another), there);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_keeps_its_own),
        cmocka_unit_test(what_may_be_unmapped_makes_room),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return cmocka_run_group_tests_name("tables of barriers", tests, NULL, NULL);
}

#else

int main(void)
{
    return 77; /* no blocks, no tables: skipped */
}

#endif
