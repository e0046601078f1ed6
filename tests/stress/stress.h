/* SPDX-License-Identifier: BSD-2-Clause */
/* For the stress tests: a printed seed, a budget of time, and the reference that the library is
   held against: who owns which object.

   The reference is a table from an object's address to its owner. Taking exchanges nobody for the
   taker and must find nobody; giving exchanges the giver for nobody and must find the giver. So an
   object in two hands is found by whoever comes second. It is written after a get and before a put:
   the library may never hand out what the table says is owned.

   Any thread may fail: it prints one line and the seed, and ends the process. */
#ifndef TESTS_STRESS_H
#define TESTS_STRESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <tidepool.h>

/* What a fork's child cannot do under sanitizers: TSan takes a thread that it starts for one of the
   parent's and gives up, and ASan's malloc may be left locked by a thread that is not there. */
#if defined(__SANITIZE_THREAD__)
#define STRESS_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define STRESS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STRESS_TSAN 1
#elif __has_feature(address_sanitizer)
#define STRESS_ASAN 1
#endif
#endif
#if defined(STRESS_TSAN) || defined(STRESS_ASAN) /* to start a thread, ASan mallocs */
enum { stress_child_may_start_threads = 0 };
#else
enum { stress_child_may_start_threads = 1 };
#endif
#ifdef STRESS_ASAN
enum { stress_child_may_malloc = 0 };
#else
enum { stress_child_may_malloc = 1 };
#endif

/* --- numbers, time, failure --- */

enum {
    STRESS_CLASH = 3,   /* exit status of a process that found the library wrong */
    STRESS_HANG_S = 120 /* that long behind its deadline a process is taken to hang */
};

static uint64_t stress_seed_used;

__attribute__((format(printf, 1, 2), noreturn)) static void stress_fail(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    dprintf(STDERR_FILENO, "clash: %.*s (TP_STRESS_SEED=%llu)\n", used, line,
            (unsigned long long)stress_seed_used);
    _exit(STRESS_CLASH);
}

#define STRESS_CHECK(condition, ...)                                                               \
    do {                                                                                           \
        if (!(condition))                                                                          \
            stress_fail(__VA_ARGS__);                                                              \
    } while (0)

static inline int64_t stress_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void stress_sleep_ns(long ns)
{
    nanosleep(&(struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}, NULL);
}

/* When to stop: TP_STRESS_SECONDS, or 2 seconds, from now; shared by `share` tests of a program. */
static inline int64_t stress_deadline(int share)
{
    const char *text = getenv("TP_STRESS_SECONDS");
    double seconds = text != NULL ? strtod(text, NULL) : 2.0;
    return stress_now_ns() + (int64_t)(seconds * 1e9 / share);
}

/* xorshift64* (Vigna, 2016). */
struct stress_random {
    uint64_t state;
};

static inline uint64_t stress_next(struct stress_random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint32_t stress_below(struct stress_random *random, uint32_t bound)
{
    return (uint32_t)((stress_next(random) >> 32) * bound >> 32);
}

/* A generator of its own for each (a, b), all from the one seed. */
static inline struct stress_random stress_stream(uint64_t a, uint64_t b)
{
    struct stress_random random = {stress_seed_used ^ (a * UINT64_C(0x9e3779b97f4a7c15)) ^
                                   (b * UINT64_C(0xd1b54a32d192ed03))};
    random.state |= 1;
    for (int i = 0; i < 4; i++)
        stress_next(&random);
    return random;
}

/* --- running: each mode in a process of its own, since TIDEPOOL is read once, and since cmocka's
   signal handlers would hide what another thread died of --- */

struct stress_mode {
    const char *options; /* for TIDEPOOL, beside the caller's own */
    const char *share;   /* one in so many of the program's time */
};

static char **stress_argv;

/* fork locks more mutexes at once than TSan's deadlock detector has places for, and a child of a
   process with threads starts one of its own. Other builds call it never. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "detect_deadlocks=0:die_after_fork=0";
}

static inline void stress_execute(const struct stress_mode *mode)
{
    char options[4096];
    const char *own = getenv("TIDEPOOL");
    snprintf(options, sizeof options, "%s,%s", mode->options, own != NULL ? own : "");
    setenv("TIDEPOOL", options, 1);
    execv(stress_argv[0], (char *[]){stress_argv[0], (char *)(uintptr_t)mode->share, NULL});
    perror(stress_argv[0]);
    _exit(1);
}

static void stress_mode_passes(void **state)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        stress_execute(*state);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("it ended with wait status 0x%x; the line above says why", (unsigned)status);
}

/* TP_STRESS_SEED, or the time; printed either way. */
static inline void stress_seed(const char *test)
{
    const char *text = getenv("TP_STRESS_SEED");
    stress_seed_used = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)stress_now_ns();
    printf("%s: TP_STRESS_SEED=%llu\n", test, (unsigned long long)stress_seed_used);
    fflush(stdout);
}

