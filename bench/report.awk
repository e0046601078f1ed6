# SPDX-License-Identifier: BSD-2-Clause
# Reads the raw lines that the programs print (key=value fields) and prints, by `mode`:
#   line   Go's benchmark line for each;
#   table  from rows.tsv and all raw lines, the table of ratios as Markdown; where `all` is not
#          "all", only the rows that were measured.
# For POSIX awk. Called by bench/run.

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

function camel(name,    i, n, part, text) {
    n = split(name, part, "_")
    for (i = 1; i <= n; i++)
        text = text toupper(substr(part[i], 1, 1)) substr(part[i], 2)
    return text
}

function print_go_line(    what) {
    what["pair"] = "GetPut"
    what["batch"] = "Get32Put32"
    what["many"] = "GetManyPutMany"
    what["pc"] = "ProducerConsumer"
    if (!(field["measurement"] in what))
        return
    printf "%-44s\t%10d\t%10.3f ns/op\t%8d B/op\t%4d allocs/op\n",
        "Benchmark" camel(field["subject"]) what[field["measurement"]] "/" \
        field["size"] "B-" field["threads"], field["n"], figure_of(), field["bytes"],
        field["allocs"]
}

function keep_raw(    round) {
    round = field["round"] + 0
    if (round > rounds)
        rounds = round
    figure[key, round] = figure_of()
    raw[key] = $0
    if (is_peer[field["subject"]] && !seen[key])
        peers_of[group] = peers_of[group] " " field["subject"]
    seen[key] = 1
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

# The median over the rounds of the ratio within a round.
function ratio_of(key, yardstick,    round, n) {
    split("", sample)
    for (round = 1; round <= rounds; round++)
        if ((key, round) in figure && (yardstick, round) in figure)
            sample[++n] = figure[key, round] / figure[yardstick, round]
    return n ? median(n) : ""
}

function group_of(key) {
    sub("/[^/]*$", "", key)
    return key
}

function subject_of(key) {
    sub("^.*/", "", key)
    return key
}

# Of the peers that were measured, the one with the lowest figure; only mallocs where `only` is set.
function best_of(group, only,    i, n, name, value, lowest, best) {
    n = split(peers_of[group], name, " ")
    for (i = 1; i <= n; i++) {
        if (only != "" && !is_malloc[name[i]])
            continue
        value = overall(group "/" name[i])
        if (best == "" || value < lowest) {
            best = name[i]
            lowest = value
        }
    }
    return best
}

function show_time(ns) {
    return ns + 0 >= 1000 ? sprintf("%.1f µs", ns / 1000) : sprintf("%.2f ns", ns)
}

function verdict(ratio, floor, goal) {
    ratio = sprintf("%.2f", ratio) + 0
    return ratio <= goal ? "goal" : ratio <= floor ? "floor" : "**missed**"
}

function print_row(title, ours, theirs, ratio, floor, goal, met, peer) {
    printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", title, ours, theirs, ratio, floor, goal,
        met, peer
}

# A row whose yardstick is the same subject elsewhere compares each peer with itself too.
function timed_row(title, ours, yardstick, floor, goal,    group, best, beside, peer, ratio) {
    group = group_of(ours)
    best = best_of(group, yardstick == "best" ? "malloc" : "")
    if (yardstick == "best")
        yardstick = group "/" best
    if (!seen[ours] || !seen[yardstick]) {
        print_row(title, "not measured", "", "", floor, goal, "", "")
        return
    }
    ratio = ratio_of(ours, yardstick)
    if (best != "") {
        beside = subject_of(ours) == subject_of(yardstick) ? group_of(yardstick) "/" best : yardstick
        peer = best " " sprintf("%.2f", ratio_of(group "/" best, beside))
    }
    print_row(title, show_time(overall(ours)), show_time(overall(yardstick)),
              sprintf("%.2f", ratio), floor, goal, verdict(ratio, floor, goal), peer)
}

# How much of the burst is still resident, in percent. Reads the raw line that `key` has.
function burst_left(key) {
    fields_of(raw[key])
    return (field["after"] - field["start"]) / 10485.76
}

function burst_row(title, ours, floor, goal,    i, n, name, left, lowest, best, shown, group_was) {
    if (!seen[ours]) {
        print_row(title, "not measured", "", "", floor, goal, "", "")
        return
    }
    group_was = group_of(ours)
    n = split(peers_of[group_was], name, " ")
    for (i = 1; i <= n; i++) {
        left = burst_left(group_was "/" name[i])
        if (best == "" || left < lowest) {
            best = name[i]
            lowest = left
        }
    }
    left = burst_left(ours)
    shown = sprintf("%.1f MiB, peak %.0f, after %.1f", field["start"] / 1024, field["peak"] / 1024,
                    field["after"] / 1024)
    print_row(title, shown, "1024 MiB", sprintf("+%.1f%%", left), "+" floor, "+" goal,
              verdict(left, floor + 0, goal + 0),
              best == "" ? "" : sprintf("%s %+.1f%%", best, lowest))
}

function holdup_note(key) {
    if (!seen[key])
        return
    fields_of(raw[key])
    printf "With %d idle objects: %d cycles of %s, %d more discarded (the thread hardly ran). " \
        "Longest hold-up %s (%s without a cycle), 99.9%% of gaps below %s, held up for %s in all " \
        "(%s without a cycle).\n", field["size"], field["n"], show_time(field["cycle"]),
        field["discarded"], show_time(field["median"]), show_time(field["quiet"]),
        show_time(field["p999"]), show_time(field["held"]), show_time(field["quiet_held"])
}

BEGIN {
    n = split("glibc jemalloc mimalloc tcmalloc", name, " ")
    for (i = 1; i <= n; i++)
        is_malloc[name[i]] = is_peer[name[i]] = 1
    n = split("rte_mempool go_sync_pool ck_stack mutex_list", name, " ")
    for (i = 1; i <= n; i++)
        is_peer[name[i]] = 1
    rows = 0
}

/^#/ || NF == 0 { next }
/\t/ { row[++rows] = $0; next }
{
    fields_of($0)
    if (mode == "line")
        print_go_line()
    else
        keep_raw()
}

END {
    if (mode == "line")
        exit
    print_row("measurement", "ours", "yardstick", "ratio", "floor", "goal", "met", "best peer")
    print "|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= rows; i++) {
        split(row[i], column, "\t")
        if (all != "all" && !seen[column[2]])
            continue
        if (column[3] == "burst")
            burst_row(column[1], column[2], column[4], column[5])
        else
            timed_row(column[1], column[2], column[3], column[4], column[5])
    }
    print ""
    holdup_note("holdup/100/2/pool")
    holdup_note("holdup/1000000/2/pool")
}
