/* SPDX-License-Identifier: BSD-2-Clause */
/* What a test's plugin offers, by its one symbol `plugin` (of type struct plugin). Its gets and
   puts are inlined, so its code holds restartable sequences that threads announce. plugin_pool.c
   has a static pool too; plugin_bare.c makes one more get and put in an exit handler, the last
   but one function that dlclose runs of it. (In one plugin they would not do: the end of a static
   pool waits, and a thread that waits announces nothing afterwards.) */
#ifndef TESTS_CONTRACT_PLUGIN_POOL_H
#define TESTS_CONTRACT_PLUGIN_POOL_H

#include <stdbool.h>
#include <tidepool.h>

struct plugin {
    /* Gets and puts n times, in this pool and elsewhere. False: something was wrong. */
    bool (*work)(tp_pool *pool, unsigned n);
    /* Its static pool, whose destructs are counted there from now on. NULL: it has none. */
    tp_pool *(*static_pool)(unsigned *destructed);
    /* This pool is for the last get and put. NULL: it makes none. */
    bool (*at_unload)(tp_pool *pool);
};

#endif
