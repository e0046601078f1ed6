# SPDX-License-Identifier: BSD-2-Clause
# Prints what figures.awk makes of the raw lines, by `mode`:
#   line   Go's benchmark line for each;
#   table  from rows.tsv and all raw lines, the table of ratios as Markdown; where `all` is not
#          "all", only the rows that were measured.
# For POSIX awk. Called by bench/run.

/^#/ || NF == 0 { next }
/\t/ { row[++rows] = $0; next }
{
    fields_of($0)
    if (mode == "line")
        print_go_line()
    else
        keep_raw()
}

# ns/op, then MB/s or lines/s, B/op and allocs/op where they were measured.
function print_go_line(    size) {
    if (!("min" in field))
        return
    size = field["size"] (field["size"] ~ /^[0-9]+$/ ? "B" : "")
    printf "%-48s\t%10d\t%10.3f ns/op",
        "Benchmark" field["line"] "/" size "/" field["subject"] "-" field["threads"], field["n"],
        figure_of()
    if ("work" in field)
        printf "\t%8.2f MB/s", rate_of(field["work"])
    if (field["measurement"] == "log" && field["subject"] != "compute")
        printf "\t%10.0f lines/s", 1e9 / figure_of()
    if ("allocs" in field)
        printf "\t%8d B/op\t%4d allocs/op", field["bytes"], field["allocs"]
    print ""
}

function rate_of(work) {
    return work * 1000 / figure_of()
}

function show_time(ns) {
    if (ns + 0 >= 1e6)
        return sprintf("%.2f ms", ns / 1e6)
    return ns + 0 >= 1000 ? sprintf("%.1f µs", ns / 1000) : sprintf("%.2f ns", ns)
}

# A key's time, and how much it worked through where that was told.
function show(key,    ns) {
    ns = overall(key)
    fields_of(raw[key])
    return show_time(ns) ("work" in field ? sprintf(", %.0f MB/s", field["work"] * 1000 / ns) : "")
}

function verdict(ratio, floor, goal) {
    ratio = sprintf("%.2f", ratio) + 0
    return ratio <= goal ? "goal" : ratio <= floor ? "floor" : "**missed**"
}

function print_row(title, ours, theirs, ratio, floor, goal, met, peer) {
    printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", title, ours, theirs, ratio, floor, goal,
        met, peer
}

function print_unmeasured(title, floor, goal) {
    print_row(title, "not measured", "", "", floor, goal, "", "")
}

# A goal that is a subject is reached where we take no longer than that, whatever the ratio.
function goal_of(ours, goal,    ratio) {
    if (goal !~ "/")
        return goal
    ratio = seen[goal] ? sprintf("%.2f", ratio_of(ours, goal)) : ""
    goal_met = ratio != "" && ratio <= 1
    return subject_of(goal) (ratio == "" ? "" : " (" ratio ")")
}

# A row whose yardstick is the same subject elsewhere compares each peer with itself too.
function timed_row(title, ours, yardstick, floor, goal,    group, best, beside, peer, ratio, met) {
    group = group_of(ours)
    best = best_of(group, yardstick == "best malloc" ? "malloc" : "peer")
    if (yardstick ~ /^best /)
        yardstick = group "/" best_of(group, substr(yardstick, 6))
    if (!seen[ours] || !seen[yardstick]) {
        print_unmeasured(title, floor, subject_of(goal))
        return
    }
    ratio = ratio_of(ours, yardstick)
    if (best != "") {
        beside = subject_of(ours) == subject_of(yardstick) ? group_of(yardstick) "/" best : yardstick
        peer = best " " sprintf("%.2f", ratio_of(group "/" best, beside))
    }
    goal_met = 0
    goal = goal_of(ours, goal)
    met = goal_met ? "goal" : verdict(ratio, floor, goal ~ /[a-z]/ ? -1 : goal + 0)
    print_row(title, show(ours), show(yardstick), sprintf("%.2f", ratio), floor, goal, met, peer)
}

# How much of the burst is still resident, in percent. Reads the raw line that `key` has.
function burst_left(key) {
    fields_of(raw[key])
    return (field["after"] - field["start"]) / 10485.76
}

