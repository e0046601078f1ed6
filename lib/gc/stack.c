/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks and registers: how a thread's come to be known, and how they are searched.

   REGISTERS. What a function's callers keep in callee-saved registers is lost to who only looks at
   the stack. Two stubs in assembly push those registers and their caller's stack pointer, as struct
   tpi_registers, and call on: tpi_with_registers for a thread that answers by itself, and
   tp_gc_blocking_begin for one that will be answered for. (setjmp would not do: libc mangles the
   frame pointer in it.) What lives in other registers is on the stack when a function is called;
   where a signal interrupts, all registers are in the signal's frame, which lies on the same stack
   above the handler.

   STACKS of a mutator: the thread's own, and those that it registered for coroutines. The one that
   the stack pointer is in is searched from there, the others whole. While it runs on another than
   its own, where it left its own is not known, so that one is searched whole too: for the first
   thread as far as it is mapped now. A signal may also find it on its sigaltstack(2).

   Each word is taken for a pointer that may lead into an object's middle (tpi_shade_words).

   FAKE FRAMES. Where AddressSanitizer looks for uses after return, a function's variables lie in a
   frame of its own, elsewhere, and a word on the stack or in a register leads there: such frames
   are searched too. The thread tells where its fake stack is (tpi_fake_stack_ask), before each
   search: it is made late, and another one after a switch of coroutines that ASan was told of. What
   is asked of ASan in a search only reads and computes; it takes no lock.

   tp_gc_stack_add and _remove change the list in the owner's runtime, where its signal handler does
   not look at it; the collecting thread looks at it while the owner is held. */
#include "gc/object.h"

#if defined(__x86_64__)
_Static_assert(TPI_SAVED_REGISTERS == 6, "what the stubs push is what is read");
/* clang-format off */
#define PUSH_REGISTERS                                                                             \
    "pushq %r15\n\t.cfi_adjust_cfa_offset 8\n\t"                                                   \
    "pushq %r14\n\t.cfi_adjust_cfa_offset 8\n\t"                                                   \
    "pushq %r13\n\t.cfi_adjust_cfa_offset 8\n\t"                                                   \
    "pushq %r12\n\t.cfi_adjust_cfa_offset 8\n\t"                                                   \
    "pushq %rbp\n\t.cfi_adjust_cfa_offset 8\n\t"                                                   \
    "pushq %rbx\n\t.cfi_adjust_cfa_offset 8\n\t"                                                   \
    "leaq 56(%rsp), %rax\n\t" /* behind the return address */                                      \
    "pushq %rax\n\t.cfi_adjust_cfa_offset 8\n\t"
#define POP_REGISTERS /* nobody changed them */                                                    \
    "addq $56, %rsp\n\t.cfi_adjust_cfa_offset -56\n\t"                                             \
    "ret\n"
__asm__(".text\n\t.p2align 4\n\t"
        ".globl tpi_with_registers\n\t.hidden tpi_with_registers\n\t"
        ".type tpi_with_registers, @function\n"
        "tpi_with_registers:\n\t"
        ".cfi_startproc\n\t"
        "endbr64\n\t"
        PUSH_REGISTERS
        "movq %rdi, %rax\n\t"
        "movq %rsp, %rdi\n\t"
        "call *%rax\n\t"
        POP_REGISTERS
        "\t.cfi_endproc\n\t"
        ".size tpi_with_registers, . - tpi_with_registers\n\t"

        ".p2align 4\n\t"
        ".globl tp_gc_blocking_begin\n\t.type tp_gc_blocking_begin, @function\n"
        "tp_gc_blocking_begin:\n\t"
        ".cfi_startproc\n\t"
        "endbr64\n\t"
        "movq tpi_mutator_self@gottpoff(%rip), %rax\n\t"
        "movq %fs:(%rax), %rsi\n\t"
        "testq %rsi, %rsi\n\t"
        "je 1f\n\t"
        PUSH_REGISTERS
        "movq %rsp, %rdi\n\t"
        "call tpi_blocking_began\n\t"
        POP_REGISTERS
        "1:\tret\n\t"
        ".cfi_endproc\n\t"
        ".size tp_gc_blocking_begin, . - tp_gc_blocking_begin\n");
