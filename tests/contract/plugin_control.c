/* SPDX-License-Identifier: BSD-2-Clause */
/* Beside plugin_bare.c in the control of test_dlclose.c: a plugin whose destructor, which the
   header defines weakly, does nothing, so that threads keep announcing sequences of unmapped
   code. */
#include <tidepool/attrs.h>

__attribute__((visibility("hidden"))) void tp_detail_unload_self(void);
void tp_detail_unload_self(void)
{
}
