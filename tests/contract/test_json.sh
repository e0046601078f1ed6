#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tp-json as a command: what it accepts and rejects, where it says that a text is wrong, what it
# prints, and what happens when the output or the input fails. TP_BUILD_DIR is the build tree (make
# check sets it). TP_JSON names the program where it is elsewhere; TP_DATA_DIR is a folder with real
# texts in json/ and ndjson/.
set -u

here=$(cd "$(dirname "$0")" && pwd)
command=tp-json
program=${TP_JSON:-${TP_BUILD_DIR:-.}/examples/json/tp-json}
. "$here/command.sh"

# said TEXT: the last run's stderr is that
said() {
    same "stderr" "$1" "$(cat "$work/err")"
}

# printed TEXT: the last run's stdout is that
printed() {
    same "stdout" "$1" "$(cat "$work/out")"
}

built "$program"

# --- accepted and rejected ---

printf '{"a": [1, 2.50, {"b": null}], "\\u00e9": "x\\ty"}\n' >"$work/good"
printf '[1,\n  2 3]\n' >"$work/bad"
printf '\357\273\277[]' >"$work/bom"
run 0 "$work/good"
said ""
printed ""
run 1 "$work/bad"
said "$work/bad:2:5: expected ',' or ']' in an array"
run 1 "$work/bom"
said "$work/bom:1:1: byte order mark"
run 1 /dev/null
said "/dev/null:1:1: no value"
run 1 "$work/good" "$work/bad" "$work/bom" "$work/good"
same "two of four are bad" 2 "$(wc -l <"$work/err")"

# fault TEXT MESSAGE: on standard input; the text is printf's
fault() {
    printf "$1" | "$program" >"$work/out" 2>"$work/err"
    same "exit, $1" 1 $?
    said "standard input:$2"
    printf "$1" | "$program" - >"$work/out" 2>"$work/err2"
    cmp -s "$work/err" "$work/err2" || fail "$1: standard input and - differ"
}

fault '[1,2' '1:5: unexpected end'
fault '[1,2]x' '1:6: trailing characters'
fault '{"a":1,}' "1:8: expected a string as an object's key"
fault '{"a" 1}' "1:6: expected ':' behind an object's key"
fault '{"a":1 2}' "1:8: expected ',' or '}' in an object"
fault '["a\tb"]' '1:4: control character in a string'
fault '["\377"]' '1:3: invalid UTF-8'
fault '["\\x"]' '1:4: unknown escape'
fault '["\\u00g0"]' '1:7: expected four hexadecimal digits'
fault '["\\ud800"]' '1:3: lone surrogate'
fault '\n\n["abc]\n' '3:7: control character in a string'
fault '["abc' '1:2: string without its closing quote'
fault '[01]' '1:2: number has a leading zero'
fault '[1.]' '1:4: expected a digit'
fault '[1e999]' '1:2: number too large for a double'
fault '[nul]' '1:2: expected true, false or null'
fault '[?]' '1:2: expected a value'

# --- printing ---

run 0 --compact "$work/good"
printed '{"a":[1,2.5,{"b":null}],"é":"x\ty"}'
run 0 --print "$work/good"
printed '{
  "a": [
    1,
    2.5,
    {
      "b": null
    }
  ],
  "é": "x\ty"
}'
run 0 --get /a/2/b "$work/good"
printed null
run 0 --get='' "$work/good"
printed '{"a":[1,2.5,{"b":null}],"é":"x\ty"}'
run 0 --print --get=/a/2 "$work/good"
printed '{
  "b": null
}'
run 1 --get=/a/3 "$work/good"
said "$work/good: /a/3: not there"
printed ""
run 1 --compact "$work/good" "$work/bad" "$work/good"
same "both good ones are printed" 2 "$(wc -l <"$work/out")"

# --- depth ---

# nested N: N arrays in each other
nested() {
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "["; for (i = 0; i < n; i++) printf "]" }'
}

