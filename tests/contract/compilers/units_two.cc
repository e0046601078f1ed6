// SPDX-License-Identifier: BSD-2-Clause
// The other C++ file: main. Exits with 0 where all is right.
#include "units.h"

struct Line {
    char text[100];
};
TP_POOL_DEFINE(line, Line)

int main()
{
    Holder<unsigned long> holder(8);
    tp_pool *pool = pool_of_the_other(8);
    unsigned right = 0;
    for (unsigned i = 0; i < 1000; i++) {
        unsigned long *object = holder.get();
        void *mine = get_shared(pool), *others = get_of_the_other(pool);
        Line *one = line_get();
        right += object != nullptr && mine != nullptr && others != nullptr && mine != others &&
                 one != nullptr;
        line_put(one);
        tp_pool_put(pool, mine);
        tp_pool_put(pool, others);
        holder.put(object);
    }
    tp_pool_destroy(pool);
    tp_pool_destroy(holder.pool());
    return right == 1000 ? 0 : 1;
}
