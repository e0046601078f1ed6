#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What other compilers, C++ and more optimisation make of the inlined sequences: two C++ files that
# share inline functions link and run, a C++ plugin's static object may put while it is unloaded,
# and nothing is read of a pool ahead of a look whether it is NULL. And what they make of vectors,
# buffers and the collected heap: no warning, C++ too, and what may not compile does not; and no
# linker drops the table of barriers. The programs are in compilers/.
# TP_BUILD_DIR is the build tree (make check sets it).
set -u

here=$(cd "$(dirname "$0")" && pwd)
. "$here/library.sh"
if [ -n "${TP_SANITIZE_FLAGS-}" ]; then
    echo "a sanitized library, which other compilers' programs cannot use: skipped"
    exit 0
fi

# compile COMPILER ARGUMENT...: warnings are errors; the library comes last
compile() {
    "$@" -Wall -Wextra -Werror -I"$here/../../include" -L"$libraries" -ltidepool -pthread && return
    fail "does not compile or link: $*"
    return 1
}

# run WHAT PROGRAM ARGUMENT...
run() {
    what=$1
    shift
    runs=$((runs + 1))
    timeout 60 "$@" </dev/null || fail "$what: exit $?"
}

for cxx in g++ clang++; do
    have $cxx || continue
    # TP_POOL_DEFINE names the options that it has, and g++ misses the others.
    cc=gcc
    [ $cxx = g++ ] || cc=clang
    cxx="$cxx -std=c++17 -Wno-missing-field-initializers"
    for flags in -O0 -O2 '-O2 -ffunction-sections -Wl,--gc-sections' '-O2 -fPIE -pie'; do
        # shellcheck disable=SC2086
        compile $cxx $flags "$sources/units_one.cc" "$sources/units_two.cc" \
            -o "$work/units" && run "two units, $cxx $flags" "$work/units"
    done
    for flags in -O0 -O2; do
        # shellcheck disable=SC2086
        compile $cxx $flags -fPIC -shared "$sources/plugin.cc" -o "$work/plugin.so" &&
            compile $cc -std=c11 -D_GNU_SOURCE $flags "$sources/loader.c" -o "$work/loader" -ldl &&
            run "a plugin, $cxx $flags" "$work/loader" "$work/plugin.so"
    done
done

for cc in gcc clang; do
    have $cc || continue
    for flags in -O1 -O2 -O3 -Os '-O2 -flto'; do
        [ "$cc $flags" != 'clang -O2 -flto' ] || continue # its linker plugin is a package apart
        # shellcheck disable=SC2086
        compile $cc -std=c11 $flags "$sources/optional.c" -o "$work/optional" &&
            run "a pool that may be NULL, $cc $flags" "$work/optional"
    done
done

# without_warning PROGRAM COMPILER LANGUAGE STANDARD
without_warning() {
    for flags in -O0 -O1 -O2 -O3; do
        compile "$2" -x "$3" "-std=$4" $flags -Wpedantic -Wconversion -Wshadow \
            "$sources/$1.c" -o "$work/$1" &&
            run "$1, $2 -std=$4 $flags" "$work/$1"
    done
}

# refused PROGRAM COMPILER LANGUAGE USE: the control and then the use
refused() {
    for use in fine "$4"; do
        runs=$((runs + 1))
        if "$2" -x "$3" "-DUSE=$use" -Wall -Wextra -Werror -I"$here/../../include" -fsyntax-only \
            "$sources/$1_refused.c" 2>"$work/errors"; then
            [ "$use" = fine ] || fail "$2 compiles $use()"
        elif [ "$use" = fine ]; then
            cat "$work/errors"
            fail "$2 does not compile what is right"
        fi
    done
}

# sections FILE: the lines of its tables of barriers
sections() {
    readelf -SW "$1" | grep ' tp_detail_gc_table '
}

# keeps_its_table COMPILER LANGUAGE: flag R in the object, since lld drops what it lacks
keeps_its_table() {
    have readelf || return
    echo '#include <tidepool/gc.h>' | "$1" -x "$2" -I"$here/../../include" -E -dM - |
        grep -q ' TP_DETAIL_GC_BLOCKS ' || return # none on this processor
    runs=$((runs + 1))
    "$1" -x "$2" -O2 -ffunction-sections -I"$here/../../include" -c "$sources/collected.c" \
        -o "$work/collected.o"
    sections "$work/collected.o" | grep -Eq ' A[A-Za-z]*R[A-Za-z]* ' ||
        fail "the table of barriers has no flag R, $1"
    for linker in bfd gold lld; do
        have ld.$linker || continue
        compile "$1" -fuse-ld=$linker -Wl,--gc-sections "$work/collected.o" -o "$work/collected" &&
            run "collected, linked by $linker, $1" "$work/collected"
        sections "$work/collected" >/dev/null || fail "$linker drops the table of barriers, $1"
    done
}

# refused_in_one_line USE COMPILER LANGUAGE PATTERN: there is one error, and that says why
refused_in_one_line() {
    refused collected "$2" "$3" "$1"
    [ "$(grep -c 'error:' "$work/errors")" -eq 1 ] && grep -q "error:.*$4" "$work/errors" && return
    cat "$work/errors"
    fail "$2 does not say in one line what is wrong with $1()"
}

for pair in gcc:c clang:c g++:c++ clang++:c++; do
    compiler=${pair%%:*}
    language=${pair#*:}
    have "$compiler" || continue
    standards='c11 c17'
    [ "$language" = c ] || standards=c++17
    for standard in $standards; do
        without_warning vectors "$compiler" "$language" "$standard"
        without_warning buffers "$compiler" "$language" "$standard"
        without_warning collected "$compiler" "$language" "$standard"
    done
    keeps_its_table "$compiler" "$language"
    for use in push_on_view append_to_view reserve_view free_view push_on_constant push_word \
        append_words reserve_giants; do
        refused vectors "$compiler" "$language" $use
    done
    for use in store_another store_number exchange_another cas_another cas_from_another \
        move_another name_no_member name_unaligned; do
        refused collected "$compiler" "$language" $use
    done
    for use in name_25 name_32; do
        refused_in_one_line $use "$compiler" "$language" 'more than 24 members'
    done
    if [ "$language" = c ]; then
        refused vectors "$compiler" "$language" reserve_nones # of C++'s each has a byte
    else
        refused vectors "$compiler" "$language" push_owner
    fi
done
for flags in -O0 -O2; do
    compile gcc -std=c11 -fanalyzer $flags "$sources/vectors.c" -o "$work/vectors" &&
        run "vectors, analysed, $flags" "$work/vectors"
done

echo "$runs runs, $failures failures"
[ $failures -eq 0 ] && [ $runs -gt 0 ]
