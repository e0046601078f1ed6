/* SPDX-License-Identifier: BSD-2-Clause */
/* What a test's plugin offers, by its one symbol `plugin` (of type struct plugin). Its gets and
   puts are inlined, so its code holds restartable sequences that threads announce. One more get
   and put are in the last function that dlclose runs of it, an atexit handler. */
#ifndef TESTS_CONTRACT_PLUGIN_POOL_H
#define TESTS_CONTRACT_PLUGIN_POOL_H

#include <stdbool.h>
#include <tidepool.h>

struct plugin {
    /* Gets and puts n times: in this pool, in the plugin's own static one, and in the heap. False:
       something was wrong with an object. */
    bool (*work)(tp_pool *pool, unsigned n);
    bool (*at_unload)(tp_pool *pool); /* the pool of the last get and put; false: no memory */
};

#endif
