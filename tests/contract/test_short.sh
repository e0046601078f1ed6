#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# No short name is missing: each function of the headers that have them is in <tidepool/short.h> or
# what it includes, without its prefix, and each of those is called in test_short.c.
set -u

here=$(cd "$(dirname "$0")" && pwd)
headers=$here/../../include/tidepool
failures=0
names=0

for family in arena:arena arena:scratch bytes:bytes bytes:view gc:gc pool:pool stats:memstats; do
    header=$headers/${family%%:*}.h
    family=${family#*:}
    found=$(grep -o "\\btp_${family}_[a-z0-9_]*(" "$header" | sed 's/^tp_//; s/($//' | sort -u)
    if [ -z "$found" ]; then
        echo "FAIL: $header has no tp_${family}_ function" >&2
        failures=$((failures + 1))
    fi
    for name in $found; do
        names=$((names + 1))
        for files in "$headers/short.h $headers/short_gc.h" "$here/test_short.c"; do
            # shellcheck disable=SC2086
            cat $files | grep -q "\\b$name(" && continue
            echo "FAIL: $name: not in $files" >&2
            failures=$((failures + 1))
        done
    done
done

echo "$names short names, $failures failures"
[ $failures -eq 0 ]
