/* SPDX-License-Identifier: BSD-2-Clause */
/* One workload of one subject, in a process of its own: see subject.h.

   trees, gcbench   wall time of all threads, each of which does all of it
   trees_held, gcbench_held   the same with a look at the clock behind each allocation: the longest
                    gap between two of a thread's looks
   brief            processor time of the whole process for each object that is allocated, held for
                    a moment and dropped: what collects it is in it, whichever thread does that
   live             see run_live

   Behind those that look for the longest gap, the control: in the same process, as many threads do
   nothing but look for a while, and then touch as many fresh pages as the workload did (`fresh`, at
   most FRESH_MAX). Their longest gaps, spin_cpu and fresh_cpu, are the machine's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "subject.h"

#define SLOW_NS 20000u
#define BRIEF_OBJECTS 50000000u
#define LIVE_NODE_BYTES 48u
#define LIVE_IDLE_NS 1000000000u
#define LIVE_CYCLING_NS 10000000000u /* at most */
#define LIVE_CYCLES 4u
#define MARK_CYCLES 3u
#define SPIN_NS 1000000000u
#define FRESH_MAX 131072u
#define PAGE_BYTES 4096u

struct thread {
    pthread_t id;
    const struct bench_gc_subject *subject;
    const char *measurement;
    unsigned size;
    struct bench_watch *watch; /* NULL: only timed */
    struct bench_live_thread *live;
};

static double ticks_per_ns;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void find_ticks(void)
{
    uint64_t ticks = bench_ticks(), start = bench_now_ns();
    while (bench_now_ns() < start + 20000000u)
        ;
    ticks_per_ns = (double)(bench_ticks() - ticks) / (double)(bench_now_ns() - start);
}

static double ns_of(double ticks)
{
    return ticks / ticks_per_ns;
}

/* --- the watch --- */

/* Since the last such look. */
static struct bench_used used_since(struct bench_used *used)
{
    struct bench_used before = *used;
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    *used = (struct bench_used){clock_ns(CLOCK_THREAD_CPUTIME_ID), usage.ru_nivcsw};
    return (struct bench_used){used->cpu_ns - before.cpu_ns, used->preempted - before.preempted};
}

void bench_watch_begin(struct bench_watch *watch, struct bench_used *used)
{
    watch->slow = (uint64_t)(SLOW_NS * ticks_per_ns);
    watch->used = used;
    bench_watch_resume(watch);
}

void bench_watch_resume(struct bench_watch *watch)
{
    if (watch == NULL)
        return;
    (void)used_since(watch->used);
    watch->before = bench_ticks();
}

void bench_watch_slow(struct bench_watch *watch, uint64_t gap)
{
    struct bench_used used = used_since(watch->used);
    uint64_t took = used.cpu_ns, gap_ns = (uint64_t)ns_of((double)gap);
    if (took > gap_ns)
        took = gap_ns;
    if (took > watch->longest_cpu)
        watch->longest_cpu = took;
    if (used.preempted == 0 && took > watch->quiet_cpu)
        watch->quiet_cpu = took;
    if (gap > watch->longest)
        watch->longest = gap;
    watch->before = bench_ticks();
}

double bench_watch_part(const struct bench_watch *watch, double part)
{
    uint64_t total = 0, seen = 0;
    unsigned i = 0;
    for (unsigned j = 0; j < BENCH_BUCKETS; j++)
        total += watch->gaps[j];
    while (i < BENCH_BUCKETS - 1 && (double)(seen += watch->gaps[i]) < part * (double)total)
        i++;
    return (double)((uint64_t)(i % BENCH_STEPS + BENCH_STEPS + 1) << (i / BENCH_STEPS - 3));
}

void bench_watch_add(struct bench_watch *to, const struct bench_watch *from)
{
    for (unsigned i = 0; i < BENCH_BUCKETS; i++)
        to->gaps[i] += from->gaps[i];
    to->looks += from->looks;
    to->longest = from->longest > to->longest ? from->longest : to->longest;
    to->longest_cpu = from->longest_cpu > to->longest_cpu ? from->longest_cpu : to->longest_cpu;
    to->quiet_cpu = from->quiet_cpu > to->quiet_cpu ? from->quiet_cpu : to->quiet_cpu;
}

/* --- threads --- */

static void *thread_run(void *argument)
{
    struct thread *thread = argument;
    struct bench_used used = {0, 0};
    if (thread->watch != NULL)
        bench_watch_begin(thread->watch, &used);
    if (thread->live != NULL) {
        for (unsigned i = 0; i < BENCH_PHASES; i++) {
            bench_watch_begin(&thread->live->stores[i], &used);
            bench_watch_begin(&thread->live->allocs[i], &used);
        }
        thread->subject->live_mutate(thread->live);
    } else if (strncmp(thread->measurement, "trees", 5) == 0) {
        thread->subject->trees(thread->size, thread->watch);
    } else if (strncmp(thread->measurement, "gcbench", 7) == 0) {
        thread->subject->gcbench(thread->watch);
    } else {
        thread->subject->short_lived(BRIEF_OBJECTS);
    }
    return NULL;
}

