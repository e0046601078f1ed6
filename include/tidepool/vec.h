/* SPDX-License-Identifier: BSD-2-Clause */
/* Vectors: growable arrays of any type, unboxed; macros over a plain struct.

       tp_vec(int) v = {0};                        (C++: = {})
       if (!tp_vec_reserve(&v, 1000)) ...
       if (!tp_vec_push(&v, 42)) ...
       tp_vec_free(&v);

   data[0..len) are the elements, cap is how many fit before it must grow. {0} is an empty vector on
   the heap. Nothing is allocated but by the calls that say so, and those return false, with errno
   ENOMEM, or EOVERFLOW where n * size overflows, and leave the vector as it was. Growth is nearly
   Go's (twice as much up to 256 elements or 4 KiB, then gently towards a quarter more), rounded up
   to what the allocator gives anyway, in place where it can. Each macro evaluates its arguments
   once; `vec` is a pointer to a vector. A vector is used by one thread at a time. Pointers to
   elements end when it grows. Each tp_vec(T) is a type of its own: where a function takes one,
   TP_VEC_DEFINE names it. Calls nest; where one is within the arguments of the same macro, -Wshadow
   speaks of it.
   Elements are moved as bytes: in C++ they are trivially copyable. */
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

/* The type of a vector of TYPE. home says where the memory comes from; it points at no view, but
   knows their type. */
#define tp_vec(TYPE)                                                                               \
    struct {                                                                                       \
        TYPE *data;                                                                                \
        size_t len, cap;                                                                           \
        struct {                                                                                   \
            TYPE *data;                                                                            \
            size_t len;                                                                            \
        } * home;                                                                                  \
    }

/* The same with a name, NAME, and NAME_view for its views. No semicolon follows. TYPE may still be
   incomplete: a struct may hold a vector of itself. */
#define TP_VEC_DEFINE(NAME, TYPE)                                                                  \
    typedef struct NAME##_view {                                                                   \
        TYPE *data;                                                                                \
        size_t len;                                                                                \
    } NAME##_view;                                                                                 \
    typedef struct NAME {                                                                          \
        TYPE *data;                                                                                \
        size_t len, cap;                                                                           \
        NAME##_view *home;                                                                         \
    } NAME;

/* The type of what tp_vec_slice(vec, ...) gives: data and len, nothing to be appended to. */
#define tp_vec_view(vec) __typeof__(*(vec)->home)

/* --- what the macros stand on; not for applications --- */

/* Storage: returned by value, so that a vector's address is never taken and a compiler may keep it
   in registers. cap 0: failed, errno set, nothing changed. */
struct tp_detail_vec_room {
    void *data;
    size_t cap;
};

/* What growing needs to know of a vector's elements; in one register. */
struct tp_detail_vec_shape {
    uint32_t size, align; /* bytes */
};

/* How vectors and views begin, whatever their type. */
struct tp_detail_vec_head {
    void *data;
    size_t len;
} __attribute__((may_alias));

/* Room for `more` elements behind len, and further by Go's rule. */
TP_API struct tp_detail_vec_room tp_detail_vec_grow(void *data, size_t len, size_t cap,
                                                    uintptr_t home, size_t more,
                                                    struct tp_detail_vec_shape shape);
/* As near to `cap_wanted` elements as the allocator goes, not fewer: by one allocation. */
TP_API struct tp_detail_vec_room tp_detail_vec_fit(void *data, size_t len, size_t cap,
                                                   uintptr_t home, size_t cap_wanted,
                                                   struct tp_detail_vec_shape shape);
TP_API void tp_detail_vec_free(void *data, size_t cap, uintptr_t home,
                               struct tp_detail_vec_shape shape);
/* Abort: index is not below len; [from, to) is not within len. */
TP_API __attribute__((noreturn, cold)) void tp_detail_vec_outside(const char *call, size_t index,
                                                                  size_t len);
TP_API __attribute__((noreturn, cold)) void
tp_detail_vec_slice_outside(const char *call, size_t from, size_t to, size_t len);

TP_ALWAYS_INLINE struct tp_detail_vec_shape tp_detail_vec_shaped(size_t size, size_t align)
{
    struct tp_detail_vec_shape shape;
    shape.size = (uint32_t)size;
    shape.align = (uint32_t)align;
    return shape;
}

TP_ALWAYS_INLINE size_t tp_detail_vec_index(size_t index, size_t len, const char *call)
{
    if (TP_UNLIKELY(index >= len))
        tp_detail_vec_outside(call, index, len);
    return index;
}

