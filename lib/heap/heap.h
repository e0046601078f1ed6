/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/heap: spans. It owns address space and cuts it into runs of pages; a span is a run cut into
   equal slots of one size class, or holding one large object. It knows nothing of threads' caches:
   lib/cache sits above and takes and returns objects in batches.

   All functions may be called by any thread; none may be called with a lock of rank CENTRAL or
   above held. They allocate nothing from libc. */
#ifndef TPI_HEAP_H
#define TPI_HEAP_H

#include "base/base.h"
#include "os/os.h"

#include <tidepool/detail/classes.h>
#include <tidepool/heap.h>

enum {
    TPI_PAGE_BYTES = 1 << TP_DETAIL_PAGE_SHIFT,
    TPI_SLOTS_MAX = 1024 /* slots in one span */
};

enum tpi_span_state {
    TPI_SPAN_UNUSED = 0, /* the descriptor is on the free list */
    TPI_SPAN_FREE = 1,   /* its pages are in the page heap */
    TPI_SPAN_SMALL = 2,  /* slots of one size class */
    TPI_SPAN_LARGE = 3,  /* one object */
    TPI_SPAN_PAGES = 4,  /* pages that another room asked for */
    TPI_SPAN_CLAIMED = 5, /* in the hands of one thread that frees or releases it */
    TPI_SPAN_COLLECTED = 6, /* slots of one size class, the collector's */
    TPI_SPAN_COLLECTED_LARGE = 7 /* one object, the collector's */
};

struct tpi_span;

/* --- size classes: <tidepool/detail/classes.h> has the rule; classes.c the span sizes --- */

unsigned tpi_class_span_pages(unsigned size_class); /* pages of one span */
unsigned tpi_class_slots(unsigned size_class);      /* objects in one span */

/* --- objects of a size class, in batches: central.c --- */

/* Takes up to n objects; fewer (0 too) only for want of memory. */
size_t tpi_central_alloc(unsigned size_class, void **objects, size_t n);
/* Gives n small objects back, of any classes mixed. Spans that become empty go to the page heap. */
void tpi_central_free(void *const *objects, size_t n);

/* --- large objects and bare pages: large.c --- */

/* align: a power of two. zeroed: pages that are not known to be zero are cleared. NULL: ENOMEM. */
void *tpi_large_alloc(size_t bytes, size_t align, bool zeroed);
void tpi_large_free(void *object);
/* Grows or shrinks a large object, in place or by moving its pages; contents are kept up to the
   smaller size. NULL: ENOMEM, the object is as it was. bytes > TP_HEAP_SMALL_MAX. */
void *tpi_large_resize(void *object, size_t bytes);
/* Pages for the library's own use (magazines), not zeroed unless fresh; never more than 8192. */
void *tpi_pages_alloc(size_t pages);
void tpi_pages_free(void *at);

/* --- collected spans: collected.c. lib/gc sees into them (heap/descriptor.h) --- */

/* A span of a size class for lib/gc: every slot free, marks 0, owner NULL, layout as given,
   needs_zero as its pages were. NULL: ENOMEM. The caller calls tpi_heap_hooks.grown, by
   tpi_heap_grown, when it holds no lock. */
struct tpi_span *tpi_collected_span_new(unsigned size_class, void *layout);
/* One zeroed large object, slots 1; nobody finds it until tpi_collected_large_show, which sets its
   mark. */
struct tpi_span *tpi_collected_large_new(size_t bytes, void *layout);
void tpi_collected_large_show(struct tpi_span *span, uint8_t mark);
/* No object of it is in use. */
void tpi_collected_span_free(struct tpi_span *span);
uint64_t tpi_heap_collected(void); /* bytes of their pages now, by one relaxed load */
void tpi_heap_grown(void);

/* --- from an address: pagemap.c. Any address, interior ones too; constant time --- */

struct tpi_where {
    struct tpi_span *span;     /* NULL: not in an object of this heap */
    enum tpi_span_state state; /* SMALL, LARGE, COLLECTED or COLLECTED_LARGE */
    unsigned size_class;       /* 0: large */
    void *start;               /* of the slot or large object that holds the address */
    size_t bytes;              /* of that slot, or of the large object's pages */
    bool allocated;            /* the slot is out (in use, or idle in a cache) */
};
struct tpi_where tpi_heap_where(const void *address);
/* Aborts where the address is in an object of the collected heap, with a line that says who gives
   that back; `call` ("free") may not. */
TPI_COLD void tpi_heap_check_explicit(const char *call, const void *address);

/* --- giving memory back: scavenge.c --- */

/* Releases resident free pages, highest addresses first, until at most `keep` bytes of them are
   left; returns the bytes released. */
size_t tpi_heap_scavenge(size_t keep);

struct tpi_heap_totals {
    uint64_t reserved; /* bytes of address space */
    uint64_t in_use;   /* bytes of spans that are not free */
    uint64_t idle;     /* bytes of free pages that are resident */
    uint64_t released; /* bytes of free pages that are not resident */
    uint64_t metadata; /* bytes of descriptors and maps */
    uint64_t spans;    /* count of spans that are not free */
};
void tpi_heap_totals(struct tpi_heap_totals *totals);
/* Bytes in use now, by one relaxed load. */
uint64_t tpi_heap_in_use(void);
/* Bytes in use plus idle now: what the library holds of the machine's memory. */
uint64_t tpi_heap_resident(void);

/* grown is called after the heap took pages (in_use has grown), with none of this room's locks
   held; the caller may hold locks of lower rank. Filled by lib/runtime. */
struct tpi_heap_hooks {
    void (*grown)(void);
    bool (*is_pools)(const void *layout); /* of a collected span: its objects are a pool's */
};
extern struct tpi_heap_hooks tpi_heap_hooks;

/* --- fork: all locks of this room, in rank order --- */

void tpi_heap_fork_prepare(void);
void tpi_heap_fork_parent(void);
void tpi_heap_fork_child(void);

#include "heap/descriptor.h"

#endif
