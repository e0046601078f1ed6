/* SPDX-License-Identifier: BSD-2-Clause */
/* The inlined functions as symbols, for who cannot inline: other languages, dlsym, function
   pointers that must be equal everywhere. In C the headers define static functions of these names;
   so here they have others, and the assembler names. */
#include "cache/cache.h"
#include "gc/gc.h"
#include "kit/kit.h"
#include "pool/pool.h"

void *tpi_symbol_pool_get(tp_pool *pool) __asm__("tp_pool_get");
void tpi_symbol_pool_put(tp_pool *pool, void *object) __asm__("tp_pool_put");
void *tpi_symbol_heap_alloc(size_t size) __asm__("tp_heap_alloc");
void tpi_symbol_heap_free(void *memory) __asm__("tp_heap_free");
void *tpi_symbol_arena_alloc(tp_arena *arena, size_t size) __asm__("tp_arena_alloc");
void *tpi_symbol_arena_alloc_aligned(tp_arena *arena, size_t size,
                                     size_t align) __asm__("tp_arena_alloc_aligned");
void *tpi_symbol_gc_alloc(const tp_gc_type *type) __asm__("tp_gc_alloc");

TP_API void *tpi_symbol_pool_get(tp_pool *pool)
{
    void *object;
    if (tp_detail_get(tp_detail_pool_local(pool), &object))
        return object;
    return tp_detail_pool_get(pool);
}

TP_API void tpi_symbol_pool_put(tp_pool *pool, void *object)
{
    if (!tp_detail_put(tp_detail_pool_local(pool), object))
        tp_detail_pool_put(pool, object);
}

TP_API void *tpi_symbol_heap_alloc(size_t size)
{
    void *memory;
    uint32_t offset = tp_detail_class_of_size(size) * TP_DETAIL_LOCAL_BYTES;
    if (tp_detail_get(tp_detail_local_at(offset), &memory))
        return memory;
    return tp_detail_heap_alloc(size);
}

TP_API void tpi_symbol_heap_free(void *memory)
{
    uint32_t offset = tp_detail_class_of_address(memory) * TP_DETAIL_LOCAL_BYTES;
    if (!tp_detail_put(tp_detail_local_at(offset), memory))
        tp_detail_heap_free(memory);
}

TP_API void *tpi_symbol_arena_alloc(tp_arena *arena, size_t size)
{
    return tp_detail_arena_alloc(arena, size, 1);
}

TP_API void *tpi_symbol_arena_alloc_aligned(tp_arena *arena, size_t size, size_t align)
{
    return tp_detail_arena_alloc(arena, size, align);
}

TP_API void *tpi_symbol_gc_alloc(const tp_gc_type *type)
{
    uint64_t single = __atomic_load_n(&type->single, __ATOMIC_RELAXED);
    void *object = tp_detail_gc_take(&tp_detail_gc_self.runs[(uint32_t)single], single >> 32);
    return tpi_likely(object != NULL) ? object : tp_detail_gc_alloc(type);
}
