/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of barriers, one for each program or shared object: added again, it is the same one;
   and where there is no place no signal is sent any more, with a line that says so. Which of them
   are taken out: tests/contract/test_gc_tables.c. */
#include "gc_help.h"

enum { TABLES_MAX = 256 }; /* signal.c's */

static const struct tp_detail_gc_block blocks[TABLES_MAX + 2]; /* a table each; nobody's code */

static void add(unsigned i)
{
    tp_detail_gc_table_add(&blocks[i], &blocks[i + 1]);
}

static void need_signals(void)
{
    (void)node_new(); /* starts what the collector needs */
    if (tpi_signal_number() == 0)
        skip(); /* under TSan */
}

static void a_table_that_is_added_again_is_one(void **state)
{
    (void)state;
    need_signals();
    for (unsigned i = 0; i <= TABLES_MAX; i++)
        add(0);
    assert_int_not_equal(tpi_signal_number(), 0);
}

/* The first was added above; of this program's own there may be one. */
static void add_too_many(void *nothing)
{
    (void)nothing;
    for (unsigned i = 0; i < TABLES_MAX - 1; i++)
        add(i);
    help_require(tpi_signal_number() != 0);
    for (unsigned i = 0; i < TABLES_MAX + 1; i++)
        add(i);
    help_require(tpi_signal_number() == 0);
}

static void too_many_are_told_once(void **state)
{
    char said[4096];
    int status;
    (void)state;
    need_signals();
    help_run_dying(add_too_many, NULL, said, sizeof said, &status);
    assert_int_equal(status, 0);
    const char *line = strstr(said, "more than 256 shared objects have write barriers");
    assert_non_null(line);
    assert_null(strstr(line + 1, "tidepool: "));
}

int main(void)
{
    tp_gc_percent_set(-1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_is_added_again_is_one),
        cmocka_unit_test(too_many_are_told_once),
    };
    return cmocka_run_group_tests_name("gc signal", tests, NULL, NULL);
}
