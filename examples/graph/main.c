/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-graph: builds a graph of tweets and does what the steps say, one after the other:

       tp-graph --generate=10000 count top=3 mutate=100000 collect check drop-all collect

   Each step runs on threads of its own, which end with it: the collector searches stacks for
   whatever looks like a pointer, and a stack that has ended holds none. Main never touches a node.

   It exits with 0; 1 where a node was not what it had been, memory ran out or the output failed; 2
   where the command line or the file is wrong. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "options.h"

#define READ_BYTES ((size_t)1 << 16)
#define TWEET_BYTES 4096 /* of a tweet in a file, more or less */

struct job {
    const struct command *command;
    const struct step *step; /* NULL: build the graph */
    unsigned thread;         /* which of those that do it */
    bool wrong_input;
    bool failed; /* and was told */
};

static struct graph graph;

static void *job_fail(struct job *job, const char *what, const char *why)
{
    fprintf(stderr, "tp-graph: %s: %s\n", what, why);
    job->failed = true;
    return NULL;
}

/* --- building --- */

static bool read_file(tp_bytes *text, const char *name)
{
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    size_t n = 1;
    bool fine = file != NULL;
    while (fine && n != 0) {
        unsigned char *room = tp_bytes_room(text, READ_BYTES);
        n = room != NULL ? fread(room, 1, READ_BYTES, file) : 0;
        text->len += n;
        fine = room != NULL && !ferror(file);
    }
    if (file != NULL && file != stdin)
        fclose(file);
    return fine;
}

static void *build(void *argument)
{
    struct job *job = argument;
    const struct command *command = job->command;
    const char *name = command->file != NULL ? command->file : "generated tweets";
    tp_bytes text = {0};
    bool fine;
    if (command->file != NULL)
        fine = read_file(&text, name);
    else
        fine = graph_generate(&text, command->generated, command->seed);
    if (!fine) {
        job_fail(job, name, strerror(errno));
        job->wrong_input = command->file != NULL;
    } else if (!graph_open(&graph, text.len / TWEET_BYTES + command->generated)) {
        job_fail(job, name, strerror(errno));
    } else if (!graph_build(&graph, name, tp_view_from_bytes(&text))) {
        if (errno == ENOMEM)
            fprintf(stderr, "tp-graph: %s: out of memory\n", name);
        job->failed = true;
        job->wrong_input = errno == EINVAL;
    }
    tp_bytes_free(&text);
    return NULL;
}

/* --- steps --- */

static void *count(void *argument)
{
    (void)argument;
    printf("users %" PRIu64 ", tweets %" PRIu64 ", hashtags %" PRIu64 ", links %zu\n",
           graph.counts[GRAPH_USER], graph.counts[GRAPH_TWEET], graph.counts[GRAPH_HASHTAG],
           graph_links(&graph));
    return NULL;
}

static void *top(void *argument)
{
    const struct job *job = argument;
    struct graph_mentioned found[TOP_MAX];
    size_t n = graph_most_mentioned(&graph, found, job->step->number);
    for (size_t i = 0; i < n; i++)
        printf("%zu @%s\n", found[i].mentions, found[i].user->label);
    return NULL;
}

static struct graph_node *user_named(const char *name)
{
    for (size_t i = 0; i < graph.index->buckets_n; i++) {
        struct graph_entry *entry = graph_bucket(graph.index, i);
        for (; entry != NULL; entry = graph_entry_next(entry)) {
            if (entry->node->kind == GRAPH_USER && strcmp(entry->node->label, name) == 0)
                return entry->node;
        }
    }
    return NULL;
}

static void *reach(void *argument)
{
    struct job *job = argument;
    struct graph_node *user = user_named(job->step->text);
    size_t n;
    if (user == NULL) {
        printf("@%s: not there\n", job->step->text);
        return NULL;
    }
    n = graph_reach(user, SIZE_MAX);
    if (n == 0)
        return job_fail(job, "reach", strerror(errno));
    printf("@%s leads to %zu nodes\n", user->label, n);
    return NULL;
}

