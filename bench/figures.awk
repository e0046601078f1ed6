# SPDX-License-Identifier: BSD-2-Clause
# What the raw lines (key=value fields) come to: reads them, keeps each round's figure, and forms
# medians and ratios. A key is measurement/size/threads/subject, a group the same without subject.
# For POSIX awk; report.awk stands on it.

BEGIN {
    set_of(is_malloc, "glibc jemalloc mimalloc tcmalloc")
    set_of(no_peer, "pool pool_define heap sol return arena bump bump_ahead vec array array_known " \
        "bytes memcpy tidepool tidepool_fresh logparse compute plain")
}

function set_of(set, names,    i, n, name) {
    n = split(names, name, " ")
    for (i = 1; i <= n; i++)
        set[name[i]] = 1
}

function fields_of(line,    i, n, part, at) {
    split("", field)
    n = split(line, part, " ")
    for (i = 1; i <= n; i++) {
        at = index(part[i], "=")
        field[substr(part[i], 1, at - 1)] = substr(part[i], at + 1)
    }
    group = field["measurement"] "/" field["size"] "/" field["threads"]
    key = group "/" field["subject"]
}

# The smallest slice; where two threads hand over, which luck can speed up, the lower quartile.
function figure_of() {
    if (field["measurement"] == "pc")
        return field["quartile"] + 0
    return (field["measurement"] == "holdup" ? field["median"] : field["min"]) + 0
}

function keep_raw(    round) {
    round = field["round"] + 0
    if (round > rounds)
        rounds = round
    figure[key, round] = figure_of()
    peak_of[key, round] = field["peak"]
    raw[key] = $0
    if (seen[key])
        return
    seen[key] = 1
    if (!(group in subjects_of))
        groups[++groups_n] = group
    subjects_of[group] = subjects_of[group] " " field["subject"]
    if (!(field["subject"] in no_peer))
        peers_of[group] = peers_of[group] " " field["subject"]
}

# Median of sample[1..n].
function median(n,    i, j, value) {
    for (i = 2; i <= n; i++) {
        value = sample[i]
        for (j = i - 1; j >= 1 && sample[j] > value; j--)
            sample[j + 1] = sample[j]
        sample[j + 1] = value
    }
    return n % 2 ? sample[(n + 1) / 2] : (sample[n / 2] + sample[n / 2 + 1]) / 2
}

# The median over the rounds of a key's figure.
function overall(key,    round, n) {
    split("", sample)
    for (round = 1; round <= rounds; round++)
        if ((key, round) in figure)
            sample[++n] = figure[key, round]
    return n ? median(n) : ""
}

# The same of its peak of resident memory, which hangs on when cycles happened to begin.
function overall_peak(key,    round, n) {
    split("", sample)
    for (round = 1; round <= rounds; round++)
        if ((key, round) in figure)
            sample[++n] = peak_of[key, round] + 0
    return n ? median(n) : ""
}

# The median over the rounds of the ratio within a round.
function ratio_of(key, yardstick,    round, n) {
    split("", sample)
    for (round = 1; round <= rounds; round++)
        if ((key, round) in figure && (yardstick, round) in figure)
            sample[++n] = figure[key, round] / figure[yardstick, round]
    return n ? median(n) : ""
}

# What a key gains from its second thread, held against what another one does in the same round;
# without another, by itself.
function speedup_of(key, yardstick,    round, n, one, gain) {
    split("", sample)
    one = with_one_thread(key)
    for (round = 1; round <= rounds; round++) {
        if (!((key, round) in figure) || !((one, round) in figure))
            continue
        gain = figure[one, round] / figure[key, round]
        if (yardstick != "")
            gain /= figure[with_one_thread(yardstick), round] / figure[yardstick, round]
        sample[++n] = gain
    }
    return n ? median(n) : ""
}

function with_one_thread(key) {
    sub("/2/", "/1/", key)
    return key
}

function group_of(key) {
    sub("/[^/]*$", "", key)
    return key
}

function subject_of(key) {
    sub("^.*/", "", key)
    return key
}

# Of the group's peers that were measured, the one with the lowest figure. `which`: "peer" for all,
# "malloc" for those, or names.
function best_of(group, which,    i, n, name, chosen, value, lowest, best) {
    set_of(chosen, which)
    n = split(peers_of[group], name, " ")
    for (i = 1; i <= n; i++) {
        if (which == "malloc" ? !is_malloc[name[i]] : which != "peer" && !(name[i] in chosen))
            continue
        value = overall(group "/" name[i])
        if (best == "" || value < lowest) {
            best = name[i]
            lowest = value
        }
    }
    return best
}
