#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tp-graph as a command: what it says of a real text and of a generated one, that the graph stays
# intact while threads change it and cycles run, and that its memory comes back. TP_BUILD_DIR is the
# build tree (make check sets it); TP_DATA_DIR is a folder with a real text, json/twitter.json.
set -u

here=$(cd "$(dirname "$0")" && pwd)
command=tp-graph
program=${TP_BUILD_DIR:-.}/examples/graph/tp-graph
. "$here/command.sh"
options=${TIDEPOOL-}

printed() {
    same "stdout" "$1" "$(cat "$work/out")"
}

# figure WORD LINE: the number in front of the word, in the n-th line of the last run's memory lines
figure() {
    grep -E '^(memory|before|after): ' "$work/out" | sed -n "$2p" |
        sed "s/.* \([0-9]*\) $1.*/\1/"
}

built "$program"

# --- a real text: its figures were counted by another program ---

if [ -r "$data/json/twitter.json" ]; then
    run 0 --file="$data/json/twitter.json" count top=3 reach=shiawaseomamori reach=ayuu0123 \
        reach=nobody check
    printed "users 127, tweets 115, hashtags 7, links 578
58 @shiawaseomamori
3 @POTENZA_SUPERGT
2 @8CBR8
@shiawaseomamori leads to 118 nodes
@ayuu0123 leads to 3 nodes
@nobody: not there
intact: 249 nodes"
    run 0 --file=- count <"$data/json/twitter.json"
    printed "users 127, tweets 115, hashtags 7, links 578"
else
    echo "no real text: skipped"
fi

# --- a small one ---

small='{"statuses": [
    {"id": 1, "text": "a", "user": {"id": 7, "screen_name": "ann"},
     "entities": {"user_mentions": [{"id": 8, "screen_name": "bob"}], "hashtags": [{"text": "x"}]}},
    {"id": 2, "text": "b", "user": {"id": 8, "screen_name": "bob"},
     "retweeted_status": {"id": 1, "text": "a", "user": {"id": 7, "screen_name": "ann"}}},
    {"id": 3, "text": "c", "user": {"id": 9, "screen_name": "carl"}}]}'
echo "$small" >"$work/small.json"
run 0 --file="$work/small.json" count top=1 reach=carl reach=ann
printed "users 3, tweets 3, hashtags 1, links 12
1 @bob
@carl leads to 2 nodes
@ann leads to 5 nodes"

# --- what a file may be without ---

echo '{"statuses": []}' >"$work/none.json"
run 0 --file="$work/none.json" count top=3 reach=ann drop=3 mutate=10 drop-all check
printed "users 0, tweets 0, hashtags 0, links 0
@ann: not there
dropped 0 users and 0 tweets
$(grep '^added' "$work/out")
dropped everything
intact: 0 nodes"
run 0 --file="$work/small.json" drop=9223372036854775807 count
same "more than there are" "dropped 3 users and 3 tweets" "$(head -n 1 "$work/out")"

# mentions of nobody, and retweets of what has no author, are skipped
echo '{"statuses": [{"id": 18446744073709551615, "user": {"id": 7, "screen_name": "ann"},
    "entities": {"user_mentions": [{"screen_name": "eve"}, {"id": -1, "screen_name": "eve"}, 5,
        {"id": 0, "screen_name": "eve"}, {"id": 10}, {"id": 8, "screen_name": "bob"}]},
    "retweeted_status": {"id": 1, "user": {"screen_name": "eve"}}},
    {"id": 2, "user": {"id": 8, "screen_name": "bob"}, "retweeted_status": {"id": 0, "text": "x",
        "user": {"id": 11, "screen_name": "eve"}}}]}' >"$work/small.json"
run 0 --file="$work/small.json" count reach=eve reach=bob
printed "users 2, tweets 2, hashtags 0, links 6
@eve: not there
@bob leads to 4 nodes"

# a tweet that comes twice is read once
echo "$small" | sed 's/"id": 3, "text": "c", "user"/"id": 2, "retweeted_status": {"id": 1, "user":\
    {"id": 7, "screen_name": "ann"}}, "user"/' >"$work/twice.json"
run 0 --file="$work/twice.json" count
printed "users 2, tweets 2, hashtags 1, links 10"

# --- generated: the same for the same seed, whatever the collector checks meanwhile ---

steps="count top=3 reach=user5 drop=100 count mutate=5000 count check"
# shellcheck disable=SC2086
run 0 --generate=2000 --seed=7 $steps
cp "$work/out" "$work/first"
same "first line" "users 501, tweets 2000, hashtags 50, links 10594" "$(head -n 1 "$work/first")"
for mode in checkmark=1 checkmark=1,stw=1 scribble=1 wbcheck=1; do
    TIDEPOOL=${options:+$options,}$mode
    export TIDEPOOL
    # shellcheck disable=SC2086
    run 0 --generate=2000 --seed=7 $steps
    cmp -s "$work/first" "$work/out" || fail "$mode: another output: $(cat "$work/out")"
    # threads that change and walk the graph while others take it apart and cycles run
    run 0 --generate=2000 --threads=4 mutate=20000 collect check mutate=20000 check
    same "$mode: checks" 2 "$(grep -c '^intact: [1-9]' "$work/out")"
