/* SPDX-License-Identifier: BSD-2-Clause */
/* Indices outside: each call aborts with one line that has the call as it is written, the index and
   the length. One step inside, none does. */
#include "support.h"

TP_VEC_DEFINE(ints, int)

/* What the compiler cannot see through. */
static volatile int minus_one = -1, two = 2, three = 3, four = 4;

static ints three_ints(void)
{
    ints v = {0};
    if (!tp_vec_append(&v, ((const int[]){1, 2, 3}), 3))
        exit(3);
    return v;
}

static int at_the_length(void)
{
    ints v = three_ints();
    return tp_vec_at(&v, three);
}

static int at_minus_one(void)
{
    ints v = three_ints();
    tp_vec_at(&v, minus_one) = 5;
    return 0;
}

static int at_of_a_view(void)
{
    ints v = three_ints();
    ints_view part = tp_vec_slice(&v, 0, two);
    return tp_vec_at(&part, two);
}

static int last_of_nothing(void)
{
    ints v = {0};
    return tp_vec_last(&v);
}

static int pop_of_nothing(void)
{
    ints v = three_ints();
    tp_vec_reset(&v);
    return tp_vec_pop(&v);
}

static int insert_beyond(void)
{
    ints v = three_ints();
    return tp_vec_insert(&v, four, 9);
}

static int remove_at_the_length(void)
{
    ints v = three_ints();
    return tp_vec_remove(&v, three);
}

static int swap_remove_of_nothing(void)
{
    ints v = {0};
    return tp_vec_swap_remove(&v, 0);
}

static int slice_beyond(void)
{
    ints v = three_ints();
    return (int)tp_vec_slice(&v, 1, four).len;
}

static int slice_backwards(void)
{
    ints v = three_ints();
    return (int)tp_vec_slice(&v, three, two).len;
}

static int slice_from_minus_one(void)
{
    ints v = three_ints();
    return (int)tp_vec_slice(&v, minus_one, two).len;
}

static int on_what_is_no_pool(void)
{
    static _Alignas(64) char memory[2048];
    ints v;
    tp_vec_on_pool(&v, (tp_pool *)(void *)memory);
    return tp_vec_push(&v, 1);
}

static int inside(void)
{
    ints v = three_ints();
    ints_view part = tp_vec_slice(&v, three, three);
    bool fine = part.len == 0 && tp_vec_at(&v, two) == 3 && tp_vec_at(&v, 0) == 1 &&
                tp_vec_slice(&v, 0, three).len == 3 && tp_vec_last(&v) == 3 &&
                tp_vec_insert(&v, three, 4) && tp_vec_remove(&v, three) == 4 &&
                tp_vec_swap_remove(&v, two) == 3 && tp_vec_pop(&v) == 2 && tp_vec_pop(&v) == 1;
    tp_vec_free(&v);
    return fine ? 0 : 1;
}

static const struct support_scenario scenarios[] = {
    {"at_the_length", at_the_length},
    {"at_minus_one", at_minus_one},
    {"at_of_a_view", at_of_a_view},
    {"last_of_nothing", last_of_nothing},
    {"pop_of_nothing", pop_of_nothing},
    {"insert_beyond", insert_beyond},
    {"remove_at_the_length", remove_at_the_length},
    {"swap_remove_of_nothing", swap_remove_of_nothing},
    {"slice_beyond", slice_beyond},
    {"slice_backwards", slice_backwards},
    {"slice_from_minus_one", slice_from_minus_one},
    {"on_what_is_no_pool", on_what_is_no_pool},
    {"inside", inside},
    {NULL, NULL},
};

static void what_is_outside_aborts(void **state)
{
    (void)state;
    support_aborts("at_the_length", NULL,
                   "tp_vec_at(&v, three): ", "index 3 is outside: the length is 3");
    support_aborts("at_minus_one", NULL, "tp_vec_at(&v, minus_one): ", "index -1 is outside");
    support_aborts("at_of_a_view", NULL,
                   "tp_vec_at(&part, two): ", "index 2 is outside: the length is 2");
    support_aborts("last_of_nothing", NULL, "tp_vec_last(&v): ", "the length is 0");
    support_aborts("pop_of_nothing", NULL, "tp_vec_pop(&v): ", "the length is 0");
    support_aborts("insert_beyond", NULL,
                   "tp_vec_insert(&v, four): ", "index 4 is outside: the length is 3");
    support_aborts("remove_at_the_length", NULL, "tp_vec_remove(&v, three): ", "index 3");
    support_aborts("swap_remove_of_nothing", NULL, "tp_vec_swap_remove(&v, 0): ", "index 0");
    support_aborts("slice_beyond", NULL,
                   "tp_vec_slice(&v, 1, four): ", "from 1 to 4 is outside: the length is 3");
    support_aborts("slice_backwards", NULL, "tp_vec_slice(&v, three, two): ", "from 3 to 2");
    support_aborts("slice_from_minus_one", NULL, "tp_vec_slice(&v, minus_one, two): ", "from -1");
    support_aborts("on_what_is_no_pool", NULL, "a vector grows", "is not a pool");
}

static void what_is_inside_does_not(void **state)
{
    (void)state;
    support_passes("inside", NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_outside_aborts),
        cmocka_unit_test(what_is_inside_does_not),
    };
    (void)argc;
    support_start(argv, scenarios);
    return cmocka_run_group_tests_name("vectors: indices outside", tests, NULL, NULL);
}