function burst_row(title, ours, floor, goal,    i, n, name, left, lowest, best, shown, group_was) {
    if (!seen[ours]) {
        print_unmeasured(title, floor, goal)
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

function allocations(key) {
    fields_of(raw[key])
    return field["allocs"] + 0
}

function allocations_row(title, ours, yardstick, floor, goal,    n, theirs, percent) {
    if (!seen[ours] || !seen[yardstick]) {
        print_unmeasured(title, floor, goal)
        return
    }
    n = allocations(ours)
    theirs = allocations(yardstick)
    percent = 100 * n / theirs
    if (n > 0 && percent < 0.01)
        percent = 0.01 # a goal of none at all is not reached by rounding
    print_row(title, sprintf("%.0f", n), sprintf("%.0f (%s)", theirs, subject_of(yardstick)),
              sprintf("%.2f%%", percent), floor, goal, verdict(percent, floor + 0, goal + 0), "")
}

# The more the better: floor and goal are what must be reached, not what may be taken.
function speedup_row(title, ours, yardstick, floor, goal,    ratio) {
    if (speedup_of(ours, "") == "" || speedup_of(yardstick, "") == "") {
        print_unmeasured(title, floor, goal)
        return
    }
    ratio = sprintf("%.2f", speedup_of(ours, yardstick))
    print_row(title, sprintf("%.2f x", speedup_of(ours, "")),
              sprintf("%.2f x", speedup_of(yardstick, "")), ratio, floor, goal,
              ratio + 0 >= goal ? "goal" : ratio + 0 >= floor ? "floor" : "**missed**", "")
}

# The larger and the smaller of two subjects' peaks are floor and goal.
function peak_row(title, ours, keys,    key, mine, larger, smaller, i, peak) {
    split(keys, key, " ")
    if (!seen[ours] || !seen[key[1]] || !seen[key[2]]) {
        print_unmeasured(title, "larger of two", "smaller")
        return
    }
    mine = overall_peak(ours)
    for (i = 1; i <= 2; i++) {
        peak = overall_peak(key[i])
        larger = i == 1 || peak > larger ? peak : larger
        smaller = i == 1 || peak < smaller ? peak : smaller
    }
    print_row(title, show_mib(mine), show_mib(larger), sprintf("%.2f", mine / larger), "1.0",
              sprintf("%.2f", smaller / larger), verdict(mine / larger, 1, smaller / larger),
              best_peak(group_of(ours)))
}

function raw_field(key, name) {
    fields_of(raw[key])
    return field[name] + 0
}

function show_mib(kib) {
    return sprintf("%.1f MiB", kib / 1024)
}

# Of those that have a collector.
function best_peak(group,    i, n, name, peak, lowest, best) {
    n = split(peers_of[group], name, " ")
    for (i = 1; i <= n; i++) {
        peak = overall_peak(group "/" name[i])
        if (!is_malloc[name[i]] && (best == "" || peak < lowest)) {
            best = name[i]
            lowest = peak
        }
    }
    return best == "" ? "" : best " " show_mib(lowest)
}

# Wall beside it, and what the machine makes of threads that do nothing, or touch fresh pages: what
# counts is the whole all the same.
function beside_held(ours,    spin, fresh) {
    spin = raw_field(ours, "spin_cpu")
    fresh = raw_field(ours, "fresh_cpu")
    return ", wall " show_time(overall(ours)) "; control " show_time(spin) ", fresh pages " \
        show_time(fresh)
}

function limit_row(title, ours, name, floor, goal,    mine, best, group) {
    if (!seen[ours]) {
        print_unmeasured(title, show_time(floor), show_time(goal))
        return
    }
    mine = raw_field(ours, name)
    group = group_of(ours)
    best = name == "held_cpu" ? best_of(group, "bdwgc go") : ""
    print_row(title, show_time(mine) (name == "held_cpu" ? beside_held(ours) : ""),
              "", "", show_time(floor), show_time(goal),
              mine <= goal + 0 ? "goal" : mine <= floor + 0 ? "floor" : "**missed**",
              best == "" ? "" : best " " show_time(overall(group "/" best)) " wall")
}

# `mine` and `theirs` are figures of the raw lines of two keys, which may be one.
function fields_row(title, ours, mine, key, theirs, floor, goal,    a, b) {
    if (!seen[ours] || !seen[key]) {
        print_unmeasured(title, floor, goal)
        return
    }
    a = raw_field(ours, mine)
    b = raw_field(key, theirs)
    print_row(title, show_time(a), show_time(b), sprintf("%.2f", a / b), floor, goal,
              verdict(a / b, floor, goal), "")
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

# Every subject's time, also of those that no row compares.
function print_group(group,    i, n, name, text) {
    n = split(subjects_of[group], name, " ")
    for (i = 1; i <= n; i++)
        text = text (i > 1 ? ", " : "") name[i] " " show_time(overall(group "/" name[i]))
    printf "| %s | %s |\n", group, text
}

function any_row(title, ours, yardstick, floor, goal,    word) {
    split(yardstick, word, " ")
    if (yardstick == "burst")
        burst_row(title, ours, floor, goal)
    else if (sub(/^allocs /, "", yardstick))
        allocations_row(title, ours, yardstick, floor, goal)
    else if (sub(/^peak /, "", yardstick))
        peak_row(title, ours, yardstick)
    else if (word[1] == "limit")
        limit_row(title, ours, word[2], floor, goal)
    else if (word[1] == "within")
        fields_row(title, ours, word[2], ours, word[3], floor, goal)
    else if (word[1] == "field")
        fields_row(title, ours, word[2], word[3], word[2], floor, goal)
    else if (sub(/^speedup /, "", yardstick))
        speedup_row(title, ours, yardstick, floor, goal)
    else
        timed_row(title, ours, yardstick, floor, goal)
}

END {
    if (mode == "line")
        exit
    print_row("measurement", "ours", "yardstick", "ratio", "floor", "goal", "met", "best peer")
    print "|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= rows; i++) {
        split(row[i], column, "\t")
        if (all == "all" || seen[column[2]])
            any_row(column[1], column[2], column[3], column[4], column[5])
    }
    print ""
    holdup_note("holdup/100/2/pool")
    holdup_note("holdup/1000000/2/pool")
    print "\n| measured | times |\n|---|---|"
    for (i = 1; i <= groups_n; i++)
        if (groups[i] !~ /^(holdup|burst)/)
            print_group(groups[i])
}
