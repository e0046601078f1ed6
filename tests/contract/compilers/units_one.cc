// SPDX-License-Identifier: BSD-2-Clause
// One of two C++ files that share inline functions with sequences in them: units.h.
#include "units.h"

tp_pool *pool_of_the_other(unsigned n)
{
    return Holder<unsigned long>(n).pool();
}

void *get_of_the_other(tp_pool *pool)
{
    return get_shared(pool);
}