/* clang-format on */
#elif defined(__aarch64__)
_Static_assert(TPI_SAVED_REGISTERS == 20, "what the stubs push is what is read");
/* clang-format off */
#define PUSH_REGISTERS                                                                             \
    "sub sp, sp, #176\n\t.cfi_adjust_cfa_offset 176\n\t"                                           \
    "add x9, sp, #176\n\t"                                                                         \
    "str x9, [sp]\n\t"                                                                             \
    "stp x19, x20, [sp, #8]\n\t"                                                                   \
    "stp x21, x22, [sp, #24]\n\t"                                                                  \
    "stp x23, x24, [sp, #40]\n\t"                                                                  \
    "stp x25, x26, [sp, #56]\n\t"                                                                  \
    "stp x27, x28, [sp, #72]\n\t"                                                                  \
    "stp x29, x30, [sp, #88]\n\t.cfi_offset x30, -80\n\t"                                          \
    "stp d8, d9, [sp, #104]\n\t"                                                                   \
    "stp d10, d11, [sp, #120]\n\t"                                                                 \
    "stp d12, d13, [sp, #136]\n\t"                                                                 \
    "stp d14, d15, [sp, #152]\n\t"
#define POP_REGISTERS /* nobody changed the others */                                              \
    "ldr x30, [sp, #96]\n\t.cfi_restore x30\n\t"                                                   \
    "add sp, sp, #176\n\t.cfi_adjust_cfa_offset -176\n\t"                                          \
    "ret\n"
__asm__(".text\n\t.p2align 4\n\t"
        ".globl tpi_with_registers\n\t.hidden tpi_with_registers\n\t"
        ".type tpi_with_registers, %function\n"
        "tpi_with_registers:\n\t"
        ".cfi_startproc\n\t"
        "hint #34\n\t" /* bti c */
        PUSH_REGISTERS
        "mov x9, x0\n\t"
        "mov x0, sp\n\t"
        "blr x9\n\t"
        POP_REGISTERS
        "\t.cfi_endproc\n\t"
        ".size tpi_with_registers, . - tpi_with_registers\n\t"

        ".p2align 4\n\t"
        ".globl tp_gc_blocking_begin\n\t.type tp_gc_blocking_begin, %function\n"
        "tp_gc_blocking_begin:\n\t"
        ".cfi_startproc\n\t"
        "hint #34\n\t"
        "mrs x9, tpidr_el0\n\t"
        "adrp x10, :gottprel:tpi_mutator_self\n\t"
        "ldr x10, [x10, :gottprel_lo12:tpi_mutator_self]\n\t"
        "ldr x1, [x9, x10]\n\t"
        "cbz x1, 1f\n\t"
        PUSH_REGISTERS
        "mov x0, sp\n\t"
        "bl tpi_blocking_began\n\t"
        POP_REGISTERS
        "1:\tret\n\t"
        ".cfi_endproc\n\t"
        ".size tp_gc_blocking_begin, . - tp_gc_blocking_begin\n");
/* clang-format on */
#else
#error "the collector takes registers by assembly, which is here for x86-64 and arm64"
#endif

/* --- searching --- */

/* In each program that has AddressSanitizer's code in it, ours or not. */
extern void *__asan_get_current_fake_stack(void) __attribute__((weak));
extern void *__asan_addr_is_in_fake_stack(void *fake, void *address, void **start, void **end)
    __attribute__((weak));

void tpi_fake_stack_ask(struct tpi_mutator *mutator)
{
    if (tpi_unlikely(&__asan_get_current_fake_stack != NULL))
        mutator->fake_stack = __asan_get_current_fake_stack();
}

/* Those that words in [from, to) lead to; one that is led to twice in a row, once. */
static TPI_COLD size_t fake_frames_shade(struct tpi_mutator *mutator, uintptr_t from, uintptr_t to)
{
    size_t white = 0;
    void *last = NULL, *start, *end;
    for (uintptr_t at = tpi_align_up(from, 8); at < to && to - at >= 8; at += 8) {
        void *word = (void *)tpi_word_read(at);
        if (__asan_addr_is_in_fake_stack(mutator->fake_stack, word, &start, &end) == NULL ||
            start == last)
            continue;
        last = start;
        white += tpi_shade_words(&mutator->buffer, (uintptr_t)start, (uintptr_t)end);
    }
    return white;
}

static size_t search(struct tpi_mutator *mutator, uintptr_t from, uintptr_t to)
{
    size_t white = tpi_shade_words(&mutator->buffer, from, to);
    if (tpi_unlikely(mutator->fake_stack != NULL))
        white += fake_frames_shade(mutator, from, to);
    return white;
}