/* Where an element is. Functions, not macros with variables, so that these calls may nest. */
TP_ALWAYS_INLINE void *tp_detail_vec_place(const void *vec, size_t index, size_t size,
                                           const char *call)
{
    const struct tp_detail_vec_head *head = (const struct tp_detail_vec_head *)vec;
    return (char *)head->data + tp_detail_vec_index(index, head->len, call) * size;
}

TP_ALWAYS_INLINE void *tp_detail_vec_place_last(const void *vec, size_t size, const char *call)
{
    const struct tp_detail_vec_head *head = (const struct tp_detail_vec_head *)vec;
    return (char *)head->data + tp_detail_vec_index(head->len - 1, head->len, call) * size;
}

/* Where `items` are now, which lay in `from` if anywhere in the vector, when that has moved. */
TP_ALWAYS_INLINE const void *tp_detail_vec_follow(const void *items, const void *from, size_t bytes,
                                                  const void *to)
{
    uintptr_t offset = (uintptr_t)items - (uintptr_t)from;
    return offset < bytes ? (const char *)to + offset : items;
}

#ifdef __cplusplus
extern "C++" {
template <typename T> inline struct tp_detail_vec_shape tp_detail_vec_shape_of(const T *)
{
    static_assert(__is_trivially_copyable(T), "a vector moves its elements as bytes");
    static_assert(sizeof(T) <= UINT32_MAX, "an element has less than 4 GiB");
    return tp_detail_vec_shaped(sizeof(T), alignof(T));
}
}
#define TP_DETAIL_VEC_SHAPE(v) tp_detail_vec_shape_of((v)->data)
#else
/* An element of 4 GiB or more, or of no bytes, does not compile. */
#define TP_DETAIL_VEC_SHAPE(v)                                                                     \
    tp_detail_vec_shaped(sizeof(char[sizeof *(v)->data - 1 < UINT32_MAX ? 1 : -1]) *               \
                             sizeof *(v)->data,                                                    \
                         __alignof__(*(v)->data))
#endif

/* Room by tp_detail_vec_grow or _fit; `v` is a variable. False: it failed. */
#define TP_DETAIL_VEC_ROOM(v, grow_or_fit, n)                                                      \
    __extension__({                                                                                \
        struct tp_detail_vec_room tp_room = tp_detail_vec_##grow_or_fit(                           \
            (v)->data, (v)->len, (v)->cap, (uintptr_t)(v)->home, (n), TP_DETAIL_VEC_SHAPE(v));     \
        if (TP_LIKELY(tp_room.cap != 0)) {                                                         \
            (v)->data = (__typeof__((v)->data))tp_room.data;                                       \
            (v)->cap = tp_room.cap;                                                                \
        }                                                                                          \
        tp_room.cap != 0;                                                                          \
    })

/* --- where a vector's memory comes from --- */

/* Makes *vec an empty vector whose memory is an arena's: tp_vec_free gives it back only where it
   was the arena's last, else it goes with the arena. What *vec held is forgotten. After a reset or
   rewind that took its memory it is made anew by this call. */
#define tp_vec_on_arena(vec, arena) TP_DETAIL_VEC_ON(vec, arena, const tp_arena *, 1)

/* Makes *vec an empty vector whose first storage is an object of the pool, whole; where it outgrows
   that, it moves to the heap and the object goes back. Growing fails with EINVAL where the pool's
   objects are too small for one element, or not aligned for it, or come from make, and as
   tp_pool_get does. The vector is freed before its pool is destroyed. */
#define tp_vec_on_pool(vec, pool) TP_DETAIL_VEC_ON(vec, pool, const tp_pool *, 2)

#define TP_DETAIL_VEC_ON(vec, source, SOURCE, tag)                                                 \
    __extension__({                                                                                \
        __typeof__(vec) tp_on_v = (vec);                                                           \
        SOURCE tp_on_source = (source);                                                            \
        tp_on_v->data = NULL;                                                                      \
        tp_on_v->len = tp_on_v->cap = 0;                                                           \
        tp_on_v->home = (__typeof__(tp_on_v->home))((uintptr_t)tp_on_source | (tag));              \
        (void)0;                                                                                   \
    })

/* --- growing calls: false and errno where they fail --- */

/* Room for n elements in all, by one allocation; no more than the allocator gives anyway. */
#define tp_vec_reserve(vec, n)                                                                     \
    __extension__({                                                                                \
        __typeof__(vec) tp_reserve_v = (vec);                                                      \
        size_t tp_reserve_n = (size_t)(n);                                                         \
        tp_reserve_n <= tp_reserve_v->cap || TP_DETAIL_VEC_ROOM(tp_reserve_v, fit, tp_reserve_n);  \
    })

