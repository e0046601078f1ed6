/* SPDX-License-Identifier: BSD-2-Clause */
/* What of lib/pool a contract test does not reach: errors that look like the library's own. */
#include "heap_help.h"

#include "pool/pool.h"

#include <tidepool/version.h>

static int construct_eagain(void *object, void *context)
{
    (void)object;
    ++*(unsigned *)context;
    return -EAGAIN;
}

/* EAGAIN from construct is construct's, and no reason to wait. */
static void construct_may_say_eagain(void **state)
{
    (void)state;
    for (size_t live_max = 0; live_max < 3; live_max++) {
        unsigned constructs = 0;
        tp_pool *pool = tp_pool_create(&(tp_pool_options){
            .size = 64, .live_max = live_max, .construct = construct_eagain,
            .context = &constructs});
        assert_non_null(pool);
        alarm(20); /* it waited for ever once */
        for (int64_t timeout_ns = -1; timeout_ns < 2; timeout_ns++) {
            errno = 0;
            assert_null(tp_pool_get_wait(pool, timeout_ns * 1000000));
            assert_int_equal(errno, EAGAIN);
        }
        alarm(0);
        assert_true(constructs >= 3 && constructs <= 9);
        tp_pool_destroy(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(construct_may_say_eagain),
    };
    (void)tp_version(); /* links the start of the library in */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
