#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tp-logparse as a command: its tables against awk's and sort's, the same output from any number of
# threads, from files and from pipes, lines that are bad, and what happens when the input or the
# output fails. TP_BUILD_DIR is the build tree (make check sets it). TP_LOGPARSE and TP_ACCESSLOG
# name the programs where they are elsewhere; TP_DATA_DIR is a folder with real logs in logs/.
set -u

here=$(cd "$(dirname "$0")" && pwd)
command=tp-logparse
program=${TP_LOGPARSE:-${TP_BUILD_DIR:-.}/examples/logparse/tp-logparse}
. "$here/command.sh"
accesslog=${TP_ACCESSLOG:-$build/examples/data/tp-accesslog}
real=$data/logs

# same_files NAME WANTED GOT
same_files() {
    diff "$2" "$3" >"$work/diff" || fail "$1: $(head -n 5 "$work/diff")"
}

# figure NAME: of the last run's --stats
figure() {
    sed -n "s/^$1 //p" "$work/err"
}

# sum: the last run's first line
sum() {
    head -n 1 "$work/out"
}

built "$program" "$accesslog"

# --- tables: lines, bytes and keys as awk counts them, and in sort's order ---

# by_awk TABLE LOG: of access lines, whose requests have three words or one
by_awk() {
    awk -v table="$1" '!/"$/ { next }
        {
            one = $6 ~ /^".*"$/
            key["host"] = $1
            key["path"] = one ? substr($6, 2, length($6) - 2) : $7
            key["status"] = one ? $7 : $9
            if (key[table] == "-")
                next
            lines[key[table]]++
            bytes[key[table]] += one ? $8 : $10
        }
        END { for (k in lines) printf "%.0f %.0f %s\n", lines[k], bytes[k], k }' "$2"
}

# by_logparse TABLE: of the JSON in $work/out, its escapes undone
by_logparse() {
    sed -n 's/^{"table":"'"$1"'","key":"//p' "$work/out" |
        sed 's/^\(.*\)","lines":\([0-9]*\),"bytes":\([0-9]*\)}$/\2 \3 \1/; s/\\\([\\"]\)/\1/g'
}

compare_tables() {
    run 0 --json --top=1000000 --threads=3 "$1"
    by_awk status "$1" | sort -k1,1nr -k3 >"$work/status"
    by_awk path "$1" | sort -k1,1nr -k3 >"$work/path"
    by_awk host "$1" | sort -k2,2nr -k1,1nr -k3 >"$work/host"
    for table in status path host; do
        [ -s "$work/$table" ] || fail "$1: awk has no $table"
        by_logparse $table >"$work/ours"
        same_files "$1: $table" "$work/$table" "$work/ours"
    done
}

"$accesslog" --lines=20000 >"$work/log" || fail "tp-accesslog failed"
compare_tables "$work/log"
run 0 "$work/log"
same "the sum" "20000 lines = 20000 parsed + 0 bad" "$(sum)"

if [ -r "$real/apache_access_combined.log" ]; then
    compare_tables "$real/apache_access_combined.log"
    run 1 --bad --strict "$real/apache_access_combined.log"
    same "a real log's sum" "10000 lines = 9999 parsed + 1 bad" "$(sum)"
    told 'combined.log:8899: no agent in quotes: 46\.118\.127\.106 .*/bot\.html$'
    run 0 --json "$real/loghub/HDFS_2k.log"
    awk '{ n[$4]++ } END { for (k in n) print n[k], 0, k }' "$real/loghub/HDFS_2k.log" |
        sort -k1,1nr >"$work/levels"
    by_logparse level >"$work/ours"
    same_files "HDFS's levels" "$work/levels" "$work/ours"
    for log in Android Apache HDFS Linux OpenSSH Zookeeper; do
        run 0 --strict "$real/loghub/${log}_2k.log"
        same "$log" "2000 lines = 2000 parsed + 0 bad" "$(sum)"
    done
else
    echo "no real logs: skipped"
fi

# --- the same from any number of threads, from a file, a pipe and pieces ---

{
    cat "$work/log"
    printf 'no access line\n\na\tb\0c\377\n'
    head -c 300000 /dev/zero | tr '\0' x
    echo
    sed 's/$/\r/' "$work/log"
    printf '192.0.2.1 - - [01/Mar/2024:00:00:00 +0000] "GET /last HTTP/1.1" 200 9 "-" "x"'
} >"$work/odd"
for options in "--top=50" "--json --top=50" "--fields" "--fields --json"; do
    run 0 --bad -j 1 $options "$work/odd"
    mv "$work/out" "$work/one"
    mv "$work/err" "$work/one_err"
    for threads in 2 4 16; do
        run 0 --bad -j $threads $options "$work/odd"
        same_files "$options, $threads threads" "$work/one" "$work/out"
        same_files "$options, $threads threads, faults" "$work/one_err" "$work/err"
    done
    cat "$work/odd" | "$program" --bad $options -j 3 >"$work/out" 2>"$work/err"
    same_files "$options, a pipe" "$work/one" "$work/out"
    sed "s,$work/odd,standard input," "$work/one_err" >"$work/told"
    same_files "$options, a pipe, faults" "$work/told" "$work/err"
done
same "fields" 40001 "$("$program" --fields "$work/odd" 2>/dev/null | wc -l)"
same "columns" 12 "$("$program" --fields "$work/odd" 2>/dev/null |
    awk -F'\t' '{ print NF }' | sort -u)"
same "bad lines beside fields" "tp-logparse: 40005 lines = 40001 parsed + 4 bad" \
    "$("$program" --fields "$work/odd" 2>&1 >/dev/null)"
