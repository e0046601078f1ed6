/* SPDX-License-Identifier: BSD-2-Clause */
/* Not for applications: what the inlined allocation and the inlined write barrier see of the
   collector.

   Allocation. A thread owns, for each layout (size class and place of pointers), a run of zeroed
   free slots. next goes up to end. A thread that is not attached points at a table of zeroes, which
   reads as "every run is used up"; number 0 is no layout's and is always so.

   The barrier (Dijkstra's: what is installed is shaded) is on while `marking` is set. The collector
   sets it at the thread's own polls, from a blocking region, or from a signal handler. A handler
   that finds its thread between the test and the store sets it back to the test: so the two are one
   block of assembly, and each block's place is in the section tp_detail_gc_table. */
#ifndef TIDEPOOL_DETAIL_GC_H
#define TIDEPOOL_DETAIL_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tidepool/attrs.h>

TP_BEGIN_DECLS

struct tp_detail_gc_run {
    uintptr_t next; /* the slot that is handed out next */
    uintptr_t end;  /* behind the run's last slot */
};

struct tp_detail_gc_self {
    struct tp_detail_gc_run *runs; /* by layout number; never NULL */
    uint32_t marking;              /* atomic: the barrier is on */
    uint32_t poll;                 /* atomic: the collector waits for an answer */
};

extern TP_API __thread struct tp_detail_gc_self tp_detail_gc_self
    __attribute__((tls_model("initial-exec")));

/* Where one member's pointers are. */
struct tp_detail_gc_field {
    size_t offset;  /* bytes */
    size_t bytes;   /* 0: a flexible array: each word up to the object's end */
    size_t element; /* of a flexible array; bytes */
};

struct tp_gc_type {
    uint64_t single; /* atomic: layout of a single object, and above 32 bits the bytes of its slot;
                        0 until the first allocation */
    void *known;         /* atomic: what the library made of it */
    const char *name;
    size_t size, align; /* bytes */
    const struct tp_detail_gc_field *fields;
    size_t field_count;
};

TP_API TP_NODISCARD void *tp_detail_gc_alloc(const struct tp_gc_type *type);
TP_API void tp_detail_gc_store_marking(void *slot, const void *value);
TP_API bool tp_detail_gc_cas(void *slot, const void *old, const void *value);
TP_API void *tp_detail_gc_exchange(void *slot, const void *value);
TP_API void tp_detail_gc_move(void *to, const void *from, size_t bytes);
TP_API void tp_detail_gc_safepoint(void);
/* A shared object's barriers, as [start, stop) of its section: at load, before it is unmapped. */
TP_API void tp_detail_gc_table_add(const void *start, const void *stop);
TP_API void tp_detail_gc_table_remove(const void *start);

/* A restart entry: the first instruction, relative to the entry, and how many bytes. The section's
   flag R keeps it from linkers that drop what only __start_ and __stop_ name. */
struct tp_detail_gc_block {
    int32_t start;
    uint32_t bytes;
};

#define TP_DETAIL_GC_BLOCK_BEGIN                                                                   \
    ".pushsection tp_detail_gc_table, \"aR?\", @progbits\n\t"                                      \
    ".balign 4\n\t"                                                                                \
    ".long 1f - ., 2f - 1f\n\t"                                                                    \
    ".popsection\n"                                                                                \
    "1:\n\t"
#define TP_DETAIL_GC_BLOCK_END "2:\n\t"

#if defined(__SANITIZE_THREAD__)
#define TP_DETAIL_GC_PLAIN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TP_DETAIL_GC_PLAIN 1
#endif
#endif

