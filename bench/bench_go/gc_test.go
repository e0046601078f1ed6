// SPDX-License-Identifier: BSD-2-Clause

package bench_go

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The collector's side of bench/gc: the same workloads, each in a process of its own, which prints
// one line of key=value fields. BENCH_GC says which: "measurement size threads".
// A size is a number and what it is of.

type tree struct{ left, right *tree }

type node struct {
	left, right *node
	i, j        int32
}

type brief struct {
	next  *brief
	words [5]uint64
}

func treeMake(depth uint, w *watch) *tree {
	if depth == 0 {
		t := &tree{}
		w.look()
		return t
	}
	left := treeMake(depth-1, w)
	right := treeMake(depth-1, w)
	t := &tree{left, right}
	w.look()
	return t
}

func (t *tree) count() uint64 {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.count() + t.right.count()
}

func treeMakeAndDrop(depth uint, w *watch) {
	w.resume()
	if n := treeMake(depth, w).count(); n != 2<<depth-1 {
		panic(fmt.Sprint("a tree of depth ", depth, " has ", n, " nodes"))
	}
}

func trees(depth uint, w *watch) {
	treeMakeAndDrop(depth+1, w)
	w.resume()
	longest := treeMake(depth, w)
	for d := uint(4); d <= depth; d += 2 {
		for n := 1 << (depth - d + 4); n > 0; n-- {
			treeMakeAndDrop(d, w)
		}
	}
	longest.count()
}

func nodeNew(w *watch) *node {
	n := &node{}
	w.look()
	return n
}

func (n *node) populate(depth uint, w *watch) {
	if depth == 0 {
		return
	}
	n.left = nodeNew(w)
	n.right = nodeNew(w)
	n.left.populate(depth-1, w)
	n.right.populate(depth-1, w)
}

func nodeTree(depth uint, w *watch) *node {
	if depth == 0 {
		return nodeNew(w)
	}
	left := nodeTree(depth-1, w)
	right := nodeTree(depth-1, w)
	n := nodeNew(w)
	n.left, n.right = left, right
	return n
}

var nodeSink *node

func gcbench(w *watch) {
	nodeTree(18, w)
	w.resume()
	kept := nodeNew(w)
	kept.populate(16, w)
	array := make([]float64, 500000)
	for i := 0; i < len(array)/2; i++ {
		array[i] = 1 / float64(i+1)
	}
	for depth := uint(4); depth <= 16; depth += 2 {
		times := 2 << (18 - depth)
		for i := 0; i < times; i++ {
			w.resume()
			nodeNew(w).populate(depth, w)
		}
		for i := 0; i < times; i++ {
			w.resume()
			nodeTree(depth, w)
		}
	}
	if kept.left == nil || array[1000] != 1.0/1001 {
		panic("what was long-lived is not what it was")
	}
}

var briefHeld [32]*brief

func shortLived(n int) {
	var held [32]*brief
	for i := 0; i < n; i += len(held) {
		for j := range held {
			held[j] = new(brief)
			held[j].words[0] = uint64(i)
		}
		if i < 0 {
			briefHeld = held // so that they are not on the stack
		}
	}
}

func cpuTime() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func peakKiB() int {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			kib, _ := strconv.Atoi(fields[1])
			return kib
		}
	}
	return 0
}

// inGoroutines runs f in so many at a time.
func inGoroutines(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := 0; i < n; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			f(i)
		}(i)
	}
	all.Wait()
}

func runTrees(measurement string, size, threads int) (float64, string) {
	held := strings.HasSuffix(measurement, "_held")
	watches := make([]*watch, threads)
	begin := time.Now()
	inGoroutines(threads, func(i int) {
		if held {
			watches[i] = newWatch()
		}
		if strings.HasPrefix(measurement, "trees") {
			trees(uint(size), watches[i])
		} else {
			gcbench(watches[i])
		}
	})
	wall := float64(time.Since(begin))
	if !held {
		return wall, ""
	}
	for _, w := range watches[1:] {
		watches[0].add(w)
	}
	return float64(watches[0].longest),
		fmt.Sprintf(" p9999=%d wall=%.0f", watches[0].part(0.9999), wall)
}

func runBrief() (float64, string) {
	const n = 50000000
	cpu, begin := cpuTime(), time.Now()
	shortLived(n)
	return float64(cpuTime()-cpu) / n, fmt.Sprintf(" wall=%.4f", float64(time.Since(begin))/n)
}

func TestCollector(t *testing.T) {
	var measurement, sized, extra string
	var size, threads int
	var figure float64
	if n, _ := fmt.Sscan(os.Getenv("BENCH_GC"), &measurement, &sized, &threads); n != 3 {
		t.Skip("BENCH_GC names no measurement")
	}
	fmt.Sscanf(sized, "%d", &size)
	switch {
	case measurement == "brief":
		figure, extra = runBrief()
	case measurement == "live":
		figure, extra = runLive(size, threads)
	default:
		figure, extra = runTrees(measurement, size, threads)
	}
	var stats debug.GCStats
	var memory runtime.MemStats
	stats.PauseQuantiles = make([]time.Duration, 2)
	debug.ReadGCStats(&stats)
	runtime.ReadMemStats(&memory)
	fmt.Printf("measurement=%s size=%s threads=%d subject=go n=1 min=%.4f%s",
		measurement, sized, threads, figure, extra)
	fmt.Printf(" cpu=%d peak=%d cycles=%d told=%d\n",
		cpuTime(), peakKiB(), memory.NumGC, stats.PauseQuantiles[1].Nanoseconds())
}

func store(slots []*brief, object *brief, n int) {
	for i := 0; i < n; i++ {
		slots[i%1024] = object
	}
}

// BenchmarkGCStore has the loop of bench/gc/store.c: no cycle runs.
func BenchmarkGCStore(b *testing.B) {
	b.Run("48/1", func(b *testing.B) {
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
		slots := make([]*brief, 1024)
		inThreads(b, 1, func(n int) { store(slots, new(brief), n) })
	})
}
