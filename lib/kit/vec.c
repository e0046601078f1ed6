/* SPDX-License-Identifier: BSD-2-Clause */
/* Where vectors get their memory: the functions behind <tidepool/vec.h>'s macros.

   A vector's storage comes in and goes out by value; what these functions change is memory alone.
   They give the new storage, or none and errno, and then the old is as it was. A vector's home says
   whose the storage is:
   - the heap's;
   - an arena's: it grows in place while it is the arena's last, else the old stays there;
   - a pool's object as long as its elements fit one, and the heap's beyond. That is told by the
     capacity alone: storage is the pool's where it is not larger than a pool's object.

   Growth is Go's append, nearly: docs/design/vectors.md, which has what each step costs, too. */
#include "kit/kit.h"

enum {
    FIRST_BYTES = 64, /* of the first storage, at least */
    /* Up to so many elements or bytes, whichever is more, storage doubles; above, growth goes
       gently towards a quarter. Go knows the elements alone: docs/design/vectors.md. */
    DOUBLED = 256,
    DOUBLED_BYTES = 4096
};

typedef struct tp_detail_vec_room room;
typedef struct tp_detail_vec_shape shape;

/* A vector, but for its home. */
struct vector {
    void *data;
    size_t len, cap;
    shape of;
};

static room refused(int error)
{
    errno = error;
    return (room){NULL, 0};
}

/* `cap` elements in bytes. False, with errno: there are no such objects. */
static inline bool bytes_for(size_t cap, shape of, size_t *bytes)
{
    if (!tpi_multiply_overflows(cap, of.size, bytes) && *bytes <= PTRDIFF_MAX)
        return true;
    errno = EOVERFLOW;
    return false;
}

static inline void copy(void *to, const struct vector *from)
{
    if (from->len != 0)
        memcpy(to, from->data, from->len * from->of.size);
}

/* --- the heap --- */

/* tp_heap_good_size; without the call where slots have no guard. */
static inline size_t good_size(size_t bytes)
{
    if (tpi_checked || bytes > TP_HEAP_SMALL_MAX)
        return tp_heap_good_size(bytes);
    return tp_detail_class_bytes(tp_detail_class_of_size(bytes));
}

/* Runs of pages grow and shrink in place, or move without being copied; slots are moved between.
   Inlined, and the others not: what a growing vector calls is then one short function. */
TP_ALWAYS_INLINE room heap_resize(const struct vector *old, size_t cap)
{
    size_t bytes;
    if (!bytes_for(cap, old->of, &bytes))
        return (room){NULL, 0};
    size_t good = good_size(bytes);
    if (cap <= old->cap && good == good_size(old->cap * old->of.size))
        return (room){old->data, old->cap};
    void *to;
    if (good > TP_HEAP_SMALL_MAX && old->of.align <= TPI_PAGE_BYTES) {
        to = tp_heap_realloc(old->data, good);
    } else {
        to = old->of.align <= 16 ? tp_heap_alloc(good) : tp_heap_alloc_aligned(old->of.align, good);
        if (to != NULL) {
            copy(to, old);
            tp_heap_free(old->data);
        }
    }
    if (to == NULL)
        return (room){NULL, 0};
    return (room){to, good == bytes ? cap : good / old->of.size};
}

/* --- arenas --- */

__attribute__((noinline)) static room arena_resize(tp_arena *arena, const struct vector *old,
                                                   size_t cap)
{
    size_t bytes;
    void *to;
    if (arena == NULL)
        return refused(EINVAL);
    if (!bytes_for(cap, old->of, &bytes))
        return (room){NULL, 0};
    cap = tpi_align_up(bytes, 16) / old->of.size; /* an arena's unit */
    if (old->of.align <= 16 || cap <= old->cap) { /* what shrinks does not move */
        to = tp_arena_resize(arena, old->data, old->cap * old->of.size, cap * old->of.size);
    } else {
        to = tp_arena_alloc_aligned(arena, cap * old->of.size, old->of.align);
        if (to != NULL)
            copy(to, old);
    }
    return (room){to, to == NULL ? 0 : cap};
}

/* --- pools --- */