/* Appends one element: an expression, or an initialiser as in tp_vec_push(&points, {1, 2}). */
#define tp_vec_push(vec, ...)                                                                      \
    __extension__({                                                                                \
        __typeof__(vec) tp_push_v = (vec);                                                         \
        __typeof__(*tp_push_v->data) tp_push_x = __VA_ARGS__;                                      \
        bool tp_push_done =                                                                        \
            TP_LIKELY(tp_push_v->len != tp_push_v->cap) || TP_DETAIL_VEC_ROOM(tp_push_v, grow, 1); \
        if (TP_LIKELY(tp_push_done))                                                               \
            tp_push_v->data[tp_push_v->len++] = tp_push_x;                                         \
        tp_push_done;                                                                              \
    })

/* Appends n elements, copied from `items`, which may lie in the vector. */
#define tp_vec_append(vec, items, n)                                                               \
    __extension__({                                                                                \
        __typeof__(vec) tp_append_v = (vec);                                                       \
        const __typeof__(*tp_append_v->data) *tp_append_from = (items);                            \
        size_t tp_append_n = (size_t)(n);                                                          \
        const void *tp_append_items = tp_append_from;                                              \
        bool tp_append_done = tp_append_n <= tp_append_v->cap - tp_append_v->len;                  \
        if (TP_UNLIKELY(!tp_append_done)) {                                                        \
            const void *tp_append_old = tp_append_v->data;                                         \
            tp_append_done = TP_DETAIL_VEC_ROOM(tp_append_v, grow, tp_append_n);                   \
            tp_append_items = tp_detail_vec_follow(tp_append_items, tp_append_old,                 \
                                                   tp_append_v->len * sizeof *tp_append_v->data,   \
                                                   tp_append_v->data);                             \
        }                                                                                          \
        if (TP_LIKELY(tp_append_done) && tp_append_n != 0) {                                       \
            memcpy((void *)(tp_append_v->data + tp_append_v->len), tp_append_items,                \
                   tp_append_n * sizeof *tp_append_v->data);                                       \
            tp_append_v->len += tp_append_n;                                                       \
        }                                                                                          \
        tp_append_done;                                                                            \
    })

/* Makes the length n: new elements are zeroes, surplus ones are dropped. The capacity never
   shrinks. */
#define tp_vec_resize(vec, n)                                                                      \
    __extension__({                                                                                \
        __typeof__(vec) tp_resize_v = (vec);                                                       \
        size_t tp_resize_n = (size_t)(n);                                                          \
        bool tp_resize_done =                                                                      \
            tp_resize_n <= tp_resize_v->cap ||                                                     \
            TP_DETAIL_VEC_ROOM(tp_resize_v, grow, tp_resize_n - tp_resize_v->len);                 \
        if (tp_resize_done && tp_resize_n > tp_resize_v->len)                                      \
            memset((void *)(tp_resize_v->data + tp_resize_v->len), 0,                              \
                   (tp_resize_n - tp_resize_v->len) * sizeof *tp_resize_v->data);                  \
        if (tp_resize_done)                                                                        \
            tp_resize_v->len = tp_resize_n;                                                        \
        tp_resize_done;                                                                            \
    })

/* Puts an element before element i, or behind the last where i is the length (beyond, it aborts);
   what is behind it moves up. The value as in tp_vec_push. */
#define tp_vec_insert(vec, i, ...)                                                                 \
    __extension__({                                                                                \
        __typeof__(vec) tp_insert_v = (vec);                                                       \
        size_t tp_insert_at = (size_t)(i);                                                         \
        __typeof__(*tp_insert_v->data) tp_insert_x = __VA_ARGS__;                                  \
        if (TP_UNLIKELY(tp_insert_at > tp_insert_v->len))                                          \
            tp_detail_vec_outside("tp_vec_insert(" #vec ", " #i ")", tp_insert_at,                 \
                                  tp_insert_v->len);                                               \
        bool tp_insert_done =                                                                      \
            tp_insert_v->len != tp_insert_v->cap || TP_DETAIL_VEC_ROOM(tp_insert_v, grow, 1);      \
        if (tp_insert_done) {                                                                      \
            memmove((void *)(tp_insert_v->data + tp_insert_at + 1),                                \
                    (const void *)(tp_insert_v->data + tp_insert_at),                              \
                    (tp_insert_v->len++ - tp_insert_at) * sizeof *tp_insert_v->data);              \
            tp_insert_v->data[tp_insert_at] = tp_insert_x;                                         \
        }                                                                                          \
        tp_insert_done;                                                                            \
    })

