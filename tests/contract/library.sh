# SPDX-License-Identifier: BSD-2-Clause
# What tests that compile programs against the built library share; they source it with `here`,
# their own folder, set. TP_BUILD_DIR is the build tree (make check sets it).
# shellcheck shell=sh disable=SC2034,SC2154
build=${TP_BUILD_DIR:-$here/../../build}
libraries=$build/lib/.libs
sources=$here/compilers
work=$(mktemp -d "${TMPDIR:-/tmp}/tp-test.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
failures=0
runs=0

if [ ! -e "$libraries/libtidepool.so" ]; then
    echo "$libraries/libtidepool.so: not built" >&2
    exit 1
fi

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

have() {
    command -v "$1" >/dev/null && return 0
    echo "$1 is not installed: skipped"
    return 1
}
