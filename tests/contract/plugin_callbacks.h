/* SPDX-License-Identifier: BSD-2-Clause */
/* What plugin_callbacks.c offers, by its one symbol `plugin_callbacks`: a static pool whose
   destruct is the plugin's code, which must not run once the plugin is unmapped. */
#ifndef TESTS_CONTRACT_PLUGIN_CALLBACKS_H
#define TESTS_CONTRACT_PLUGIN_CALLBACKS_H

#include <stdbool.h>

enum { PLUGIN_OBJECTS_MAX = 32 };

struct plugin_callbacks {
    /* Leaves n idle objects in the plugin's pool; the destruct of each raises *destructs, which is
       the program's. False: no memory. */
    bool (*leave_idle)(unsigned n, unsigned *destructs);
};

#endif
