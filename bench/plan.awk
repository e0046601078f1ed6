# SPDX-License-Identifier: BSD-2-Clause
# From rows.tsv and plan.tsv, one line a run, in order, of what is to be run `when`:
# line measurement size threads program subject operations.
#
# mallocs: what @ stands for; missing: programs that are not there; unmeasured: groups to leave out;
# filter: what to run, with the yardsticks of the rows that it leaves. For POSIX awk; fields are
# separated by tabs. Called by bench/run.

BEGIN {
    n = split(missing, name, " ")
    for (i = 1; i <= n; i++)
        is_missing[name[i]] = 1
}

/^#/ || NF == 0 { next }

# A row: what it is held against is measured with it.
FNR == NR {
    n = split($3, word, " ")
    if ($2 ~ filter)
        wanted[word[n]] = 1
    next
}

$6 != when { next }

{
    sizes = split($3, size, ",")
    counts = split($4, count, ",")
    programs = split($7, program, " ")
    for (t = 1; t <= counts; t++)
        for (s = 1; s <= sizes; s++)
            group($1 "/" size[s] "/" count[t])
}

function group(name,    p, i, n, subject, part) {
    if (name ~ unmeasured)
        return
    for (p = 1; p <= programs; p++) {
        split(program[p], part, ":")
        if (is_missing[part[1]])
            continue
        n = split(part[2] == "@" ? mallocs : part[2], subject, ",")
        for (i = 1; i <= n; i++) {
            key = name "/" subject[i]
            if (key ~ filter || key in wanted)
                print $2, $1, size[s], count[t], part[1], subject[i], $5
        }
    }
}
