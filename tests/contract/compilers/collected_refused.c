/* SPDX-License-Identifier: BSD-2-Clause */
/* What must not compile: USE is one of these, or fine(), which must. */
#include <tidepool/gc.h>

struct leaf {
    struct leaf *next;
};

struct tree {
    struct tree *left;
    char mark;
    struct leaf *leaf;
};

#pragma pack(push, 1)
struct packed {
    char mark;
    struct leaf *leaf;
};
#pragma pack(pop)

#define EIGHT(m) struct leaf *m##1, *m##2, *m##3, *m##4, *m##5, *m##6, *m##7, *m##8
struct wide {
    EIGHT(a);
    EIGHT(b);
    EIGHT(c);
    EIGHT(d);
};

TP_GC_TYPE(tree_type, struct tree, left, leaf);
#define NAME_EIGHT(m) m##1, m##2, m##3, m##4, m##5, m##6, m##7, m##8
TP_GC_TYPE(wide_type, struct wide, NAME_EIGHT(a), NAME_EIGHT(b), NAME_EIGHT(c));

void use(struct tree *tree, struct leaf *leaf);

void use(struct tree *tree, struct leaf *leaf)
{
    (void)tree, (void)leaf;
#define fine() tp_gc_store(&tree->leaf, leaf)
#define store_another() tp_gc_store(&tree->left, leaf)
#define store_number() tp_gc_store(&tree->leaf, 5)
#define exchange_another() tp_gc_exchange(&tree->left, leaf)
#define cas_another() tp_gc_cas(&tree->left, tree, leaf)
#define cas_from_another() tp_gc_cas(&tree->left, leaf, tree)
#define move_another() tp_gc_move(&tree->left, &tree->leaf, 1)
#define name_no_member() TP_GC_TYPE(wrong, struct tree, right)
#define name_unaligned() TP_GC_TYPE(wrong, struct packed, leaf)
#define name_25()                                                                                  \
    TP_GC_TYPE(wrong, struct wide, NAME_EIGHT(a), NAME_EIGHT(b), NAME_EIGHT(c), d1)
#define name_32()                                                                                  \
    TP_GC_TYPE(wrong, struct wide, NAME_EIGHT(a), NAME_EIGHT(b), NAME_EIGHT(c), NAME_EIGHT(d))
    USE();
}
