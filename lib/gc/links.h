/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to lib/gc: rings of links, which leave their ring without knowing which one it is. */
#ifndef TPI_GC_LINKS_H
#define TPI_GC_LINKS_H

#include "base/base.h"

struct tpi_link {
    struct tpi_link *next, *previous; /* itself twice: in no ring; of a ring's head: it is empty */
};

#define TPI_LINKS_INIT(HEAD)                                                                       \
    {                                                                                              \
        &(HEAD), &(HEAD)                                                                           \
    }

static inline bool tpi_links_empty(const struct tpi_link *head)
{
    return head->next == head;
}

static inline void tpi_links_add(struct tpi_link *head, struct tpi_link *link)
{
    link->next = head;
    link->previous = head->previous;
    head->previous->next = link;
    head->previous = link;
}

/* Again is nothing. */
static inline void tpi_links_remove(struct tpi_link *link)
{
    link->next->previous = link->previous;
    link->previous->next = link->next;
    link->next = link->previous = link;
}

/* All of one ring behind those of another. */
static inline void tpi_links_move_all(struct tpi_link *to, struct tpi_link *from)
{
    if (tpi_links_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    from->next = from->previous = from;
}

#endif