#if defined(__x86_64__) && !defined(__ILP32__) && !defined(TP_DETAIL_GC_PLAIN)
#define TP_DETAIL_GC_BLOCKS 1
TP_ALWAYS_INLINE void tp_detail_gc_store(void *slot, const void *value)
{
    __asm__ goto(TP_DETAIL_GC_BLOCK_BEGIN
                 "cmpl $0, %[marking]\n\t"
                 "jne %l[shade]\n\t"
                 "movq %[value], (%[slot])\n" /* a release on x86-64 */
                 TP_DETAIL_GC_BLOCK_END
                 :
                 : [marking] "m"(tp_detail_gc_self.marking), [slot] "r"(slot), [value] "r"(value)
                 : "memory", "cc"
                 : shade);
    return;
shade:
    tp_detail_gc_store_marking(slot, value);
}
#elif defined(__aarch64__) && !defined(__ILP32__) && !defined(TP_DETAIL_GC_PLAIN)
#define TP_DETAIL_GC_BLOCKS 1
TP_ALWAYS_INLINE void tp_detail_gc_store(void *slot, const void *value)
{
    __asm__ goto(TP_DETAIL_GC_BLOCK_BEGIN
                 "ldr w16, [%[marking]]\n\t"
                 "cbnz w16, %l[shade]\n\t"
                 "stlr %[value], [%[slot]]\n" /* what the object holds is seen before it */
                 TP_DETAIL_GC_BLOCK_END
                 :
                 : [marking] "r"(&tp_detail_gc_self.marking), [slot] "r"(slot), [value] "r"(value)
                 : "memory", "x16"
                 : shade);
    return;
shade:
    tp_detail_gc_store_marking(slot, value);
}
#else
/* No block to restart: where this is compiled in, the collector sends no signals. */
TP_ALWAYS_INLINE void tp_detail_gc_store(void *slot, const void *value)
{
    if (TP_UNLIKELY(__atomic_load_n(&tp_detail_gc_self.marking, __ATOMIC_RELAXED) != 0))
        tp_detail_gc_store_marking(slot, value);
    else
        __atomic_store_n((const void **)slot, value, __ATOMIC_RELEASE);
}
#endif

#ifdef TP_DETAIL_GC_BLOCKS
extern const char __start_tp_detail_gc_table[] __attribute__((weak, visibility("hidden")));
extern const char __stop_tp_detail_gc_table[] __attribute__((weak, visibility("hidden")));

/* One of each in a program or shared object whose code has barriers. */
__attribute__((weak, visibility("hidden"), constructor(102))) void tp_detail_gc_load_self(void);
__attribute__((weak, visibility("hidden"), constructor(102))) void tp_detail_gc_load_self(void)
{
    if ((uintptr_t)__start_tp_detail_gc_table != (uintptr_t)__stop_tp_detail_gc_table)
        tp_detail_gc_table_add(__start_tp_detail_gc_table, __stop_tp_detail_gc_table);
}

__attribute__((weak, visibility("hidden"), destructor(101))) void tp_detail_gc_unload_self(void);
__attribute__((weak, visibility("hidden"), destructor(101))) void tp_detail_gc_unload_self(void)
{
    tp_detail_gc_table_remove(__start_tp_detail_gc_table);
}
#endif

/* The slot is taken before anything is written into it, also as a signal handler of this thread
   sees it: what lies below next is an object, what lies above is not. */
TP_ALWAYS_INLINE void *tp_detail_gc_take(struct tp_detail_gc_run *run, size_t slot_bytes)
{
    uintptr_t object = run->next;
    if (TP_UNLIKELY(object >= run->end))
        return (void *)0;
    __atomic_store_n(&run->next, object + slot_bytes, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return (void *)object;
}

TP_END_DECLS

/* --- TP_GC_TYPE: a row for each member. A member's size is measured behind a head as aligned as
   it is, so that a flexible array has none --- */

#ifdef __cplusplus
template <class M> struct tp_detail_gc_member {
    enum : size_t { bytes = sizeof(M), element = sizeof(void *) };
};
template <class E> struct tp_detail_gc_member<E[]> {
    enum : size_t { bytes = 0, element = sizeof(E) };
};
#define TP_DETAIL_GC_BYTES(T, M) tp_detail_gc_member<decltype(((T *)0)->M)>::bytes
#define TP_DETAIL_GC_ELEMENT(T, M) tp_detail_gc_member<decltype(((T *)0)->M)>::element
#else
#define TP_DETAIL_GC_HEAD(T, M)                                                                    \
    (__alignof__(((T *)0)->M) > sizeof(void *) ? __alignof__(((T *)0)->M) : sizeof(void *))
#define TP_DETAIL_GC_BYTES(T, M)                                                                   \
    (sizeof(struct {                                                                               \
         char head[TP_DETAIL_GC_HEAD(T, M)];                                                       \
         __typeof__(((T *)0)->M) member;                                                           \
     }) -                                                                                          \
     TP_DETAIL_GC_HEAD(T, M))
#define TP_DETAIL_GC_ELEMENT(T, M)                                                                 \
    sizeof((*(__typeof__(__builtin_choose_expr(TP_DETAIL_GC_BYTES(T, M) == 0, &((T *)0)->M,        \
                                               (void *(*)[1])0)))0)[0])
#endif

/* A pointer that is not aligned is an array of negative size here. */
#define TP_DETAIL_GC_FIELD(T, M)                                                                   \
    {offsetof(T, M) * sizeof(char[offsetof(T, M) % sizeof(void *) == 0 ? 1 : -1]),                 \
     TP_DETAIL_GC_BYTES(T, M), TP_DETAIL_GC_ELEMENT(T, M)},

/* How many; 0 where there are more than 25. The parentheses tell a number from a 26th argument. */
#define TP_DETAIL_GC_NARGS(...)                                                                    \
    TP_DETAIL_GC_NARGS_(__VA_ARGS__, (25), (24), (23), (22), (21), (20), (19), (18), (17), (16),   \
                        (15), (14), (13), (12), (11), (10), (9), (8), (7), (6), (5), (4), (3),     \
                        (2), (1), (0), )
#define TP_DETAIL_GC_NARGS_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, \
                            a17, a18, a19, a20, a21, a22, a23, a24, a25, n, ...)                   \
    TP_DETAIL_GC_SECOND(TP_DETAIL_GC_NUMBER n, 0, )
