// SPDX-License-Identifier: BSD-2-Clause
// An inline function, a template and a class whose code is in both units_one.cc and units_two.cc:
// the linker keeps one of each, and must keep what belongs to their sequences with it.
#ifndef TESTS_CONTRACT_COMPILERS_UNITS_H
#define TESTS_CONTRACT_COMPILERS_UNITS_H

#include <tidepool/heap.h>
#include <tidepool/pool.h>

template <typename T> class Holder
{
  public:
    explicit Holder(unsigned n)
    {
        tp_pool_options options{};
        options.size = sizeof(T) * n;
        pool_ = tp_pool_create(&options);
    }
    __attribute__((noinline)) T *get() { return static_cast<T *>(tp_pool_get(pool_)); }
    __attribute__((noinline)) void put(T *object) { tp_pool_put(pool_, object); }
    tp_pool *pool() { return pool_; }

  private:
    tp_pool *pool_;
};

inline __attribute__((noinline)) void *get_shared(tp_pool *pool)
{
    tp_heap_free(tp_heap_alloc(40));
    return tp_pool_get(pool);
}

tp_pool *pool_of_the_other(unsigned n);
void *get_of_the_other(tp_pool *pool);

#endif