/* How many elements the pool's objects hold. */
static size_t pool_cap(const tp_pool *pool, shape of)
{
    return pool->options.size / of.size;
}

static bool pool_serves(const tp_pool *pool, shape of)
{
    return pool_cap(pool, of) != 0 && of.align <= tpi_max(pool->options.align, (size_t)16);
}

/* An object where `need` elements fit one, or `cap` of them from the heap. */
__attribute__((noinline)) static room pool_resize(tp_pool *pool, const struct vector *old,
                                                  size_t need, size_t cap)
{
    if (pool == NULL)
        return refused(EINVAL);
    tpi_pool_check(pool, "a vector grows");
    if (!pool_serves(pool, old->of))
        return refused(EINVAL);
    bool pooled = old->cap != 0 && old->cap <= pool_cap(pool, old->of);
    bool fits = need <= pool_cap(pool, old->of);
    if (!pooled && !fits)
        return heap_resize(old, cap);
    if (pooled && fits)
        return (room){old->data, old->cap};
    struct vector fresh = {NULL, 0, 0, old->of};
    room to = fits ? (room){tp_pool_get(pool), pool_cap(pool, old->of)} : heap_resize(&fresh, cap);
    if (to.data == NULL)
        return (room){NULL, 0};
    copy(to.data, old);
    if (pooled)
        tp_pool_put(pool, old->data);
    else
        tp_heap_free(old->data);
    return to;
}

/* --- what the macros call --- */

static inline void *source(uintptr_t home)
{
    return (void *)(home & ~(uintptr_t)3);
}

/* Room for `cap` elements; a pool's object where it has room for `need`. */
static inline room resize(const struct vector *old, uintptr_t home, size_t need, size_t cap)
{
    if (tpi_likely(home == TPI_VEC_HEAP))
        return heap_resize(old, cap);
    if ((home & 3) == TPI_VEC_ARENA)
        return arena_resize(source(home), old, cap);
    return pool_resize(source(home), old, need, cap);
}

/* Go's rule for a slice that is appended to, but that small elements double for longer. */
static inline size_t grown(size_t cap, size_t need, shape of)
{
    if (cap == 0)
        return tpi_max(need, (FIRST_BYTES + of.size - 1) / of.size);
    if (need > 2 * cap)
        return need;
    if (cap < DOUBLED)
        return 2 * cap;
    size_t doubled = tpi_max((size_t)DOUBLED, DOUBLED_BYTES / of.size);
    if (cap < doubled)
        return 2 * cap;
    while (cap < need)
        cap += (cap + 3 * doubled) / 4;
    return cap;
}

room tp_detail_vec_grow(void *data, size_t len, size_t cap, uintptr_t home, size_t more, shape of)
{
    struct vector old = {data, len, cap, of};
    size_t need;
    if (__builtin_add_overflow(len, more, &need))
        need = SIZE_MAX;
    return resize(&old, home, need, grown(cap, need, of));
}

room tp_detail_vec_fit(void *data, size_t len, size_t cap, uintptr_t home, size_t cap_wanted,
                       shape of)
{
    struct vector old = {data, len, cap, of};
    return resize(&old, home, cap_wanted, cap_wanted);
}

void tp_detail_vec_free(void *data, size_t cap, uintptr_t home, shape of)
{
    if (cap == 0)
        return;
    if ((home & 3) == TPI_VEC_ARENA)
        (void)!tp_arena_resize(source(home), data, cap * of.size, 0);
    else if ((home & 3) == TPI_VEC_POOL && cap <= pool_cap(source(home), of))
        tp_pool_put(source(home), data);
    else
        tp_heap_free(data);
}

/* A negative index came as a huge one: it is printed as it was meant. */
void tp_detail_vec_outside(const char *call, size_t index, size_t len)
{
    tpi_fatal("%s: index %td is outside: the length is %zu", call, (ptrdiff_t)index, len);
}

void tp_detail_vec_slice_outside(const char *call, size_t from, size_t to, size_t len)
{
    tpi_fatal("%s: from %td to %td is outside: the length is %zu", call, (ptrdiff_t)from,
              (ptrdiff_t)to, len);
}
