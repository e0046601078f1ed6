/* SPDX-License-Identifier: BSD-2-Clause */
/* Random mutations of a graph of collected objects by several threads, while cycles run all the
   time, held against a shadow that knows what must live (graph.h). Each pointer that a thread loads
   must lead to the right object; while all threads rest, what must live is there, and what must not
   is gone (graph_check.h). */
#include "graph_run.h"

static void run(int64_t deadline)
{
    graph_run(deadline, (unsigned)atoi(stress_argv[1]));
}

int main(int argc, char **argv)
{
    static const struct stress_mode modes[] = {
        {"checkmark=1,scribble=1,wbcheck=1,gcpercent=10", "2"},
        {"scribble=1,gcpercent=10", "4"},
        {"stw=1,checkmark=1,scribble=1,gcpercent=10", "8"},
        {"service=0,scribble=1,gcpercent=10", "8"},
    };
    return stress_main(argc, argv, "test_gc_graph", run, modes, sizeof modes / sizeof modes[0]);
}
