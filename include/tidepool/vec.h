/* SPDX-License-Identifier: BSD-2-Clause */
/* Vectors: growable arrays of any type, unboxed; macros over a plain struct.

       tp_vec(int) v = {0};                        (C++: = {})
       if (!tp_vec_reserve(&v, 1000)) ...
       if (!tp_vec_push(&v, 42)) ...
       tp_vec_free(&v);

   data[0..len) are the elements, cap is how many fit before it must grow. {0} is an empty vector on
   the heap. Nothing is allocated but by the calls that say so, and those return false, with errno
   ENOMEM, or EOVERFLOW where n * size overflows, and leave the vector as it was. Growth is Go's
   (twice as much up to 256 elements, then gently towards a quarter more), rounded up to what the
   allocator gives anyway, in place where it can. Each macro evaluates its arguments once; `vec` is a
   pointer to a vector. A vector is used by one thread at a time. Pointers to elements end when it
   grows. Each tp_vec(T) is a type of its own: where a function takes one, TP_VEC_DEFINE names it. */
#ifndef TIDEPOOL_VEC_H
#define TIDEPOOL_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tidepool/arena.h>
#include <tidepool/attrs.h>
#include <tidepool/pool.h>

TP_BEGIN_DECLS

/* view_type takes no room: it says what tp_vec_slice gives. */
#define TP_DETAIL_VEC_MEMBERS(TYPE)                                                                \
    TYPE *data;                                                                                    \
    size_t len, cap;                                                                               \
    uintptr_t home

/* The type of a vector of TYPE, and, for what has a name, NAME and NAME_view. */
#define tp_vec(TYPE)                                                                               \
    struct {                                                                                       \
        TP_DETAIL_VEC_MEMBERS(TYPE);                                                               \
        __extension__ struct {                                                                     \
            TYPE *data;                                                                            \
            size_t len;                                                                            \
        } view_type[0];                                                                            \
    }
#define TP_VEC_DEFINE(NAME, TYPE)                                                                  \
    typedef struct NAME##_view {                                                                   \
        TYPE *data;                                                                                \
        size_t len;                                                                                \
    } NAME##_view;                                                                                 \
    typedef struct NAME {                                                                          \
        TP_DETAIL_VEC_MEMBERS(TYPE);                                                               \
        __extension__ NAME##_view view_type[0];                                                    \
    } NAME;

/* The type of what tp_vec_slice(vec, ...) gives: data and len, nothing that could be appended to. */
#define tp_vec_view(vec) __typeof__((vec)->view_type[0])

/* --- what the macros stand on; not for applications --- */

/* Storage: returned by value, so that a vector's address is never taken and a compiler may keep it
   in registers. cap 0: failed, errno set, nothing changed. */
struct tp_detail_vec_room {
    void *data;
    size_t cap;
};

/* What growing needs to know of a vector. */
struct tp_detail_vec_shape {
    size_t size, align; /* bytes, of an element */
};

/* At least `need` elements, more by Go's rule. */
TP_API struct tp_detail_vec_room tp_detail_vec_grow(void *data, size_t len, size_t cap,
                                                    uintptr_t home, size_t need,
                                                    struct tp_detail_vec_shape shape);
/* As near to `cap_wanted` elements as the allocator goes, not fewer: by one allocation. */
TP_API struct tp_detail_vec_room tp_detail_vec_fit(void *data, size_t len, size_t cap,
                                                   uintptr_t home, size_t cap_wanted,
                                                   struct tp_detail_vec_shape shape);
TP_API void tp_detail_vec_free(void *data, size_t cap, uintptr_t home,
                               struct tp_detail_vec_shape shape);
/* Aborts: index is not below len. */
TP_API __attribute__((noreturn, cold)) void tp_detail_vec_outside(const char *call, size_t index,
                                                                  size_t len);

TP_ALWAYS_INLINE struct tp_detail_vec_shape tp_detail_vec_shaped(size_t size, size_t align)
{
    struct tp_detail_vec_shape shape;
    shape.size = size;
    shape.align = align;
    return shape;
}

TP_ALWAYS_INLINE size_t tp_detail_vec_index(size_t index, size_t len, const char *call)
{
    if (TP_UNLIKELY(index >= len))
        tp_detail_vec_outside(call, index, len);
    return index;
}

/* Where `items` are now, which lay in `from` if anywhere in the vector, when that has moved. */
TP_ALWAYS_INLINE const void *tp_detail_vec_follow(const void *items, const void *from, size_t bytes,
                                                  const void *to)
{
    uintptr_t offset = (uintptr_t)items - (uintptr_t)from;
    return offset < bytes ? (const char *)to + offset : items;
}

