/* SPDX-License-Identifier: BSD-2-Clause */
/* What must not compile: USE is one of these calls, or fine(), which must. */
#include <tidepool/vec.h>

#ifdef __cplusplus
struct owner {
    ~owner();
};
TP_VEC_DEFINE(owner_vec, owner)
extern owner_vec owners;
#define push_owner() tp_vec_reserve(&owners, 10)
#endif

struct giant {
    char bytes[(size_t)4 << 30];
};

TP_VEC_DEFINE(giant_vec, struct giant)
extern giant_vec giants;
struct none {};
TP_VEC_DEFINE(none_vec, struct none)
extern none_vec nones;
TP_VEC_DEFINE(ints, int)

int use(ints *v);

int use(ints *v)
{
    ints_view part = tp_vec_slice(v, 0, 1);
    const ints *constant = v;
    static char word[] = "word";
    (void)part, (void)constant, (void)word;
#define fine() tp_vec_push(v, part.data[0])
#define push_on_view() tp_vec_push(&part, 1)
#define append_to_view() tp_vec_append(&part, v->data, 1)
#define reserve_view() tp_vec_reserve(&part, 1)
#define free_view() tp_vec_free(&part)
#define push_on_constant() tp_vec_push(constant, 1)
#define reserve_giants() tp_vec_reserve(&giants, 1)
#define reserve_nones() tp_vec_reserve(&nones, 1)
#define push_word() tp_vec_push(v, word)
#define append_words() tp_vec_append(v, word, 1)
    (void)USE();
    return 0;
}
