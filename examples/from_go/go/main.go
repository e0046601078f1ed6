// SPDX-License-Identifier: BSD-2-Clause

// The Go side of docs/FROM_GO.md: runs each idiom as it is first written and as the advice has it,
// and prints the page's figures, a line a pair. Each half runs a few times with the collector off,
// and the run with the fewest allocations counts, so that what the runtime itself allocates now and
// then stays out. Maps are seeded at random: of them it prints a mean, to two digits. Go 1.19's
// figures stand in the page; another version's may differ.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

type pair struct {
	name          string
	before, after func() uint64
}

var pairs = []pair{
	{"make", makeBefore, makeAfter},
	{"append", appendBefore, appendAfter},
	{"slice", sliceBefore, sliceAfter},
	{"reset", resetBefore, resetAfter},
	{"leaky", leakyBefore, leakyAfter},
	{"clip", clipBefore, clipAfter},
	{"convert", convertBefore, convertAfter},
	{"view", viewBefore, viewAfter},
	{"concat", concatBefore, concatAfter},
	{"format", formatBefore, formatAfter},
	{"pool", poolBefore, poolAfter},
	{"huge", hugeBefore, hugeAfter},
	{"map", mapBefore, mapAfter},
	{"escape", escapeBefore, escapeAfter},
	{"boxing", boxingBefore, boxingAfter},
	{"scratch", scratchBefore, scratchAfter},
	{"defer", deferBefore, deferAfter},
	{"request", requestBefore, requestAfter},
}

type figures struct {
	result, allocations, bytes, held uint64
	rounded                          bool
}

var held uint64

// hold says how many bytes the running half holds at the point that its pair is about.
func hold(bytes uint64) { held = bytes }

func once(half func() uint64) figures {
	var start, end runtime.MemStats
	held = 0
	runtime.ReadMemStats(&start)
	result := half()
	runtime.ReadMemStats(&end)
	return figures{result, end.Mallocs - start.Mallocs, end.TotalAlloc - start.TotalAlloc, held,
		false}
}

func twoDigits(number uint64) uint64 {
	unit := uint64(1)
	for number/unit >= 100 {
		unit *= 10
	}
	return (number + unit/2) / unit * unit
}

// mean lets the collector work, or it would need half a gigabyte.
func mean(half func() uint64) figures {
	const runs = 4000
	debug.SetGCPercent(100)
	defer debug.SetGCPercent(-1)
	all := once(func() (result uint64) {
		for i := 0; i < runs; i++ {
			result = half()
		}
		return
	})
	all.allocations = twoDigits((all.allocations + runs/2) / runs)
	all.bytes = twoDigits((all.bytes + runs/2) / runs)
	all.rounded = true
	return all
}

func measure(half func() uint64) figures {
	var least figures
	half()
	for i := 0; i < 5; i++ {
		run := once(half)
		if i == 0 || run.allocations < least.allocations ||
			run.allocations == least.allocations && run.bytes < least.bytes {
			least = run
		}
	}
	return least
}

func commas(number uint64) string {
	if number < 1000 {
		return strconv.FormatUint(number, 10)
	}
	return fmt.Sprintf("%s,%03d", commas(number/1000), number%1000)
}

func (f figures) String() string {
	plural := "s"
	if f.allocations == 1 {
		plural = ""
	}
	about := ""
	if f.rounded {
		about = "about "
	}
	text := fmt.Sprintf("%s%s allocation%s, %s B", about, commas(f.allocations), plural,
		commas(f.bytes))
	if f.held != 0 {
		text += fmt.Sprintf("; %s B held", commas(f.held))
	}
	return text
}

func main() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	if !overwrite() {
		fmt.Fprintln(os.Stderr, "an append to a part of a slice did not write behind it")
		os.Exit(1)
	}
	for _, pair := range pairs {
		count := measure
		if pair.name == "map" {
			count = mean
		}
		before, after := count(pair.before), count(pair.after)
		if before.result != after.result {
			fmt.Fprintf(os.Stderr, "%s: before gives %d, after %d\n", pair.name, before.result,
				after.result)
			os.Exit(1)
		}
		fmt.Printf("- Go `%s`: %v → %v\n", pair.name, before, after)
	}
}
