#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tp-logger and tp-accesslog as commands: the same lines in every mode, rotation, signals, and what
# happens when the output or the input fails. TP_BUILD_DIR is the build tree (make check sets it).
# TP_LOGGER and TP_ACCESSLOG name the programs where they are elsewhere; TP_DATA_DIR is a folder
# with a real log in logs/apache_access_combined.log.
set -u

here=$(cd "$(dirname "$0")" && pwd)
command=tp-logger
program=${TP_LOGGER:-${TP_BUILD_DIR:-.}/examples/logger/tp-logger}
. "$here/command.sh"
accesslog=${TP_ACCESSLOG:-$build/examples/data/tp-accesslog}
real=$data/logs/apache_access_combined.log

# run STATUS ARGUMENT...: the logger, its stderr in $work/err
run() {
    wanted=$1
    shift
    "$program" "$@" 2>"$work/err"
    status=$?
    [ "$status" -eq "$wanted" ] ||
        fail "tp-logger $*: exit $status, not $wanted: $(cat "$work/err")"
}

sum() {
    sort "$@" | cksum
}

# adds_up TOTAL: the last run's "written N lines, M lost" accounts for all of them
adds_up() {
    counts=$(sed -n 's/.*written \([0-9]*\) lines, \([0-9]*\) lost.*/\1 + \2/p' "$work/err")
    same "written + lost" "$1" "$(($counts))"
}

built "$program" "$accesslog"

# --- the generator: the same bytes everywhere ---

"$accesslog" --lines=20000 >"$work/in" || fail "tp-accesslog failed"
same "tp-accesslog's checksum" "4209160543 4273971" "$(cksum <"$work/in")"
same "another seed" differs \
    "$("$accesslog" --lines=20000 --seed=2 | cmp -s - "$work/in" || echo differs)"

# --- every mode writes the same lines ---

in_sum=$(sum "$work/in")
json_sum=
kv_sum=
for alloc in malloc heap pool gc; do
    for threads in 1 5; do
        name="$alloc, $threads threads"
        run 0 --alloc=$alloc --threads=$threads --format=raw --output="$work/out" "$work/in"
        same "raw lines, $name" "$in_sum" "$(sum "$work/out")"
        rm -f "$work/out"
        run 0 --alloc=$alloc --threads=$threads --no-time --output=- "$work/in" >"$work/out"
        got=$(sum "$work/out")
        same "JSON lines, $name" "${json_sum:=$got}" "$got"
        run 0 --alloc=$alloc --threads=$threads --no-time --format=kv <"$work/in" >"$work/out"
        got=$(sum "$work/out")
        same "key=value lines, $name" "${kv_sum:=$got}" "$got"
        rm -f "$work/out"
    done
done
same "three formats" 3 "$(printf '%s\n' "$in_sum" "$json_sum" "$kv_sum" | sort -u | wc -l)"

if [ -r "$real" ]; then
    for alloc in malloc heap pool gc; do
        run 0 --alloc=$alloc --format=raw --repeat=2 --output="$work/out" "$real"
        same "a real log, $alloc" "$(sum "$real" "$real")" "$(sum "$work/out")"
        rm -f "$work/out"
    done
else
    echo "no real log: skipped"
fi

# --- fields, levels, odd lines ---

line='192.0.2.1 - ann [01/Mar/2024:00:00:00 +0000] "GET /a\"b HTTP/1.1" 503 17 "-" "x"'
json='{"level":"error","msg":"access","client":"192.0.2.1","user":"ann"'
json=$json',"at":"01/Mar/2024:00:00:00 +0000","method":"GET","path":"/a\\\"b"'
json=$json',"protocol":"HTTP/1.1","status":503,"bytes":17,"agent":"x"}'
same "an access line" "$json" "$(printf '%s\n' "$line" | "$program" --no-time)"
same "levels" 'level=warn msg=access client=c request="" status=404 bytes=0' \
    "$(printf 'c - - [t] "" 404 -\nc - - [t] "" 200 -\nplain\n' |
        "$program" --no-time --format=kv --level=warn | sed 's/at=t //')"
same "the last line without its newline, an empty one" "$(printf 'a\n\nb')" \
    "$(printf 'a\n\nb' | "$program" --format=raw --threads=1)"
same "a time" 1 "$(echo x | "$program" --format=kv |
    grep -Ec '^time=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}Z ')"
same "a line of 3 MB" 3000001 \
    "$(head -c 3000000 /dev/zero | tr '\0' x | "$program" --format=raw | wc -c)"

# --- statistics: mode allocations bytes cycles peak_rss_kib ns_per_line pool_hits ---

for alloc in malloc heap gc pool; do
    run 0 --alloc=$alloc --stats --repeat=3 --format=raw --output=/dev/null "$work/in"
    same "columns, $alloc" 7 "$(awk '{ print NF }' "$work/err")"
    told "^$alloc( [0-9]+){6}\$"
done
read -r _ allocations _ _ _ _ hits <"$work/err"
# a checked build's pools lose a quarter of the puts; the tight bound is in tests/examples
[ "$allocations" -lt 30000 ] || fail "60000 pooled lines: $allocations allocations"
[ $((allocations + hits)) -ge 60000 ] || fail "60000 pooled lines: $allocations made, $hits hits"

# --- rotation ---