static void threads_start(struct thread *threads, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (threads[i].subject->start(&threads[i].id, thread_run, &threads[i]) != 0)
            bench_fail("cannot start a thread");
}

static void threads_join(struct thread *threads, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        threads[i].subject->join(threads[i].id);
}

/* --- the control --- */

struct control {
    pthread_t id;
    size_t pages;
    struct bench_watch spin, fresh;
};

static void *control_run(void *argument)
{
    struct control *control = argument;
    struct bench_used used = {0, 0};
    uint64_t until = bench_now_ns() + SPIN_NS;
    char *memory = mmap(NULL, control->pages * PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        bench_fail("no memory for the control");
    madvise(memory, control->pages * PAGE_BYTES, MADV_NOHUGEPAGE);
    bench_watch_begin(&control->spin, &used);
    for (unsigned i = 0; i % BENCH_LOOKS_PER_CPU_LOOK != 0 || bench_now_ns() < until; i++)
        bench_look(&control->spin);
    bench_watch_begin(&control->fresh, &used);
    for (size_t i = 0; i < control->pages; i++) {
        memory[i * PAGE_BYTES] = 1;
        bench_look(&control->fresh);
    }
    munmap(memory, control->pages * PAGE_BYTES);
    return NULL;
}

/* So many threads, which share so many fresh pages. */
static void print_control(unsigned n, uint64_t faults)
{
    static struct control controls[BENCH_THREADS_MAX];
    uint64_t fresh = faults < FRESH_MAX ? faults : FRESH_MAX;
    for (unsigned i = 0; i < n; i++) {
        controls[i].pages = fresh / n + 1;
        if (pthread_create(&controls[i].id, NULL, control_run, &controls[i]) != 0)
            bench_fail("cannot start a thread");
    }
    for (unsigned i = 0; i < n; i++)
        pthread_join(controls[i].id, NULL);
    for (unsigned i = 1; i < n; i++) {
        bench_watch_add(&controls[0].spin, &controls[i].spin);
        bench_watch_add(&controls[0].fresh, &controls[i].fresh);
    }
    printf(" faults=%llu fresh=%llu spin_cpu=%llu fresh_cpu=%llu", (unsigned long long)faults,
           (unsigned long long)fresh, (unsigned long long)controls[0].spin.longest_cpu,
           (unsigned long long)controls[0].fresh.longest_cpu);
}

static uint64_t faults_now(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_minflt;
}

/* --- what is printed --- */

static long peak_kib(void)
{
    char line[256];
    long peak = 0;
    FILE *status = bench_must(fopen("/proc/self/status", "re"), "/proc/self/status");
    while (peak == 0 && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmHWM: %ld kB", &peak) != 1)
            peak = 0;
    fclose(status);
    return peak;
}

static void print_process(const struct bench_gc_subject *subject)
{
    printf(" cpu=%llu peak=%ld", (unsigned long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID),
           peak_kib());
    if (subject->cycles != NULL)
        printf(" cycles=%llu told=%.0f", (unsigned long long)subject->cycles(), subject->told_ns());
}

static void print_key(char **argv, double figure)
{
    printf("measurement=%s size=%s threads=%s subject=%s n=1 min=%.4f", argv[2], argv[3], argv[4],
           argv[1], figure);
}

static void run_trees(const struct bench_gc_subject *subject, char **argv, unsigned n)
{
    bool held = strstr(argv[2], "_held") != NULL;
    struct bench_watch watches[BENCH_THREADS_MAX] = {{0}};
    struct thread threads[BENCH_THREADS_MAX] = {{0}};
    uint64_t begin = bench_now_ns(), faults = faults_now();
    double wall;
    for (unsigned i = 0; i < n; i++)
        threads[i] = (struct thread){.subject = subject,
                                     .measurement = argv[2],
                                     .size = (unsigned)strtoul(argv[3], NULL, 10),
                                     .watch = held ? &watches[i] : NULL};
    threads_start(threads, n);
    threads_join(threads, n);
    wall = (double)(bench_now_ns() - begin);
    faults = faults_now() - faults;
    for (unsigned i = 1; i < n; i++)
        bench_watch_add(&watches[0], &watches[i]);
    print_key(argv, held ? ns_of((double)watches[0].longest) : wall);
    if (held)
        printf(" held_cpu=%llu quiet_cpu=%llu p9999=%.0f wall=%.0f",
               (unsigned long long)watches[0].longest_cpu, (unsigned long long)watches[0].quiet_cpu,
               ns_of(bench_watch_part(&watches[0], 0.9999)), wall);
    print_process(subject);
    if (held)
        print_control(n, faults);
    putchar('\n');
}

static void run_brief(const struct bench_gc_subject *subject, char **argv)
{
    struct thread thread = {.subject = subject, .measurement = argv[2]};
    uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall = bench_now_ns();
    threads_start(&thread, 1);
    threads_join(&thread, 1);
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = bench_now_ns() - wall;
    print_key(argv, (double)cpu / BRIEF_OBJECTS);
    printf(" wall=%.4f", (double)wall / BRIEF_OBJECTS);
    print_process(subject);
    putchar('\n');
}

/* --- a large live heap --- */

static void sleep_ns(uint64_t ns)
{
    struct timespec rest = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    while (nanosleep(&rest, &rest) != 0)
        ;
}

/* Processor time of a cycle that has the machine to itself, for each MiB of live nodes. */
static double mark_cost(const struct bench_gc_subject *subject, const struct bench_live *live)
{
    uint64_t cpu;
    subject->collect();
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < MARK_CYCLES; i++)
        subject->collect();
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    return (double)cpu / MARK_CYCLES / ((double)live->nodes * LIVE_NODE_BYTES / (1 << 20));
}

static void print_live(const struct bench_gc_subject *subject, char **argv,
                       struct bench_live_thread *threads, unsigned n, double mark)
{
    struct bench_watch all = {0}, *stores = threads[0].stores, *allocs = threads[0].allocs;
    for (unsigned phase = 0; phase < BENCH_PHASES; phase++)
        for (unsigned i = 1; i < n; i++) {
            bench_watch_add(&stores[phase], &threads[i].stores[phase]);
            bench_watch_add(&allocs[phase], &threads[i].allocs[phase]);
        }
    bench_watch_add(&all, &stores[BENCH_CYCLING]);
    bench_watch_add(&all, &allocs[BENCH_CYCLING]);
    print_key(argv, ns_of((double)all.longest));
    printf(" held_cpu=%llu quiet_cpu=%llu p999=%.0f alloc_p9999=%.0f idle_p9999=%.0f mark_cpu=%.0f"
           " alloc_longest=%.0f idle_longest=%.0f operations=%llu",
           (unsigned long long)all.longest_cpu, (unsigned long long)all.quiet_cpu,
           ns_of(bench_watch_part(&all, 0.999)),
           ns_of(bench_watch_part(&allocs[BENCH_CYCLING], 0.9999)),
           ns_of(bench_watch_part(&allocs[BENCH_IDLE], 0.9999)), mark,
           ns_of((double)allocs[BENCH_CYCLING].longest), ns_of((double)allocs[BENCH_IDLE].longest),
           (unsigned long long)all.looks);
    print_process(subject);
}

/* `size` MiB of nodes of 48 bytes that point at each other at random. First what a cycle costs that
   nobody disturbs; then threads set pointers and allocate, a second without a cycle, and until
   LIVE_CYCLES have run or ten seconds have passed. BENCH_LIVE_MIB overrides the size. */
static void run_live(const struct bench_gc_subject *subject, char **argv, unsigned n)
{
    const char *mib = getenv("BENCH_LIVE_MIB");
    struct bench_live_thread *states =
        bench_must(calloc(n, sizeof *states), "the threads' watches");
    struct thread threads[BENCH_THREADS_MAX] = {{0}};
    struct bench_live live = {.phase = BENCH_IDLE};
    uint64_t first, until, faults;
    double mark;
    live.nodes = (strtoull(mib != NULL ? mib : argv[3], NULL, 10) << 20) / LIVE_NODE_BYTES;
    subject->live_build(&live);
    bench_fence(&live);
    mark = mark_cost(subject, &live);
    subject->automatic(false);
    for (unsigned i = 0; i < n; i++) {
        states[i].live = &live;
        states[i].seed = i + 1;
        threads[i] = (struct thread){.subject = subject, .live = &states[i]};
    }
    threads_start(threads, n);
    sleep_ns(LIVE_IDLE_NS);
    subject->automatic(true);
    faults = faults_now();
    atomic_store(&live.phase, BENCH_CYCLING);
    first = subject->cycles();
    until = bench_now_ns() + LIVE_CYCLING_NS;
    while (subject->cycles() < first + LIVE_CYCLES && bench_now_ns() < until)
        subject->collect();
    atomic_store(&live.phase, BENCH_STOP);
    threads_join(threads, n);
    faults = faults_now() - faults;
    bench_fence(&live);
    print_live(subject, argv, states, n, mark);
    print_control(n, faults);
    putchar('\n');
    free(states);
}

int bench_gc_main(int argc, char **argv, const struct bench_gc_subject *subject)
{
    unsigned threads;
    bench_begin(argv[0]);
    if (argc < 5)
        bench_fail("usage: SUBJECT MEASUREMENT SIZE THREADS");
    threads = (unsigned)strtoul(argv[4], NULL, 10);
    if (threads < 1 || threads > BENCH_THREADS_MAX)
        bench_fail("%s threads: 1 or %u", argv[4], BENCH_THREADS_MAX);
    find_ticks();
    if (subject->name == NULL)
        bench_check_malloc(argv[1]);
    subject->begin();
    if (strcmp(argv[2], "brief") == 0)
        run_brief(subject, argv);
    else if (strcmp(argv[2], "live") == 0 && subject->live_build != NULL)
        run_live(subject, argv, threads);
    else if (strncmp(argv[2], "trees", 5) == 0 || strncmp(argv[2], "gcbench", 7) == 0)
        run_trees(subject, argv, threads);
    else
        bench_fail("no measurement %s", argv[2]);
    return 0;
}