/* A test's main. run() fails by stress_fail, or returns at the deadline. */
static inline int stress_main(int argc, char **argv, const char *name,
                              void (*run)(int64_t deadline), const struct stress_mode *modes,
                              size_t n)
{
    struct CMUnitTest tests[16] = {{0}};
    stress_argv = argv;
    if (argc == 2) {
        int64_t deadline = stress_deadline(atoi(argv[1]));
        stress_seed(name);
        alarm((unsigned)((deadline - stress_now_ns()) / 1000000000) + STRESS_HANG_S);
        run(deadline);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){.name = modes[i].options[0] ? modes[i].options : "as it is",
                                       .test_func = stress_mode_passes,
                                       .initial_state = (void *)(uintptr_t)&modes[i]};
    return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}

/* --- who owns what --- */

enum { STRESS_NOBODY = 0, STRESS_TABLE = 1 << 20 };

struct stress_entry {
    _Atomic uintptr_t address; /* 0: a free entry; never changes afterwards */
    _Atomic uint32_t owner;
    _Atomic uint32_t exists; /* constructed, not destructed; where the pool's callbacks say so */
};

static struct stress_entry stress_table[STRESS_TABLE];

static inline struct stress_entry *stress_entry(const void *object)
{
    uintptr_t address = (uintptr_t)object;
    size_t at = (address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 44;
    for (size_t tried = 0; tried < STRESS_TABLE; tried++, at = (at + 1) % STRESS_TABLE) {
        uintptr_t found = atomic_load(&stress_table[at].address);
        if (found == 0 &&
            atomic_compare_exchange_strong(&stress_table[at].address, &found, address))
            return &stress_table[at];
        if (found == address)
            return &stress_table[at];
    }
    stress_fail("the table of owners is full: the heap never gave an address out again");
}

static inline void stress_take(const void *object, uint32_t who, const char *what)
{
    uint32_t before = atomic_exchange(&stress_entry(object)->owner, who);
    STRESS_CHECK(before == STRESS_NOBODY, "%s: object %p was handed to %u while %u owns it", what,
                 object, who, before);
}

static inline void stress_pass(const void *object, uint32_t from, uint32_t to, const char *what)
{
    uint32_t before = atomic_exchange(&stress_entry(object)->owner, to);
    STRESS_CHECK(before == from, "%s: object %p of %u is owned by %u", what, object, from, before);
}

static inline void stress_give(const void *object, uint32_t who, const char *what)
{
    stress_pass(object, who, STRESS_NOBODY, what);
}

/* A fork's child: an object whose destruct was under way in another thread counts as dropped there,
   and its memory comes again, though the table never heard the end of it. */
static bool stress_in_child;

/* In construct and destruct: each once, and nobody owns it. */
static inline void stress_constructed(const void *object, const char *what)
{
    struct stress_entry *entry = stress_entry(object);
    uint32_t existed = atomic_exchange(&entry->exists, 1);
    STRESS_CHECK(existed == 0 || stress_in_child, "%s: object %p constructed twice", what, object);
    STRESS_CHECK(atomic_load(&entry->owner) == STRESS_NOBODY, "%s: object %p of %u constructed",
                 what, object, atomic_load(&entry->owner));
}

static inline void stress_destructed(const void *object, const char *what)
{
    struct stress_entry *entry = stress_entry(object);
    STRESS_CHECK(atomic_exchange(&entry->exists, 0) == 1, "%s: object %p destructed twice", what,
                 object);
    STRESS_CHECK(atomic_load(&entry->owner) == STRESS_NOBODY, "%s: object %p of %u destructed",
                 what, object, atomic_load(&entry->owner));
}

#endif
