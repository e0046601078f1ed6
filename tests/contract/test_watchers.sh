#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Tools that watch a program see nothing wrong in a correct one that collects, and it loses nothing
# there: Valgrind, and AddressSanitizer where a function's variables lie in frames of its own
# (detect_stack_use_after_return=1). The program is compilers/watched.c; a library that was
# configured with AddressSanitizer is watched by that alone. TP_BUILD_DIR is the build tree.
set -u

here=$(cd "$(dirname "$0")" && pwd)
. "$here/library.sh"
flags=${TP_SANITIZE_FLAGS-}

# build COMPILER FLAG...: false where it has no such sanitizer
build() {
    rm -f "$work/watched"
    "$@" -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -I"$here/../../include" \
        "$sources/watched.c" -o "$work/watched" -L"$libraries" -ltidepool -pthread
}

# run WHAT COMMAND...
run() {
    what=$1
    shift
    runs=$((runs + 1))
    timeout 120 "$@" >"$work/output" 2>&1 </dev/null && return
    fail "$what: exit $?"
    head -40 "$work/output" >&2
}

# sanitized COMPILER FLAG...
sanitized() {
    have "$1" || return
    if ! echo 'int main(void) { return 0; }' | "$@" -x c - -o "$work/empty" 2>/dev/null; then
        echo "$*: not installed: skipped"
    elif build "$@"; then
        for other in scribble=1 scribble=1,stw=1 checkmark=1,wbcheck=1; do
            run "$* $other" env "TIDEPOOL=$other" "$work/watched"
        done
    else
        fail "$*: does not compile"
    fi
}

case $flags in
*thread*)
    echo "a library with ThreadSanitizer: skipped"
    exit 0
    ;;
*address*)
    # shellcheck disable=SC2086
    sanitized ${TP_CC:-cc} $flags
    ;;
*)
    for cc in gcc clang; do
        sanitized $cc -fsanitize=address
    done
    if grep -q -- -DTPI_VALGRIND=1 "$build/Makefile" && have valgrind && have cc; then
        build cc || fail "does not compile"
        for other in '' service=0 checkmark=1,wbcheck=1; do
            run "Valgrind ${other:-alone}" env "TIDEPOOL=$other" \
                valgrind -q --error-exitcode=9 --fair-sched=yes "$work/watched"
        done
    fi
    ;;
esac

echo "$runs runs, $failures failures"
[ $failures -eq 0 ]
