# SPDX-License-Identifier: BSD-2-Clause
# How one run is done; bench/run reads this file. Each prints one line of key=value fields, or fails
# with a message on stderr. Wants from there: programs, and library_NAME for each malloc.
# shellcheck shell=sh disable=SC2154

# Two processors of those that we may use, as a list for taskset: the second, or both.
processors() { # threads
    taskset -cp $$ | awk -v threads="$1" '
        {
            n = split($NF, part, ",")
            for (i = 1; i <= n; i++) {
                split(part[i] "-" part[i], edge, "-")
                for (cpu = edge[1]; cpu <= edge[2]; cpu++)
                    list[count++] = cpu
            }
            second = count > 1 ? list[1] : list[0]
            print (threads == 1 ? second : list[0] "," second)
        }'
}

# Go times a fixed number of operations, as often as the C programs have slices.
run_go() { # line measurement size threads subject operations
    taskset -c "$(processors "$4")" "$programs/bench_go.test" \
        -test.bench "^Benchmark$(echo "$1" | sed 's,/,$/^,')\$/^$3\$/^$4\$" -test.cpu "$4" \
        -test.benchtime "${6}x" -test.count 24 -test.benchmem |
        awk -v fields="measurement=$2 size=$3 threads=$4 subject=$5" '
            $4 == "ns/op" {
                operations += $2
                bytes = $5
                allocations = $7
                for (i = n++; i > 0 && slice[i - 1] > $3; i--)
                    slice[i] = slice[i - 1]
                slice[i] = $3 + 0
            }
            END {
                if (n == 0)
                    exit 1
                printf "%s n=%.0f min=%.4f quartile=%.4f median=%.4f bytes=%d allocs=%d\n", fields,
                    operations, slice[0], slice[int(n / 4)],
                    (slice[int((n - 1) / 2)] + slice[int(n / 2)]) / 2, bytes, allocations
            }'
}

# A case that cannot count what it allocates runs once more, with malloc's calls counted.
run_case() { # program subject measurement size
    eval "library=\${library_$2-}"
    fields=$(LD_PRELOAD=$library timeout 120 "$programs/bench_$1" "$2" "$3" "$4") || return
    case $fields in
    *\ allocs=*) counted= ;;
    *) counted=$(LD_PRELOAD="$programs/.libs/count.so" "$programs/bench_$1" "$2" "$3" "$4") ||
        return ;;
    esac
    echo "$fields$counted"
}

# A process for each; the marker threads of bdwgc are as many as there are processors, or one.
run_gc() { # program subject measurement size threads
    eval "library=\${library_$2-}"
    markers=$(nproc)
    [ "$2" != bdwgc_1 ] || markers=1
    GC_MARKERS=$markers LD_PRELOAD=$library timeout 300 "$programs/bench_$1" "$2" "$3" "$4" "$5"
}

run_go_gc() { # measurement size threads
    BENCH_GC="$1 $2 $3" timeout 300 "$programs/bench_go.test" -test.run '^TestCollector$' |
        grep '^measurement='
}

run_pool() { # program subject measurement size threads
    eval "library=\${library_$2-}"
    LD_PRELOAD=$library timeout 60 "$programs/bench_$1" "$2" "$3" "$4" "$5"
}

run_one() { # line measurement size threads program subject operations
    case $5:$2 in
    go:brief | go:gcbench* | go:live | go:trees*) run_go_gc "$2" "$3" "$4" ;;
    go:*) run_go "$1" "$2" "$3" "$4" "$6" "$7" ;;
    holdup:*) timeout 120 "$programs/bench_holdup" ;;
    gc_store:*) run_case "$5" "$6" "$2" "$3" ;;
    gc_*) run_gc "$5" "$6" "$2" "$3" "$4" ;;
    log:*) timeout 300 "$programs/bench_log" "$6" "$2" "$3" "$4" ;;
    arena* | bytes* | json_* | vec*) run_case "$5" "$6" "$2" "$3" ;;
    *) run_pool "$5" "$6" "$2" "$3" "$4" ;;
    esac
}