done
TIDEPOOL=$options

# --- the memory comes back: all users go, and of the nodes no more stays than stacks may hold ---

run 0 --generate=20000 memory collect mutate=50000 drop-all collect collect count memory
printed_count=$(grep '^users' "$work/out")
same "count" "users 0, tweets 0, hashtags 0, links 0" "$printed_count"
[ "$(figure objects 1)" -gt 100000 ] || fail "20000 tweets are $(figure objects 1) objects"
[ "$(figure objects 8)" -lt 1000 ] || fail "of nothing $(figure objects 8) objects stay"
[ "$(figure bytes 8)" -lt 2000000 ] || fail "of nothing $(figure bytes 8) bytes stay"
[ "$(figure users 8)" -gt 5000 ] || fail "$(figure users 8) users went"

# --- what is wrong is said ---

run 2
told '^tp-graph: one of --file and --generate says where the graph comes from$'
run 2 --generate=10
told '^tp-graph: no steps'
run 2 --generate=10 jump
told '^tp-graph: jump: no such step$'
run 2 --generate=10 top
told '^tp-graph: top: needs a value'
run 2 --generate=10 top=0
told '^tp-graph: top=0: must be a number from 1 to 100$'
run 2 --generate=10 count=1
told '^tp-graph: count=1: takes no value$'
run 2 --threads=0 --generate=10 count
told '^tp-graph: --threads=0: must be a number from 1 to 64$'
run 2 --file="$work/none" count
told "^tp-graph: $work/none: No such file"
echo '{"statuses": [}' >"$work/bad"
run 2 --file="$work/bad" count
told "^tp-graph: $work/bad:1:15: expected a value"
good='{"id": 1, "user": {"id": 2, "screen_name": "a"}}'
while read -r id; do
    echo "{\"statuses\": [$good, {\"id\": $id, \"user\": {\"id\": 2, \"screen_name\": \"a\"}}]}" \
        >"$work/bad"
    run 2 --file=- count <"$work/bad"
    told '^tp-graph: -: status 2: "id" must be a whole number above 0$'
done <<'END'
-1
0
"1"
1.5
null
18446744073709551616
END
while read -r user; do
    echo "{\"statuses\": [$good, {\"id\": 3, \"user\": $user}]}" >"$work/bad"
    run 2 --file=- count <"$work/bad"
    told '^tp-graph: -: status 2: "user" must be an object with an "id" above 0 and a "screen_name"'
done <<'END'
7
null
["id", 2]
{}
{"screen_name": "b"}
{"id": "x", "screen_name": "b"}
{"id": 0, "screen_name": "b"}
{"id": -2, "screen_name": "b"}
{"id": 2}
{"id": 2, "screen_name": 5}
END
echo '{"statuses": [7]}' >"$work/bad"
run 2 --file="$work/bad" count
told 'status 1: "id" must be'
echo '{"statuses": [{"id": 1}]}' >"$work/bad"
run 2 --file="$work/bad" count
told 'status 1: "user" must be'
for text in '[]' '{}' '{"statuses": {}}' '{"statuses": null}'; do
    echo "$text" >"$work/bad"
    run 2 --file="$work/bad" count
    told 'no array "statuses"$'
done
"$program" --generate=10 count >/dev/full 2>"$work/err"
same "exit of a full disk" 1 $?
told 'standard output: '

# --- the page says the same ---

# said ITEM TEXT: the page has the text in that item
said() {
    awk -v item="$1" '/^\.(It|El)/ { on = index($0, item) } on' "$page" | tr '\n' ' ' |
        grep -Fq -e "$2" || fail "the page does not say of '$1': $2"
}

# figures: objects and bytes, from the line of a `collect` behind the cycle
figures() {
    sed -n 's/^after: \([0-9]*\) objects, \([0-9]*\) bytes, 0 users gone$/\1 \2/p'
}

# near NAME WANTED GOT: a twentieth apart at most
near() {
    apart=$((${3:-0} - ${2:-1}))
    [ $((${apart#-} * 20)) -le "${2:-1}" ] || fail "$1: the page has '$2', it is '$3'"
}

page=$here/../../man/tp-graph.1
for step in top drop mutate; do
    run 2 --generate=10 "$step=0"
    said "Cm $step Ns" "$(sed -n 's/.*from \(1 to [0-9]*\)$/\1/p' "$work/err")"
done
for option in generate seed threads; do
    run 2 "--$option=0"
    said "Fl -$option" "$(sed -n 's/.*from \(1 to [0-9]*\)$/\1/p' "$work/err")"
done
# its output is that of the command above it; sanitizers and options may change the figures
arguments=$(sed -n 's/^\$ tp-graph //p' "$page")
# shellcheck disable=SC2086
run 0 $arguments
same "the page's output" "$(grep '^added' "$page")" "$(grep '^added' "$work/out")"
# shellcheck disable=SC2046
set -- $(figures <"$page") $(figures <"$work/out")
near "objects after" "${1:-}" "${3:-}"
near "bytes after" "${2:-}" "${4:-}"

[ "$failures" -eq 0 ] && echo "all passed"
exit $((failures != 0))