#define TP_DETAIL_VEC_SHAPE(v)                                                                     \
    tp_detail_vec_shaped(sizeof *(v)->data, __alignof__(*(v)->data))

/* Takes what grow or fit gave, typed; false where they failed. */
#define TP_DETAIL_VEC_TAKE(v, room)                                                                \
    ((room).cap != 0 &&                                                                            \
     ((v)->data = (__typeof__((v)->data))(room).data, (v)->cap = (room).cap, true))

/* --- where a vector's memory comes from --- */

/* Makes *vec an empty vector whose memory is an arena's: tp_vec_free gives it back only where it was
   the arena's last. What *vec held is forgotten. */
#define tp_vec_on_arena(vec, arena) TP_DETAIL_VEC_ON(vec, arena, const tp_arena *, 1)

/* Makes *vec an empty vector whose first storage is an object of the pool, whole; where it outgrows
   that, it moves to the heap and the object goes back. The pool must have a size (not make). */
#define tp_vec_on_pool(vec, pool) TP_DETAIL_VEC_ON(vec, pool, const tp_pool *, 2)

#define TP_DETAIL_VEC_ON(vec, source, SOURCE, tag)                                                 \
    __extension__({                                                                                \
        __typeof__(vec) tp_on_v = (vec);                                                           \
        SOURCE tp_on_source = (source);                                                            \
        tp_on_v->data = NULL;                                                                      \
        tp_on_v->len = tp_on_v->cap = 0;                                                           \
        tp_on_v->home = (uintptr_t)tp_on_source | (tag);                                           \
    })

/* --- growing calls: false and errno where they fail --- */

/* Room for n elements in all, by one allocation; no more than the allocator gives anyway. */
#define tp_vec_reserve(vec, n)                                                                     \
    __extension__({                                                                                \
        __typeof__(vec) tp_reserve_v = (vec);                                                      \
        size_t tp_reserve_n = (n);                                                                 \
        bool tp_reserve_done = tp_reserve_n <= tp_reserve_v->cap;                                  \
        if (!tp_reserve_done) {                                                                    \
            struct tp_detail_vec_room tp_reserve_room = tp_detail_vec_fit(                         \
                tp_reserve_v->data, tp_reserve_v->len, tp_reserve_v->cap, tp_reserve_v->home,      \
                tp_reserve_n, TP_DETAIL_VEC_SHAPE(tp_reserve_v));                                  \
            tp_reserve_done = TP_DETAIL_VEC_TAKE(tp_reserve_v, tp_reserve_room);                   \
        }                                                                                          \
        tp_reserve_done;                                                                           \
    })

/* Appends one element. The value may be a braced literal: tp_vec_push(&v, (struct point){1, 2}). */
#define tp_vec_push(vec, ...)                                                                      \
    __extension__({                                                                                \
        __typeof__(vec) tp_push_v = (vec);                                                         \
        __typeof__(*tp_push_v->data) tp_push_x = (__VA_ARGS__);                                    \
        bool tp_push_done = true;                                                                  \
        if (TP_UNLIKELY(tp_push_v->len == tp_push_v->cap)) {                                       \
            struct tp_detail_vec_room tp_push_room = tp_detail_vec_grow(                           \
                tp_push_v->data, tp_push_v->len, tp_push_v->cap, tp_push_v->home,                  \
                tp_push_v->len + 1, TP_DETAIL_VEC_SHAPE(tp_push_v));                               \
            tp_push_done = TP_DETAIL_VEC_TAKE(tp_push_v, tp_push_room);                            \
        }                                                                                          \
        if (TP_LIKELY(tp_push_done))                                                               \
            tp_push_v->data[tp_push_v->len++] = tp_push_x;                                         \
        tp_push_done;                                                                              \
    })

/* Appends n elements, copied from `items`, which may lie in the vector. */
#define tp_vec_append(vec, items, n)                                                               \
    __extension__({                                                                                \
        __typeof__(vec) tp_append_v = (vec);                                                       \
        const __typeof__(*tp_append_v->data) *tp_append_from = (items);                            \
        size_t tp_append_n = (n);                                                                  \
        bool tp_append_done = tp_append_n <= tp_append_v->cap - tp_append_v->len;                  \
        const void *tp_append_items = tp_append_from;                                              \
        if (TP_UNLIKELY(!tp_append_done)) {                                                        \
            const void *tp_append_old = tp_append_v->data;                                         \
            size_t tp_append_need;                                                                 \
            if (__builtin_add_overflow(tp_append_v->len, tp_append_n, &tp_append_need))            \
                tp_append_need = SIZE_MAX;                                                         \
            struct tp_detail_vec_room tp_append_room = tp_detail_vec_grow(                         \
                tp_append_v->data, tp_append_v->len, tp_append_v->cap, tp_append_v->home,          \
                tp_append_need, TP_DETAIL_VEC_SHAPE(tp_append_v));                                 \
            tp_append_done = TP_DETAIL_VEC_TAKE(tp_append_v, tp_append_room);                      \
            tp_append_items = tp_detail_vec_follow(                                                \
                tp_append_items, tp_append_old, tp_append_v->len * sizeof *tp_append_v->data,      \
                tp_append_v->data);                                                                \
        }                                                                                          \
        if (TP_LIKELY(tp_append_done) && tp_append_n != 0) {                                       \
            memcpy((void *)(tp_append_v->data + tp_append_v->len), tp_append_items,                \
                   tp_append_n * sizeof *tp_append_v->data);                                       \
            tp_append_v->len += tp_append_n;                                                       \
        }                                                                                          \
        tp_append_done;                                                                            \
    })