/* The thread runs on none of its stacks. */
static size_t foreign_stack_scan(struct tpi_mutator *mutator, uintptr_t sp)
{
    static uint32_t warned; /* atomic: once a process */
    uintptr_t low, high;
    if (sp >= mutator->other_low && sp < mutator->other_high)
        return search(mutator, sp, mutator->other_high);
    if (tpi_os_alternate_stack(&low, &high) && sp >= low && sp < high)
        return search(mutator, sp, high);
    if (tpi_add_acq_rel_32(&warned, 1) == 0)
        tpi_warn("thread %d runs on a stack that tp_gc_stack_add did not name: what only that "
                 "stack points to is not kept alive",
                 (int)mutator->tid);
    return 0;
}

/* How low the thread's own stack reaches, while it runs on another one. */
static uintptr_t own_stack_low(const struct tpi_mutator *mutator)
{
    return mutator->stack_grows ? tpi_os_mapped_below(mutator->stack_high) : mutator->stack_low;
}

size_t tpi_stacks_scan(struct tpi_mutator *mutator, const struct tpi_registers *registers)
{
    uintptr_t sp = registers->sp, saved = (uintptr_t)registers->saved;
    size_t white = search(mutator, saved, saved + sizeof registers->saved);
    size_t bytes = 0;
    bool on_coroutine = false;
    for (const struct tpi_stack_range *range = mutator->stacks; range != NULL;
         range = range->next) {
        bool here = sp >= range->low && sp < range->high;
        uintptr_t from = here ? sp : range->low;
        on_coroutine |= here;
        white += search(mutator, from, range->high);
        bytes += range->high - from;
    }
    bool on_own = !on_coroutine && sp >= mutator->stack_low && sp < mutator->stack_high;
    if (!on_coroutine && !on_own)
        white += foreign_stack_scan(mutator, sp);
    uintptr_t from = on_own ? sp : own_stack_low(mutator);
    white += search(mutator, from, mutator->stack_high);
    tpi_store_relaxed_64(&mutator->stack_bytes, bytes + (mutator->stack_high - from));
    for (uint32_t i = 0; i < mutator->edit_count; i++)
        tpi_shade_fields(&mutator->buffer, mutator->edits[i]);
    return white;
}

/* --- coroutine stacks --- */

static struct tpi_stack_range **range_of(struct tpi_mutator *mutator, uintptr_t low, uintptr_t high)
{
    struct tpi_stack_range **at = &mutator->stacks;
    while (*at != NULL && ((*at)->low >= high || low >= (*at)->high))
        at = &(*at)->next;
    return at; /* *at overlaps [low, high), or is NULL */
}

int tp_gc_stack_add(void *base, size_t bytes)
{
    uintptr_t low = tpi_align_up((uintptr_t)base, sizeof(uintptr_t)), high;
    if (base == NULL || __builtin_add_overflow((uintptr_t)base, bytes, &high) || high <= low) {
        errno = EINVAL;
        return -1;
    }
    struct tpi_mutator *mutator = tpi_mutator_ensure();
    if (mutator == NULL)
        return -1;
    if (*range_of(mutator, low, high) != NULL) {
        errno = EINVAL;
        return -1;
    }
    struct tpi_stack_range *range = tp_heap_alloc(sizeof *range);
    if (range == NULL)
        return -1;
    range->low = low;
    range->high = high;
    range->next = mutator->stacks;
    tpi_runtime_enter(mutator);
    mutator->stacks = range;
    tpi_runtime_leave(mutator);
    return 0;
}

/* What is on the stack goes to another thread now, or nowhere; so it is shaded, as in a store. */
int tp_gc_stack_remove(void *base)
{
    struct tpi_mutator *mutator = tpi_mutator_ensure();
    if (mutator == NULL)
        return -1;
    uintptr_t low = tpi_align_up((uintptr_t)base, sizeof(uintptr_t));
    struct tpi_stack_range **at = range_of(mutator, low, low + 1);
    struct tpi_stack_range *range = *at;
    if (range == NULL || range->low != low) {
        errno = EINVAL;
        return -1;
    }
    tpi_runtime_enter(mutator);
    if (tpi_load_relaxed_32(&mutator->self->marking) != 0) {
        tpi_fake_stack_ask(mutator);
        (void)search(mutator, range->low, range->high);
    }
    *at = range->next;
    tpi_runtime_leave(mutator);
    tp_heap_free(range);
    return 0;
}

void tpi_stacks_free(struct tpi_stack_range *stacks)
{
    while (stacks != NULL) {
        struct tpi_stack_range *next = stacks->next;
        tp_heap_free(stacks);
        stacks = next;
    }
}