mkdir "$work/rotate"
run 0 --format=raw --threads=3 --rotate-bytes=300K --rotate-keep=20 \
    --output="$work/rotate/log" "$work/in"
same "rotated lines" "$in_sum" "$(sum "$work"/rotate/log*)"
same "rotated files" 14 "$(ls "$work/rotate" | wc -l)"
same "files that are too large" "" "$(find "$work/rotate" -size +614 -print)"
run 0 --format=raw --rotate-bytes=300K --rotate-keep=2 --output="$work/rotate/few" "$work/in"
same "kept files" 3 "$(ls "$work/rotate"/few* | wc -l)"

# --- no memory for one line: the others are written ---

{
    head -n 100 "$work/in"
    head -c 20000000 /dev/zero | tr '\0' x
    echo
} >"$work/long"
before=${TIDEPOOL-}
TIDEPOOL=${before:+$before,}memlimit=4MiB
export TIDEPOOL
run 1 --alloc=gc --threads=1 --format=raw --output="$work/out3" "$work/long"
TIDEPOOL=$before
told '^tp-logger: a record: Cannot allocate memory$'
told '^tp-logger: written 100 lines, 1 lost$'

# --- an output that fails ---

run 1 --output=/dev/full "$work/in"
told '/dev/full: write: No space left on device'
adds_up 20000
run 1 --output="$work/none/log" "$work/in"
told "$work/none/log: open: No such file or directory"
told 'written 0 lines'
run 1 --output="$work" "$work/in"
told 'Is a directory'

# a limit on the file's size stands for a disk that fills up: whole lines, and all accounted for
(
    ulimit -f 1000
    "$program" --format=raw --threads=2 --output="$work/limited" "$work/in" 2>"$work/err"
)
same "exit at a limit" 1 $?
told 'limited: write: File too large'
adds_up 20000
same "whole lines at a limit" "$(sed -n 's/.*written \([0-9]*\).*/\1/p' "$work/err")" \
    "$(wc -l <"$work/limited")"
same "a newline at the end" "" "$(tail -c 1 "$work/limited")"

{
    "$program" "$work/in" 2>"$work/err"
    echo $? >"$work/status"
} | head -n 1 >/dev/null
same "exit at a closed pipe" 1 "$(cat "$work/status")"
told 'standard output: write: Broken pipe'
adds_up 20000

# --- an input that fails ---

run 1 --format=raw "$work/nothing" "$work/in" >"$work/out"
told "$work/nothing: No such file or directory"
same "the other file's lines" "$in_sum" "$(sum "$work/out")"
run 1 "$work"
told "$work: Is a directory"

cp "$work/in" "$work/both"
run 1 --output="$work/both" "$work/both"
told "$work/both: is the output too"
same "a file that is the output too" "$(cksum <"$work/in")" "$(cksum <"$work/both")"
run 1 --output="$work/none" <&-
told 'standard input: Bad file descriptor'
run 1 "$work/in" >&-
told 'standard output: write: Bad file descriptor'

# --- wrong options ---

for option in --bogus --threads=0 --threads=x --alloc=stack --format=xml --level=loud --repeat=0 \
    --rotate-bytes=5X --rotate-keep=0 --rotate-bytes=1K; do
    run 2 "$option" /dev/null
    told "$(echo "$option" | sed 's/=.*//')"
done
run 2 --repeat=2 </dev/null
told 'standard input'

# --- signals: what was read is written ---

# starts the logger behind a FIFO with 100 lines in it, and waits until it has read them
start_behind_fifo() {
    rm -f "$work/fifo" "$work/out"
    mkfifo "$work/fifo"
    "$program" --format=raw --output="$work/out" "$work/fifo" 2>"$work/err" &
    pid=$!
    exec 3>"$work/fifo"
    seq 100 >&3
    tries=0
    until [ "$(cat "$work/out" 2>/dev/null | wc -l)" -eq 100 ] || [ $((tries += 1)) -gt 500 ]; do
        sleep 0.01
    done
}

# not INT: a shell's background jobs ignore it
for signal in 15:TERM 1:HUP; do
    number=${signal%:*} signal=${signal#*:}
    start_behind_fifo
    kill -$signal $pid
    wait $pid
    same "exit by SIG$signal" $((128 + number)) $?
    exec 3>&-
    told "stopped by SIG$signal"
    adds_up 100
    same "lines before SIG$signal" "$(seq 100 | sum)" "$(sum "$work/out")"
done

start_behind_fifo
kill -USR1 $pid
echo last >&3
exec 3>&-
wait $pid
same "exit after SIGUSR1" 0 $?
same "lines after SIGUSR1" 101 "$(wc -l <"$work/out")"

# in the midst of traffic: no half line, and the count is that of the file
"$program" --format=raw --repeat=100000 --output="$work/out2" "$work/in" 2>"$work/err" &
pid=$!
sleep 0.3
kill -TERM $pid
wait $pid
same "exit in the midst of traffic" 143 $?
written=$(sed -n 's/.*written \([0-9]*\).*/\1/p' "$work/err")
same "lines in the midst of traffic" "$written" "$(wc -l <"$work/out2")"
sort -u "$work/out2" >"$work/unique"
sort -u "$work/in" >"$work/known"
same "lines that were never read" "" "$(comm -23 "$work/unique" "$work/known")"

[ "$failures" -eq 0 ] && echo "all passed"
exit $((failures != 0))
