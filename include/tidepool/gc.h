/* SPDX-License-Identifier: BSD-2-Clause */
/* The collected heap, and collection cycles, by their prefixed names.

   A concurrent, non-moving, tri-colour mark-sweep collector: no moment when all threads stand
   still. A program that never allocates here, and has no pool with a gc_type, never marks; its
   cycles rotate every pool and every size class's cache (what was idle becomes a victim, what was a
   victim is dropped) and give idle pages back. docs/COLLECTOR.md tells the algorithm.

   What a program owes the collector:
   - A pointer to a collected object is stored into memory only with tp_gc_store and its kin: into
     collected and pooled objects, root ranges and root arenas alike, also the first time: a new
     object may be black already. Local variables are free, and so is storing NULL.
   - Handed to another thread by other means (a pipe, a queue, pthread_create's argument), it goes
     through tp_gc_shade first, which keeps the object alive for the time of the passage.
   - A thread that holds such pointers is attached: its first allocation or store (but of NULL) does
     that, or tp_gc_thread_attach, and before it holds one that another thread gave it. Its stack
     and registers are searched conservatively.
   - Pointers into the middle of an object count, in members and root ranges too; pointers behind
     its end do not. Pointers to other memory are ignored.
   - Global and thread-local variables count only where tp_gc_root_add says so.
   - A thread that will not call the library for a while (a system call that blocks, a wait, a long
     loop) says so with tp_gc_blocking_begin, or calls tp_gc_safepoint now and then. One that does
     neither is asked by a signal after 10 ms (TIDEPOOL=gcsignal=N), which may interrupt its system
     call with EINTR.
   - None of these functions is for signal handlers. */
#ifndef TIDEPOOL_GC_H
#define TIDEPOOL_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tidepool/attrs.h>
#include <tidepool/detail/classes.h>
#include <tidepool/detail/gc.h>

TP_BEGIN_DECLS

/* Where an object's pointers into the collected heap are. */
typedef struct tp_gc_type tp_gc_type;

/* --- cycles --- */

/* Runs one whole cycle that begins after the call, and returns its number when it has ended: every
   object that the cycle dropped has been destructed and given back by then, and every cleanup that
   it found has run. Called from a callback (a pool's, a cleanup) it only asks for the cycle and
   returns the number that the cycle will have; where a thread cannot be made to answer for a
   second, it returns before the end, and a line on stderr names that thread. (With
   TIDEPOOL=service=0 the caller that runs the cycle waits until that thread answers; so does each
   attached caller while the options stw, checkmark or wbcheck stop all threads.)
   Any thread; it waits, so hold no lock that a destruct callback or a cleanup takes. A callback
   that waits for a lock holds up the service thread: no further cycle begins meanwhile. */
TP_API uint64_t tp_gc_collect(void);

/* Cycles completed since the process began. Any thread; never waits. */
TP_API uint64_t tp_gc_cycle(void);

/* Starts a cycle when the heap has grown by `percent` of what was live after the last one (as
   Go's debug.SetGCPercent; 100 at the start, TIDEPOOL=gcpercent=N). A negative value: growth starts
   none. Returns the value before. Any thread. */
TP_API int tp_gc_percent_set(int percent);

/* A soft limit in bytes on the memory of the heap's spans and resident free pages (as Go's
   debug.SetMemoryLimit): beyond it cycles start and idle pages are given back at once. A collected
   allocation beyond it waits for a cycle and fails with ENOMEM where that made no room; at once,
   where less than 1/64 of the limit was allocated since the last cycle and that ended less than ten
   times its own length, at most 0.1 s, ago (after giving data up, tp_gc_collect). A negative value
   changes nothing; INT64_MAX, the value at the start, means no limit. Returns the value before. Any
   thread. */
TP_API int64_t tp_gc_memory_limit_set(int64_t bytes);

/* --- types --- */

/* Defines a type of collected object for this file:

       struct node { struct node *left, *right; long key; };
       TP_GC_TYPE(node_type, struct node, left, right);

   after the struct's name come its members (24 at most) that hold pointers into the collected heap.
   Members that are arrays or structs are named as a whole: each word of them may be a pointer, and
   what is none is ignored. So may each word of a flexible last member that is named. Members that
   are not named are never looked at. */