#define TP_DETAIL_GC_NUMBER(n) , n
#define TP_DETAIL_GC_SECOND(...) TP_DETAIL_GC_SECOND_(__VA_ARGS__)
#define TP_DETAIL_GC_SECOND_(a, b, ...) b
#define TP_DETAIL_GC_CAT(a, b) a##b
#define TP_DETAIL_GC_FIELDS(n, ...) TP_DETAIL_GC_FIELDS_(n, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_(n, ...) TP_DETAIL_GC_CAT(TP_DETAIL_GC_FIELDS_, n)(__VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_0(T, ...)
#define TP_DETAIL_GC_FIELDS_1(T, ...)
#define TP_DETAIL_GC_FIELDS_2(T, M, ...)                                                           \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_1(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_3(T, M, ...)                                                           \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_2(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_4(T, M, ...)                                                           \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_3(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_5(T, M, ...)                                                           \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_4(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_6(T, M, ...)                                                           \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_5(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_7(T, M, ...)                                                           \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_6(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_8(T, M, ...)                                                           \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_7(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_9(T, M, ...)                                                           \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_8(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_10(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_9(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_11(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_10(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_12(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_11(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_13(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_12(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_14(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_13(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_15(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_14(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_16(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_15(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_17(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_16(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_18(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_17(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_19(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_18(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_20(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_19(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_21(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_20(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_22(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_21(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_23(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_22(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_24(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_23(T, __VA_ARGS__)
#define TP_DETAIL_GC_FIELDS_25(T, M, ...)                                                          \
    TP_DETAIL_GC_FIELD(T, M) TP_DETAIL_GC_FIELDS_24(T, __VA_ARGS__)

#ifdef __cplusplus
#define TP_DETAIL_GC_ASSERT static_assert
#else
#define TP_DETAIL_GC_ASSERT __extension__ _Static_assert
#endif

#define TP_DETAIL_GC_TYPE(NAME, TYPE, ...)                                                         \
    TP_DETAIL_GC_ASSERT(TP_DETAIL_GC_NARGS(__VA_ARGS__) != 0,                                      \
                        "TP_GC_TYPE: more than 24 members that hold pointers");                    \
    static const struct tp_detail_gc_field NAME##_gc_fields[] = {TP_DETAIL_GC_FIELDS(              \
        TP_DETAIL_GC_NARGS(__VA_ARGS__), TYPE, __VA_ARGS__){0, 0, 0}};                             \
    __attribute__((unused)) static struct tp_gc_type NAME = {                                      \
        0,                                                                                         \
        (void *)0,                                                                                 \
        #TYPE,                                                                                     \
        sizeof(TYPE),                                                                              \
        __alignof__(TYPE),                                                                         \
        NAME##_gc_fields,                                                                          \
        sizeof NAME##_gc_fields / sizeof NAME##_gc_fields[0] - 1}

#endif