static void *drop(void *argument)
{
    const struct job *job = argument;
    uint64_t seed = job->command->seed, users = 0;
    size_t tweets = 0;
    while (users < job->step->number) {
        struct graph_node *user = graph_pick(&graph, GRAPH_USER, graph_random(&seed));
        if (user == NULL)
            break;
        tweets += graph_drop_user(&graph, user);
        users++;
    }
    printf("dropped %" PRIu64 " users and %zu tweets\n", users, tweets);
    return NULL;
}

static void *drop_all(void *argument)
{
    (void)argument;
    graph_drop_all(&graph);
    puts("dropped everything");
    return NULL;
}

static void *mutate(void *argument)
{
    struct job *job = argument;
    struct graph_mutations done = {0};
    graph_mutate(&graph, job->step->number, job->command->seed + job->thread, &done);
    if (done.failed)
        return job_fail(job, "mutate", strerror(ENOMEM));
    printf("added %" PRIu64 " tweets, relinked %" PRIu64 ", dropped %" PRIu64
           " users, walked %" PRIu64 " times\n",
           done.added, done.relinked, done.dropped, done.walked);
    return NULL;
}

static void *check(void *argument)
{
    struct job *job = argument;
    size_t nodes = graph_check(&graph);
    if (nodes == 0 && errno == EILSEQ)
        return job_fail(job, "check", "a node is not what it was");
    if (nodes == 0 && errno != 0)
        return job_fail(job, "check", strerror(errno));
    printf("intact: %zu nodes\n", nodes);
    return NULL;
}

static void print_memory(const char *when)
{
    tp_memstats stats;
    tp_memstats_read(&stats);
    printf("%s: %" PRIu64 " objects, %" PRIu64 " bytes, %" PRIu64 " users gone\n", when,
           stats.heap_objects, stats.heap_alloc, (uint64_t)graph.users_gone);
}

static void *memory(void *argument)
{
    (void)argument;
    print_memory("memory");
    return NULL;
}

static void *collect(void *argument)
{
    (void)argument;
    print_memory("before");
    tp_gc_collect();
    print_memory("after");
    return NULL;
}

/* Runs a function on so many threads of its own; whether all of them did what they should. */
static bool run(const struct command *command, const struct step *step, void *(*fn)(void *job),
                unsigned threads, bool *wrong_input)
{
    struct job jobs[THREADS_MAX];
    pthread_t ids[THREADS_MAX];
    unsigned started = 0;
    bool fine;
    for (; started < threads; started++) {
        jobs[started] = (struct job){.command = command, .step = step, .thread = started};
        if (pthread_create(&ids[started], NULL, fn, &jobs[started]) != 0)
            break;
    }
    fine = started == threads;
    if (!fine)
        fputs("tp-graph: cannot start a thread\n", stderr);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(ids[i], NULL);
        fine = fine && !jobs[i].failed;
        *wrong_input = *wrong_input || jobs[i].wrong_input;
    }
    return fine;
}

static bool run_step(const struct command *command, const struct step *step)
{
    static void *(*const functions[])(void *) = {
        [STEP_COUNT] = count, [STEP_TOP] = top,           [STEP_REACH] = reach,
        [STEP_DROP] = drop,   [STEP_DROP_ALL] = drop_all, [STEP_MUTATE] = mutate,
        [STEP_CHECK] = check, [STEP_MEMORY] = memory,     [STEP_COLLECT] = collect,
    };
    bool unused = false;
    return run(command, step, functions[step->kind],
               step->kind == STEP_MUTATE ? command->threads : 1, &unused);
}

int main(int argc, char **argv)
{
    struct command command;
    bool wrong_input = false, fine;
    int status = command_parse(&command, argc, argv);
    if (status >= 0)
        return status;
    fine = run(&command, NULL, build, 1, &wrong_input);
    for (size_t i = 0; fine && i < command.steps_n; i++)
        fine = run_step(&command, &command.steps[i]);
    if (graph.index != NULL)
        graph_close(&graph);
    free(command.steps);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "tp-graph: standard output: %s\n", strerror(errno));
        return 1;
    }
    if (wrong_input)
        return 2;
    return fine ? 0 : 1;
}