#define TP_GC_TYPE(NAME, ...) TP_DETAIL_GC_TYPE(NAME, __VA_ARGS__, )

/* --- allocation. All: zeroed; the collector's: there is no free. NULL + errno: ENOMEM, EOVERFLOW
   (n too large). Any thread: the first call attaches it. Aligned as the type is, which may be up to
   8192 bytes, and to 8 at least; what has no type, to 16 --- */

/* n objects of the type in a row. n = 0 is 1. */
TP_API TP_NODISCARD void *tp_gc_alloc_array(const tp_gc_type *type, size_t n);
/* One object with n elements of its flexible last member; of n bytes, where the type does not name
   that member. */
TP_API TP_NODISCARD void *tp_gc_alloc_flex(const tp_gc_type *type, size_t n);
/* size bytes that hold no pointers into the collected heap. */
TP_API TP_NODISCARD TP_ALLOC_SIZE(1) void *tp_gc_alloc_leaf(size_t size);
/* size bytes of which any aligned word may be a pointer. */
TP_API TP_NODISCARD TP_ALLOC_SIZE(1) void *tp_gc_alloc_conservative(size_t size);

/* One object. */
#ifdef TP_CALLS
TP_API TP_NODISCARD void *tp_gc_alloc(const tp_gc_type *type);
#else
TP_NODISCARD static inline void *tp_gc_alloc(const tp_gc_type *type)
{
    uint64_t single = __atomic_load_n(&type->single, __ATOMIC_RELAXED);
    void *object = tp_detail_gc_take(&tp_detail_gc_self.runs[(uint32_t)single], single >> 32);
    return TP_LIKELY(object != (void *)0) ? object : tp_detail_gc_alloc(type);
}
#endif

/* --- stores. `slot` points at a pointer; its type is checked against the value's. Each argument is
   evaluated once. Any attached thread; two threads that write one slot at a time do so with
   tp_gc_cas or tp_gc_exchange --- */

/* *slot = value; a release: what was written into the object before is seen by who reads it. */
#define tp_gc_store(slot, value) tp_detail_gc_store((slot), 1 ? (value) : *(slot))
/* If *slot is old it becomes value; whether it did. Sequentially consistent. */
#define tp_gc_cas(slot, old, value)                                                                \
    tp_detail_gc_cas((slot), 1 ? (old) : *(slot), 1 ? (value) : *(slot))
/* *slot becomes value; what it was. Sequentially consistent. */
#define tp_gc_exchange(slot, value)                                                                \
    ((__typeof__(*(slot)))tp_detail_gc_exchange((slot), 1 ? (value) : *(slot)))
/* memmove of n elements of dst's type. */
#define tp_gc_move(dst, src, n) tp_detail_gc_move((dst), 1 ? (src) : (dst), (n) * sizeof(*(dst)))

/* Between the two, this thread may write pointers into one object by plain stores (a constructor, a
   sort); no other thread reads its pointers meanwhile. Pairs nest, 8 deep; they end in any order.
   Aborts beyond that, or where `object` is not being edited. */
TP_API void tp_gc_edit_begin(void *object);
TP_API void tp_gc_edit_end(void *object);

/* Before a pointer is handed to another thread by other means than a store: whoever holds it or
   does not, the object stays alive through the cycle that runs now, if one does, and the next one
   that begins. What may be on its way for longer is pinned. NULL, and what is no collected object,
   is ignored. */
TP_API void tp_gc_shade(void *object);

/* --- roots --- */

/* Keeps an object alive until as many unpins as pins. Returns it; NULL + errno: ENOMEM, or EINVAL
   where it is not the start of a collected object. Unpinning what is not pinned aborts. Any
   attached thread. */
TP_API void *tp_gc_pin(void *object);
TP_API void tp_gc_unpin(void *object);

/* Each aligned word of [base, base + bytes) may be a pointer: global variables, thread-local ones,
   memory of malloc. It must be readable until it is removed: where it was freed before, a cycle
   reads what is there instead, or the collector's thread faults. 0; -1 + errno: ENOMEM, EINVAL
   (NULL, no whole word, or overlaps another range; for remove: not the base of one). After
   tp_gc_root_remove the range is not read any more. Any thread; a callback's stays attached. */