/* --- elements: an index outside aborts and names the call; v.data[i] is not checked --- */

/* Element i, and the last one: may be assigned to, and the address taken. Of views too. */
#define tp_vec_at(vec, i)                                                                          \
    (*(__typeof__(&*(vec)->data))tp_detail_vec_place((vec), (size_t)(i), sizeof(*(vec)->data),     \
                                                     "tp_vec_at(" #vec ", " #i ")"))
#define tp_vec_last(vec)                                                                           \
    (*(__typeof__(&*(vec)->data))tp_detail_vec_place_last((vec), sizeof(*(vec)->data),             \
                                                          "tp_vec_last(" #vec ")"))

/* Takes the last element off and gives its value. */
#define tp_vec_pop(vec)                                                                            \
    __extension__({                                                                                \
        __typeof__(vec) tp_pop_v = (vec);                                                          \
        tp_pop_v->len =                                                                            \
            tp_detail_vec_index(tp_pop_v->len - 1, tp_pop_v->len, "tp_vec_pop(" #vec ")");         \
        tp_pop_v->data[tp_pop_v->len];                                                             \
    })

/* Takes element i off and gives its value; what is behind it moves down. */
#define tp_vec_remove(vec, i)                                                                      \
    __extension__({                                                                                \
        __typeof__(vec) tp_remove_v = (vec);                                                       \
        size_t tp_remove_at =                                                                      \
            tp_detail_vec_index((size_t)(i), tp_remove_v->len, "tp_vec_remove(" #vec ", " #i ")"); \
        __typeof__(*tp_remove_v->data) tp_remove_x = tp_remove_v->data[tp_remove_at];              \
        memmove((void *)(tp_remove_v->data + tp_remove_at),                                        \
                (const void *)(tp_remove_v->data + tp_remove_at + 1),                              \
                (--tp_remove_v->len - tp_remove_at) * sizeof *tp_remove_v->data);                  \
        tp_remove_x;                                                                               \
    })

/* The same at a constant cost: the last element takes the place. */
#define tp_vec_swap_remove(vec, i)                                                                 \
    __extension__({                                                                                \
        __typeof__(vec) tp_swap_v = (vec);                                                         \
        size_t tp_swap_at = tp_detail_vec_index((size_t)(i), tp_swap_v->len,                       \
                                                "tp_vec_swap_remove(" #vec ", " #i ")");           \
        __typeof__(*tp_swap_v->data) tp_swap_x = tp_swap_v->data[tp_swap_at];                      \
        tp_swap_v->data[tp_swap_at] = tp_swap_v->data[--tp_swap_v->len];                           \
        tp_swap_x;                                                                                 \
    })

/* The elements [from, to) as a view: valid until the vector grows, is clipped or freed.
   Aborts where not from <= to <= len. */
#define tp_vec_slice(vec, from, to)                                                                \
    __extension__({                                                                                \
        __typeof__(vec) tp_slice_v = (vec);                                                        \
        size_t tp_slice_from = (size_t)(from), tp_slice_to = (size_t)(to);                         \
        tp_vec_view(tp_slice_v) tp_slice_part;                                                     \
        if (TP_UNLIKELY(tp_slice_from > tp_slice_to || tp_slice_to > tp_slice_v->len))             \
            tp_detail_vec_slice_outside("tp_vec_slice(" #vec ", " #from ", " #to ")",              \
                                        tp_slice_from, tp_slice_to, tp_slice_v->len);              \
        tp_slice_part.data = tp_slice_v->data;                                                     \
        if (tp_slice_from != 0)                                                                    \
            tp_slice_part.data += tp_slice_from;                                                   \
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
            tp_clip_done = TP_DETAIL_VEC_ROOM(tp_clip_v, fit, tp_clip_v->len);                     \
        }                                                                                          \
        tp_clip_done;                                                                              \
    })

/* Gives the memory back; the vector is empty, at home where it was, and may be used again. */
#define tp_vec_free(vec)                                                                           \
    __extension__({                                                                                \
        __typeof__(vec) tp_free_v = (vec);                                                         \
        tp_detail_vec_free(tp_free_v->data, tp_free_v->cap, (uintptr_t)tp_free_v->home,            \
                           TP_DETAIL_VEC_SHAPE(tp_free_v));                                        \
        tp_free_v->data = NULL;                                                                    \
        tp_free_v->len = tp_free_v->cap = 0;                                                       \
        (void)0;                                                                                   \
    })

TP_END_DECLS

#endif
