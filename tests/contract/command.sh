# SPDX-License-Identifier: BSD-2-Clause
# What the tests of the examples' commands share; they source it with `command`, the program's name,
# and `program`, its path, set. TP_BUILD_DIR is the build tree (make check sets it); TP_DATA_DIR is
# a folder with real inputs.
# shellcheck shell=sh disable=SC2154
LC_ALL=C
export LC_ALL

build=${TP_BUILD_DIR:-.}
data=${TP_DATA_DIR:-$here/../../../shared/data}
work=$(mktemp -d "${TMPDIR:-/tmp}/tp-test.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

# built FILE...: each can be run
built() {
    for file; do
        [ -x "$file" ] && continue
        echo "$file: not built" >&2
        exit 1
    done
}

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

# same NAME WANTED GOT
same() {
    [ "$2" = "$3" ] || fail "$1: wanted '$2', got '$3'"
}

# run STATUS ARGUMENT...: the program, its stdout in $work/out and its stderr in $work/err
run() {
    wanted=$1
    shift
    "$program" "$@" >"$work/out" 2>"$work/err"
    status=$?
    [ "$status" -eq "$wanted" ] ||
        fail "$command $*: exit $status, not $wanted: $(head -n 3 "$work/err")"
}

# told PATTERN: the last run's stderr has it
told() {
    grep -Eq -e "$1" "$work/err" || fail "stderr lacks '$1': $(head -n 3 "$work/err")"
}