nested 1024 >"$work/deep"
run 0 "$work/deep"
nested 1025 >"$work/deep"
run 1 "$work/deep"
said "$work/deep:1:1025: too deep (1024)"
run 0 --depth=1025 "$work/deep"
nested 100000 >"$work/deep"
run 1 "$work/deep"
said "$work/deep:1:1025: too deep (1024)"
(
    ulimit -s 128
    exec "$program" --depth 100000 --compact "$work/deep" >"$work/out"
) || fail "100000 arrays on a stack of 128 KiB"
same "100000 arrays" "$(cat "$work/deep")" "$(cat "$work/out")"
run 1 --depth=1 "$work/good"
told 'too deep \(1\)'

# --- lines ---

printf '{"id":1}\r\n\n[2,\n{"id":3}\n \t\r\n{"id":4} {}\n{"id":5}' >"$work/lines"
run 1 --lines --compact "$work/lines"
printed '{"id":1}
{"id":3}
{"id":5}'
said "$work/lines:3:4: unexpected end
$work/lines:6:10: trailing characters"
run 1 --lines --get=/id "$work/lines"
printed '1
3
5'
printf '{"id":1}\n{"no":2}\n{"id":3}\n' >"$work/lines"
run 1 --lines --get=/id "$work/lines"
said "$work/lines:2: /id: not there"
printed '1
3'
run 0 --lines /dev/null
run 0 --lines "$work/lines" "$work/lines"
same "standard input" "$("$program" --lines --compact "$work/lines")" \
    "$("$program" --lines --compact <"$work/lines")"

# a line longer than any buffer, others around it, and reads that are cut anywhere
{
    echo '[1]'
    awk 'BEGIN { printf "[0"; for (i = 0; i < 400000; i++) printf ",%d", i; print "]" }'
    echo '[2]'
} >"$work/long"
run 0 --lines --compact "$work/long"
cmp -s "$work/long" "$work/out" || fail "a line of 2.7 MB differs"
dd if="$work/long" bs=4093 2>/dev/null | "$program" --lines --compact | cmp -s - "$work/long" ||
    fail "lines from a pipe differ"

# records N: N different lines
records() {
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++)
        printf "{\"id\":%d,\"name\":\"r\\u00e9cord\",\"list\":[%d.5,true,{\"x\":[]}]}\n", i, i }'
}

# what --stats counts: allocations are the warming up's, however many records follow
# allocations N: of a run over N records
allocations() {
    records "$1" | "$program" --lines --compact --stats 2>&1 >/dev/null |
        sed -n "s/^tp-json: $1 texts, 0 rejected, .* \([0-9]*\) allocations (all by .*/\1/p"
}

few=$(allocations 2000)
many=$(allocations 20000)
[ -n "$few" ] && [ -n "$many" ] || fail "--stats: no counts"
# a checked build's arena never hands out the same memory twice: one chunk a record
if ! grep -q "^TPI_DEFINES = .*TPI_CHECKED" "${TP_BUILD_DIR:-.}/Makefile"; then
    same "allocations of 2000 and of 20000 records" "$few" "$many"
    [ "$few" -lt 20 ] || fail "$few allocations"
fi
# each record has an object, a list and an object in it; dead ones count too
records 20000 >"$work/records"
run 0 --alloc=gc --lines --stats "$work/records"
collected=$(sed -n 's/.* \([0-9]*\) allocations (all by text 20000).*/\1/p' "$work/err")
[ "${collected:-0}" -ge 60000 ] || fail "--alloc=gc: $(cat "$work/err")"
run 0 --stats "$work/good"
told "^tp-json: 1 texts, 0 rejected, $(wc -c <"$work/good") bytes, [0-9.]+ MB/s, arena peak [0-9]+ "

# --- trees that are left to the collector: the same texts come out, and cycles take them away ---