/* --- elements: an index outside aborts and names the call; v.data[i] is not checked --- */

/* The element: may be assigned to, and its address taken. Of views too. */
#define tp_vec_at(vec, i)                                                                          \
    (*__extension__({                                                                              \
        __typeof__(vec) tp_at_v = (vec);                                                           \
        &tp_at_v->data[tp_detail_vec_index((size_t)(i), tp_at_v->len,                              \
                                           "tp_vec_at(" #vec ", " #i ")")];                        \
    }))

/* Takes the last element off and gives its value. */
#define tp_vec_pop(vec)                                                                            \
    __extension__({                                                                                \
        __typeof__(vec) tp_pop_v = (vec);                                                          \
        (void)tp_detail_vec_index(0, tp_pop_v->len, "tp_vec_pop(" #vec ")");                       \
        tp_pop_v->data[--tp_pop_v->len];                                                           \
    })

/* The elements [from, to) as a view: valid until the vector grows, is clipped or freed.
   Aborts where not from <= to <= len. */
#define tp_vec_slice(vec, from, to)                                                                \
    __extension__({                                                                                \
        __typeof__(vec) tp_slice_v = (vec);                                                        \
        size_t tp_slice_from = (size_t)(from), tp_slice_to = (size_t)(to);                         \
        tp_vec_view(tp_slice_v) tp_slice_part;                                                     \
        (void)tp_detail_vec_index(tp_slice_to, tp_slice_v->len + 1,                                \
                                  "tp_vec_slice(" #vec ", " #from ", " #to ")");                   \
        (void)tp_detail_vec_index(tp_slice_from, tp_slice_to + 1,                                  \
                                  "tp_vec_slice(" #vec ", " #from ", " #to ")");                   \
        tp_slice_part.data = tp_slice_v->data + tp_slice_from;                                     \
        tp_slice_part.len = tp_slice_to - tp_slice_from;                                           \
        tp_slice_part;                                                                             \
    })

/* --- giving back --- */

/* Length 0; the capacity is kept. */
#define tp_vec_reset(vec) ((void)((vec)->len = 0))

/* Gives the surplus back: capacity as near to the length as the allocator goes. False only for want
   of memory to move to: nothing changed. */
#define tp_vec_clip(vec)                                                                           \
    __extension__({                                                                                \
        __typeof__(vec) tp_clip_v = (vec);                                                         \
        bool tp_clip_done = tp_clip_v->len == tp_clip_v->cap;                                      \
        if (!tp_clip_done && tp_clip_v->len == 0) {                                                \
            tp_vec_free(tp_clip_v);                                                                \
            tp_clip_done = true;                                                                   \
        } else if (!tp_clip_done) {                                                                \
            struct tp_detail_vec_room tp_clip_room = tp_detail_vec_fit(                            \
                tp_clip_v->data, tp_clip_v->len, tp_clip_v->cap, tp_clip_v->home, tp_clip_v->len,  \
                TP_DETAIL_VEC_SHAPE(tp_clip_v));                                                   \
            tp_clip_done = TP_DETAIL_VEC_TAKE(tp_clip_v, tp_clip_room);                            \
        }                                                                                          \
        tp_clip_done;                                                                              \
    })

/* Gives the memory back; the vector is empty, at home where it was, and may be used again. */
#define tp_vec_free(vec)                                                                           \
    __extension__({                                                                                \
        __typeof__(vec) tp_free_v = (vec);                                                         \
        tp_detail_vec_free(tp_free_v->data, tp_free_v->cap, tp_free_v->home,                       \
                           TP_DETAIL_VEC_SHAPE(tp_free_v));                                        \
        tp_free_v->data = NULL;                                                                    \
        tp_free_v->len = tp_free_v->cap = 0;                                                       \
    })

TP_END_DECLS

#endif