TP_API int tp_gc_root_add(void *base, size_t bytes);
TP_API int tp_gc_root_remove(void *base);

/* --- threads --- */

/* Attaches the calling thread; again is nothing. 0; -1 + errno ENOMEM. Threads detach by themselves
   when they end. Destructors of thread-specific data may use the collected heap after that, but for
   those of the last rounds: there allocations fail with ENOMEM, and stores abort. */
TP_API int tp_gc_thread_attach(void);
/* From now on the thread holds no pointer into the collected heap. Nothing if it is not attached.
   Not in a callback. */
TP_API void tp_gc_thread_detach(void);

/* Answers the collector if it waits for this thread; else one load and one test. */
static inline void tp_gc_safepoint(void)
{
    if (TP_UNLIKELY(__atomic_load_n(&tp_detail_gc_self.poll, __ATOMIC_RELAXED) != 0))
        tp_detail_gc_safepoint();
}

/* Between the two the thread touches no collected object and calls nothing that does; the collector
   answers for it, with its stack and registers as they were at begin. So the function that begins
   does not return before the end; where that cannot be, tp_gc_blocking_call. Pairs nest. In a
   thread that is not attached they do nothing. Both keep errno. Allocating between them aborts; so
   does storing, with TIDEPOOL=wbcheck=1 and in a checked build.
   A thread that is cancelled, or calls pthread_exit, in there is still in there while its
   destructors run: where those use the collected heap, a cleanup handler ends the region. */
TP_API void tp_gc_blocking_begin(void);
TP_API void tp_gc_blocking_end(void);
/* Calls fn between the two. */
TP_API void *tp_gc_blocking_call(void *(*fn)(void *arg), void *arg);

/* Says that [base, base + bytes) is a stack that this thread runs coroutines on; each word of it is
   searched, and while the thread runs on it, what is above its stack pointer. Before another thread
   resumes the coroutine, that one adds the stack, and then this one removes it. Registers that a
   switch saves elsewhere (a ucontext_t) lie on one of these stacks, the thread's own, or in a root
   range. 0; -1 + errno: ENOMEM, EINVAL (for remove: not the base of one of this thread's). */
TP_API int tp_gc_stack_add(void *base, size_t bytes);
TP_API int tp_gc_stack_remove(void *base);

/* --- cleanups and weak references --- */

/* Runs fn(arg) on the service thread after a cycle found that `object` is not reachable: once, in
   no order, and not at exit. The object is gone by then. What arg points to is kept alive until it
   ran; so arg must not lead to the object. fn may allocate; while it waits for a lock no further
   cycle begins (after a second a line on stderr says so), so who holds that calls no
   tp_gc_collect. Returns a handle, good until fn begins or it is cancelled. NULL + errno: ENOMEM;
   EINVAL where `object` is not the start of a collected object, is a pool's (its end is destruct),
   where arg points into it, or fn is NULL. */
typedef struct tp_gc_cleanup tp_gc_cleanup;
TP_API TP_NODISCARD tp_gc_cleanup *tp_gc_cleanup_add(void *object, void (*fn)(void *arg),
                                                     void *arg);
/* fn will not run. NULL is ignored. Only while the object is reachable; aborts where it is found
   not to be, or the handle not to be good. */
TP_API void tp_gc_cleanup_cancel(tp_gc_cleanup *cleanup);

/* A reference that does not keep its object alive. The caller owns it: tp_gc_weak_free, at any
   time. NULL + errno: ENOMEM; EINVAL where `object` is not the start of a collected object. */
typedef struct tp_gc_weak tp_gc_weak;
TP_API TP_NODISCARD tp_gc_weak *tp_gc_weak_make(void *object);
/* The object, or NULL after a cycle found it unreachable. Attaches the thread; NULL too for want of
   memory for that, with errno ENOMEM. */
TP_API TP_NODISCARD void *tp_gc_weak_get(tp_gc_weak *weak);
TP_API void tp_gc_weak_free(tp_gc_weak *weak); /* NULL is ignored */

TP_END_DECLS

#endif