records 100000 >"$work/records"
run 0 --lines --compact --stats "$work/records"
told ', 0 cycles$'
cp "$work/out" "$work/first"
for mode in gctrace=0 checkmark=1 scribble=1 wbcheck=1 checkmark=1,stw=1; do
    before=${TIDEPOOL-}
    TIDEPOOL=${before:+$before,}$mode
    export TIDEPOOL
    run 0 --alloc=gc --lines --compact --stats "$work/records"
    TIDEPOOL=$before
    cmp -s "$work/first" "$work/out" || fail "--alloc=gc with $mode: another output"
    told ', [1-9][0-9]* cycles$'
done
for file in "$work/good" "$data"/json/*.json; do
    [ -r "$file" ] || continue
    run 0 --compact "$file"
    cp "$work/out" "$work/first"
    run 0 --alloc=gc --compact "$file"
    cmp -s "$work/first" "$work/out" || fail "--alloc=gc $file: another output"
done

# --- no memory ---

awk 'BEGIN { printf "["; for (i = 0; i < 1000000; i++) printf "1,"; print "1]" }' >"$work/long"
before=${TIDEPOOL-}
TIDEPOOL=${before:+$before,}memlimit=4MiB
run 2 --alloc=gc "$work/long"
TIDEPOOL=$before
told "^$work/long:[0-9]+:[0-9]+: out of memory\$"

# --- an output that fails ---

"$program" --compact "$work/good" >/dev/full 2>"$work/err"
same "exit at a full disk" 2 $?
said "tp-json: standard output: No space left on device"
records 20000 >"$work/many"
{
    "$program" --lines --compact "$work/many" 2>"$work/err"
    echo $? >"$work/status"
} | head -n 1 >/dev/null
same "exit at a closed pipe" 2 "$(cat "$work/status")"
said "tp-json: standard output: Broken pipe"
(
    ulimit -f 100
    "$program" --lines --compact "$work/many" >"$work/out" 2>"$work/err"
)
same "exit at a limit" 2 $?
said "tp-json: standard output: File too large"
"$program" --compact "$work/good" >&- 2>"$work/err"
same "exit without a standard output" 2 $?
said "tp-json: standard output: Bad file descriptor"

# --- an input that fails ---

run 2 "$work/nothing" "$work/bad"
said "tp-json: $work/nothing: No such file or directory
$work/bad:2:5: expected ',' or ']' in an array"
run 2 "$work"
said "tp-json: $work: Is a directory"
run 2 --lines "$work"
said "tp-json: $work: Is a directory"
run 2 <&-
said "tp-json: standard input: Bad file descriptor"

# --- the command line ---

for option in --bogus --depth=0 --depth=x --depth=1x --depth=-1 --depth=999999999 --get=a \
    --get=/~2 --stats=1 --alloc=pool; do
    run 2 "$option" "$work/good"
    told "$(echo "$option" | sed 's/=.*//')"
    told '^usage: tp-json '
done
run 2 --lines --print "$work/good"
told '^tp-json: --print: '
run 2 --get
told 'usage'
run 0 --help
same "--help" 1 "$(grep -c '^usage: tp-json ' "$work/out")"
run 0 --version
"$program" --version >/dev/full 2>/dev/null
same "exit of --version at a full disk" 2 $?

# --- real texts ---

if [ -r "$data/json/twitter.json" ]; then
    run 0 "$data"/json/*.json
    for file in "$data"/json/test_parsing/y_*.json; do
        run 0 "$file"
    done
    for file in "$data"/json/test_parsing/n_*.json; do
        run 1 "$file"
    done
    run 0 --lines --stats "$data/ndjson/amazon_cellphones.ndjson"
    told '^tp-json: 793 texts, 0 rejected, '
    run 1 --lines "$data/ndjson/elasticoffee-data.bulk"
    said "$data/ndjson/elasticoffee-data.bulk:1:1: expected a value"
else
    echo "no real texts: skipped"
fi

[ "$failures" -eq 0 ] && echo "all passed"
exit $((failures != 0))
