/* SPDX-License-Identifier: BSD-2-Clause */
/* For all contract tests: starting with the right TIDEPOOL, running the tests again in other modes,
   scenarios in a process of their own (what must abort, other options), threads, gates, waiting.

   A test's main is
       support_start(argv, scenarios);
       return support_group("name", tests, modes);
   - support_start executes the program anew with SUPPORT_OPTIONS added to TIDEPOOL, so that a
     checked build keeps every put and cycles begin only where a test says so; or it runs the
     scenario that it is told, and exits.
   - support_group runs the tests, then once more, in a new process, in each further mode
     (support_modes: without the service thread, without restartable sequences; sanitized builds
     have none anyway).
   Under an emulator, which is slow, modes are left out. Where a program cannot execute itself,
   scenarios are skipped too. */
#ifndef TESTS_CONTRACT_SUPPORT_H
#define TESTS_CONTRACT_SUPPORT_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <tidepool.h>

#define SUPPORT_COUNT(array) (sizeof(array) / sizeof(array)[0])
#define SUPPORT_SECOND INT64_C(1000000000)
#define SUPPORT_OPTIONS "lossy=0,gcpercent=off,gcperiod=0"

enum {
    SUPPORT_ALARM_S = 240, /* a hang ends the test before the harness does */
    SUPPORT_UNTIL_S = 20,  /* for what must happen soon, on a machine that is busy */
    SUPPORT_TEXT_MAX = 16384,
    SUPPORT_CANNOT_EXECUTE = 99
};

/* --- the build: sanitizers are slow, and hold memory back --- */

#if defined(__SANITIZE_THREAD__)
#define SUPPORT_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define SUPPORT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SUPPORT_TSAN 1
#elif __has_feature(address_sanitizer)
#define SUPPORT_ASAN 1
#endif
#endif
#if defined(SUPPORT_TSAN)
enum { support_tsan = 1, support_asan = 0, support_sanitized = 1 };
#elif defined(SUPPORT_ASAN)
enum { support_tsan = 0, support_asan = 1, support_sanitized = 1 };
#else
enum { support_tsan = 0, support_asan = 0, support_sanitized = 0 };
#endif

/* TSan's table of locks that one thread holds has 64 places: fork holds more. It lets a child of
   a threaded process start no thread unless told. And it sleeps a second before it exits. Other
   builds call this never. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "detect_deadlocks=0:die_after_fork=0:atexit_sleep_ms=0";
}

/* --- counters that threads share --- */

static inline unsigned support_add(unsigned *counter, unsigned n)
{
    return __atomic_fetch_add(counter, n, __ATOMIC_SEQ_CST);
}

static inline unsigned support_read(const unsigned *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static inline void support_set(unsigned *counter, unsigned value)
{
    __atomic_store_n(counter, value, __ATOMIC_SEQ_CST);
}

/* --- time --- */

static inline int64_t support_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SUPPORT_SECOND + now.tv_nsec;
}

static inline void support_sleep_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* Fails where the condition does not come true soon. */
#define support_until(condition)                                                                   \
    do {                                                                                           \
        int64_t support_end_ns = support_now_ns() + SUPPORT_UNTIL_S * SUPPORT_SECOND;              \
        while (!(condition)) {                                                                     \
            if (support_now_ns() > support_end_ns)                                                 \
                fail_msg("not within %d s: %s", SUPPORT_UNTIL_S, #condition);                      \
            support_sleep_ms(1);                                                                   \
        }                                                                                          \
    } while (0)

/* --- threads. What runs in them counts what is wrong, and main's thread asserts --- */

static inline pthread_t support_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, argument), 0);
    return thread;
}

static inline void support_join(pthread_t thread)
{
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Closed until somebody opens it, for good. */
struct support_gate {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool open;
};

#define SUPPORT_GATE_INIT {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false}

static inline void support_gate_open(struct support_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->condition);
    pthread_mutex_unlock(&gate->mutex);
}

static inline void support_gate_wait(struct support_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    while (!gate->open)
        pthread_cond_wait(&gate->condition, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

/* --- pools --- */

static inline tp_pool_stats support_stats(tp_pool *pool)
{
    tp_pool_stats stats;
    tp_pool_stats_read(pool, &stats);
    return stats;
}

/* Whether idle objects are overwritten: a checked build, or TIDEPOOL=poolcheck=1. */
static inline bool support_poisons(void)
{
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.name = "poisons", .size = 64});
    assert_non_null(pool);
    unsigned char *object = tp_pool_get(pool);
    assert_non_null(object);
    memset(object, 0x11, 64);
    tp_pool_put(pool, object);
    object = tp_pool_get(pool);
    assert_non_null(object);
    bool poisons = object[5] != 0x11;
    tp_pool_put(pool, object);
    tp_pool_destroy(pool);
    return poisons;
}

/* Whether this thread's gets and puts in this pool are inlined at present. */
static inline bool support_inlined(tp_pool *pool)
{
    return tp_detail_pool_local(pool)->ceiling != 0;
}

/* --- memory --- */

static inline uint64_t support_resident_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &pages, &resident), 2);
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* --- emulators (qemu-user) --- */

/* Of the program in that file: what its ELF head says. 0: it cannot be read. */
static inline uint16_t support_machine(const char *path)
{
    uint16_t head[10] = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    bool read_all = read(file, head, sizeof head) == (ssize_t)sizeof head;
    close(file);
    return read_all ? head[9] : 0;
}

/* It shows the program in the place of itself, but by the first name only. */
static inline bool support_emulated(void)
{
    return support_machine("/proc/self/exe") != support_machine("/proc/thread-self/exe");
}

/* --- scenarios: each in a process of its own, by its name --- */

struct support_scenario {
    const char *name;
    int (*run)(void); /* returns the exit status */
};