run 0 --bad "$work/odd"
same "the odd log's sum" "40005 lines = 40001 parsed + 4 bad" "$(sum)"
told ':20001: no time like .*: no access line$'
told ':20002: nothing in the line: $'
told ':20003: no host: a\\tb\\x00c\\xff$'
told '^[^ ]*:20004: no host: x{1000}\.\.\.$'
same "the longest fault" 1 "$(awk 'length($0) > 1000' "$work/err" | wc -l)"

split -l 7000 "$work/log" "$work/piece."
run 0 "$work/log"
mv "$work/out" "$work/one"
run 0 "$work"/piece.*
same_files "pieces" "$work/one" "$work/out"
run 0 - - <"$work/log"
same_files "standard input" "$work/one" "$work/out"
{
    read -r _
    run 0
} <"$work/log"
same "standard input that was read from" "19999 lines = 19999 parsed + 0 bad" "$(sum)"
{
    dd bs=3 count=1 of=/dev/null 2>/dev/null
    run 0
} <"$work/log"
same "a line that was read from" "20000 lines = 20000 parsed + 0 bad" "$(sum)"

# --- formats ---

cut -d '"' -f 1-3 "$work/log" | sed 's/ $//' | head -n 100 >"$work/common"
run 0 --strict "$work/common" "$work/log"
same "two formats" "20100 lines = 20100 parsed + 0 bad" "$(sum)"
run 1 --strict --format=combined "$work/common"
same "another format" "100 lines = 0 parsed + 100 bad" "$(sum)"
run 0 -f common "$work/common"
echo 'what is this?' >"$work/unknown"
run 2 "$work/unknown" "$work/common"
told "$work/unknown: no known format in its first lines; --format names one"
same "the other file" "100 lines = 100 parsed + 0 bad" "$(sum)"
{
    head -c 200000 /dev/zero | tr '\0' x
    echo
    head -n 31 "$work/common"
} >"$work/late"
run 0 "$work/late"
same "a format behind 200 KB" "32 lines = 31 parsed + 1 bad" "$(sum)"
same "a format behind 200 KB of a pipe" "$(cat "$work/out")" "$(cat "$work/late" | "$program")"
run 0 --format=syslog /dev/null
same "an empty log" "0 lines = 0 parsed + 0 bad" "$(cat "$work/out")"
run 0 </dev/null

# --- limits: one line of 70 MB, and maps that were sized wrong ---

{
    head -n 1 "$work/log"
    head -c 70000000 /dev/zero | tr '\0' x
    echo
    head -n 1 "$work/log"
} >"$work/long"
run 0 --bad "$work/long"
same "a line of 70 MB" "3 lines = 2 parsed + 1 bad" "$(sum)"
told ':2: the line is too long: x{1000}\.\.\.$'
cat "$work/long" | "$program" >"$work/out"
same "a line of 70 MB from a pipe" "3 lines = 2 parsed + 1 bad" "$(sum)"

run 0 --json --top=1000000 "$work/log"
mv "$work/out" "$work/one"
keys=$(sed -n 's/.*"path":\([0-9]*\),.*/\1/p' "$work/one")
for distinct in 1 64 "$keys"; do
    run 0 --json --top=1000000 --stats --distinct="$distinct" "$work/log"
    same_files "--distinct=$distinct" "$work/one" "$work/out"
    [ "$distinct" -lt "$keys" ] || same "resizes for $keys keys" 0 "$(figure resizes)"
    [ "$distinct" -ge "$keys" ] || [ "$(figure resizes)" -gt 0 ] ||
        fail "--distinct=$distinct: no map grew"
done
for name in threads lines parsed bad bytes seconds lines_per_s mb_per_s allocations \
    allocated_bytes arena_peak_bytes keys resizes; do
    [ -n "$(figure $name)" ] || fail "--stats lacks $name"
done
same "bytes" "$(wc -c <"$work/log")" "$(figure bytes)"

# --- what fails ---

run 2 "$work/none" "$work/log"
told "$work/none: No such file or directory"
same "the file that is there" "20000 lines = 20000 parsed + 0 bad" "$(sum)"
run 2 "$work"
told "$work: Is a directory"
run 2 <&-
told 'standard input: Bad file descriptor'
for options in "" --json --fields; do
    "$program" $options "$work/log" >/dev/full 2>"$work/err"
    same "exit at a full disk, $options" 2 $?
    told 'tp-logparse: standard output: No space left on device'
done
{
    "$program" --fields "$work/log" "$work/log" "$work/log" 2>"$work/err"
    echo $? >"$work/status"
} | head -n 1 >/dev/null
same "exit at a closed pipe" 2 "$(cat "$work/status")"
told 'tp-logparse: standard output: Broken pipe'
"$program" --stats "$work/log" >"$work/out" 2>/dev/full
same "exit at full standard error" 2 $?
for option in --bogus --format=nginx --threads=0 --threads=x --top=0 --top=-1 --top=1073741825 \
    --distinct=0 --distinct=1073741825; do
    run 2 "$option" /dev/null
    told '^tp-logparse: '
    told "$(echo "$option" | sed 's/=.*//')"
    told '^usage: '
done
for option in --top --distinct; do
    run 2 $option=0 /dev/null
    told "^tp-logparse: $option=0: must be a number from 1 to 1073741824$"
done
run 0 --help
same "usage" "usage: tp-logparse" "$(cut -d ' ' -f 1-2 "$work/out" | head -n 1)"
run 0 --version

[ "$failures" -eq 0 ] && echo "all passed"
exit $((failures != 0))
