/* SPDX-License-Identifier: BSD-2-Clause */
/* TIDEPOOL=gctrace=1: a line for each cycle, in the format of Go's GODEBUG=gctrace=1, so that what
   reads that reads this:

   gc # @#s #%: #+#+# ms clock, #+#/#/#+# ms cpu, #->#-># MB, # MB goal, # MB stacks, # MB globals,
   # P

   gc #: the cycle's number. @#s: when it began, since the program's start. #%: of the processors'
   time since then, what cycles and assists took.
   ms clock: until new objects are black (Go: sweep termination), marking, from its end until
   barriers are off (Go: mark termination). No thread stands still in the first and the last.
   ms cpu: the same; the middle is assists / collecting thread / idle, which is 0.
   MB: the heap when it began -> when marking ended -> of that, what is live. Explicit memory, which
   counts as live, is in all three.
   (forced): somebody called tp_gc_collect. (asked by signal: NAME tid, N): N times a thread did not
   answer within 10 ms; one of them.

   Go rounds milliseconds to two digits that count; so does this. One write: lines of several
   processes do not mix. */
#include <stdio.h>

#include "report/report.h"

/* Two digits that count below 10 ms, whole ones above. */
static int ms_decimals(int64_t ns)
{
    int decimals = 0;
    for (int64_t limit = 10000000; ns < limit && decimals < 3; limit /= 10)
        decimals++;
    return decimals;
}

#define MS(NS) ms_decimals(NS), (double)(NS) / 1e6

static unsigned long long mb(uint64_t bytes)
{
    return bytes >> 20;
}

void tpi_gctrace_print(const struct tpi_cycle_trace *trace)
{
    char line[512], straggler[96] = "";
    if (trace->signals != 0)
        snprintf(straggler, sizeof straggler, " (asked by signal: %s %d, %llu)", trace->straggler,
                 (int)trace->straggler_tid, (unsigned long long)trace->signals);
    uint64_t goal = trace->goal == UINT64_MAX ? 0 : trace->goal;
    snprintf(line, sizeof line,
             "gc %llu @%.3fs %d%%: %.*f+%.*f+%.*f ms clock, %.*f+%.*f/%.*f/0+%.*f ms cpu, "
             "%llu->%llu->%llu MB, %llu MB goal, %llu MB stacks, %llu MB globals, %u P%s%s\n",
             (unsigned long long)trace->number, (double)trace->since_start_ns / 1e9,
             (int)(trace->cpu_fraction * 100), MS(trace->setup_ns), MS(trace->mark_ns),
             MS(trace->finish_ns), MS(trace->setup_cpu_ns), MS(trace->assist_cpu_ns),
             MS(trace->background_cpu_ns), MS(trace->finish_cpu_ns), mb(trace->heap_begin),
             mb(trace->heap_end), mb(trace->heap_marked), mb(goal), mb(trace->stack_bytes),
             mb(trace->root_bytes), trace->cores, trace->forced ? " (forced)" : "", straggler);
    fputs(line, stderr); /* not buffered: one write */
}