static const struct support_scenario support_no_scenarios[] = {{NULL, NULL}};
static char *const *support_argv;

/* TIDEPOOL becomes what it is, and `more` behind it. */
static inline void support_options_add(const char *more)
{
    char both[4096];
    const char *given = getenv("TIDEPOOL");
    bool some = given != NULL && given[0] != '\0';
    snprintf(both, sizeof both, "%s%s%s", some ? given : "", some ? "," : "", more);
    setenv("TIDEPOOL", both, 1);
}

/* Executes this program anew; returns where it cannot. An emulator finds the libraries for it by
   its own environment. */
static inline void support_execute_self(const char *argument)
{
    char path[4096];
    if (!support_emulated()) {
        execl("/proc/self/exe", support_argv[0], argument, (char *)NULL);
        return;
    }
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    if (getenv("QEMU_LD_PREFIX") != NULL)
        execl("/proc/thread-self/exe", "qemu", path, argument, (char *)NULL);
}

static inline void support_start(char **argv, const struct support_scenario *scenarios)
{
    alarm(SUPPORT_ALARM_S);
    support_argv = argv;
    if (getenv("TP_TEST_STARTED") == NULL) {
        setenv("TP_TEST_STARTED", "1", 1);
        support_options_add(SUPPORT_OPTIONS);
        support_execute_self(argv[1]);
    }
    if (argv[1] == NULL)
        return;
    for (; scenarios->name != NULL; scenarios++)
        if (strcmp(scenarios->name, argv[1]) == 0)
            exit(scenarios->run());
    fprintf(stderr, "%s: no scenario '%s'\n", argv[0], argv[1]);
    exit(2);
}

struct support_result {
    int status;                  /* as waitpid gives it */
    char text[SUPPORT_TEXT_MAX]; /* its stderr */
};

static inline void support_child(const char *name, const char *options, int output)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    dup2(output, STDERR_FILENO);
    if (options != NULL)
        support_options_add(options);
    support_execute_self(name);
    _exit(SUPPORT_CANNOT_EXECUTE);
}

/* Runs a scenario with further options (NULL: none) and waits for its end. False: this program
   cannot execute itself. Any thread. */
static inline bool support_execute(const char *name, const char *options,
                                   struct support_result *result)
{
    int ends[2];
    size_t used = 0;
    ssize_t n;
    result->status = -1;
    result->text[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return true;
    pid_t child = fork();
    if (child == 0)
        support_child(name, options, ends[1]);
    close(ends[1]);
    while ((n = read(ends[0], result->text + used, sizeof result->text - 1 - used)) > 0)
        used += (size_t)n;
    result->text[used] = '\0';
    close(ends[0]);
    if (child < 0 || waitpid(child, &result->status, 0) != child)
        result->status = -1;
    return !WIFEXITED(result->status) || WEXITSTATUS(result->status) != SUPPORT_CANNOT_EXECUTE;
}

static inline bool support_has_passed(const struct support_result *result)
{
    return WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0;
}

static inline void support_run(const char *name, const char *options, struct support_result *result)
{
    fflush(NULL);
    if (!support_execute(name, options, result)) {
        print_message("this program cannot execute itself here\n");
        skip();
    }
}

/* The scenario must exit with 0. */
static inline void support_passes(const char *name, const char *options)
{
    struct support_result result;
    support_run(name, options, &result);
    if (!support_has_passed(&result))
        fail_msg("'%s' with '%s': status 0x%x, stderr:\n%s", name, options, (unsigned)result.status,
                 result.text);
}

/* How many of the library's lines are in a text. */
static inline unsigned support_lines(const char *text)
{
    unsigned lines = 0;
    while ((text = strstr(text, "tidepool: ")) != NULL) {
        lines++;
        text++;
    }
    return lines;
}

/* The scenario must abort with one line of the library's, which holds `says` and `names`. */
static inline void support_aborts(const char *name, const char *options, const char *says,
                                  const char *names)
{
    struct support_result result;
    support_run(name, options, &result);
    if (!WIFSIGNALED(result.status) || WTERMSIG(result.status) != SIGABRT ||
        support_lines(result.text) != 1 || strstr(result.text, says) == NULL ||
        strstr(result.text, names) == NULL)
        fail_msg("'%s' with '%s' did not abort with one line saying '%s' and '%s': status 0x%x, "
                 "stderr:\n%s",
                 name, options, says, names, (unsigned)result.status, result.text);
}

/* --- groups, and the modes that they run in --- */

static const char *const support_modes[] = {"service=0", support_sanitized ? NULL : "rseq=off",
                                            NULL};

/* The whole program again with these options; its number of failures. */
static inline int support_again(const char *mode)
{
    int status = 0;
    printf("once more with TIDEPOOL=%s\n", mode);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        support_options_add(mode);
        setenv("TP_TEST_MODE", mode, 1);
        support_execute_self(NULL);
        _exit(SUPPORT_CANNOT_EXECUTE);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SUPPORT_CANNOT_EXECUTE)
        return 0;
    if (WIFSIGNALED(status))
        printf("with TIDEPOOL=%s it died of signal %d\n", mode, WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* In one of the further modes: what takes long may take less there. */
static inline bool support_in_mode(void)
{
    return getenv("TP_TEST_MODE") != NULL;
}

#define support_group(name, tests, modes)                                                          \
    support_group_run(cmocka_run_group_tests_name(name, tests, NULL, NULL), modes)

static inline int support_group_run(int failed, const char *const *modes)
{
    if (support_in_mode() || support_emulated())
        return failed;
    for (; *modes != NULL; modes++) {
        alarm(SUPPORT_ALARM_S);
        failed += support_again(*modes);
    }
    return failed;
}

#endif
