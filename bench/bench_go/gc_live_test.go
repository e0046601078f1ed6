// SPDX-License-Identifier: BSD-2-Clause

package bench_go

import (
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"
	_ "unsafe" // for linkname
)

//go:linkname nanotime runtime.nanotime
func nanotime() int64

const (
	steps    = 8
	nodeSize = 48
)

// watch is bench/gc/subject.h's: the longest time between two looks at the clock.
type watch struct {
	before, longest int64
	gaps            [64 * steps]uint64
}

func newWatch() *watch { return &watch{before: nanotime()} }

// resume goes on: what was done since the last look was not the collector's.
func (w *watch) resume() {
	if w != nil {
		w.before = nanotime()
	}
}

func (w *watch) look() {
	if w == nil {
		return
	}
	now := nanotime()
	gap := now - w.before
	w.before = now
	doubling := 63 - bits.LeadingZeros64(uint64(gap)|steps)
	w.gaps[doubling*steps+int(gap>>(doubling-3))%steps]++
	if gap > w.longest {
		w.longest = gap
	}
}

func (w *watch) add(other *watch) {
	for i := range w.gaps {
		w.gaps[i] += other.gaps[i]
	}
	if other.longest > w.longest {
		w.longest = other.longest
	}
}

// part returns below which of the gaps a part of them is.
func (w *watch) part(part float64) int64 {
	var total, seen uint64
	for _, n := range w.gaps {
		total += n
	}
	for i, n := range w.gaps {
		if seen += n; float64(seen) >= part*float64(total) && total > 0 {
			return int64(i%steps+steps+1) << (i/steps - 3)
		}
	}
	return 0
}

type live struct {
	link  [2]*live
	words [4]uint64
}

const (
	idle = iota
	cycling
	phases
)

type mutator struct {
	seed           uint64
	stores, allocs [phases]watch
}

func (m *mutator) random() uint64 {
	m.seed ^= m.seed << 13
	m.seed ^= m.seed >> 7
	m.seed ^= m.seed << 17
	return m.seed
}

func (m *mutator) below(n int) uint64 {
	high, _ := bits.Mul64(m.random(), uint64(n))
	return high
}

func (m *mutator) step(table []*live, phase int32) {
	random := m.random()
	slot := &table[m.below(len(table))]
	other, node := table[m.below(len(table))], *slot
	if random%4 != 0 {
		w := &m.stores[phase]
		w.before = nanotime()
		node.link[random>>63] = other
		w.look()
		return
	}
	w := &m.allocs[phase]
	w.before = nanotime()
	node = new(live)
	w.look()
	node.link[0] = other
	*slot = node
}

func liveBuild(n int) []*live {
	m := mutator{seed: 0x9e3779b97f4a7c15}
	table := make([]*live, n)
	for i := range table {
		table[i] = new(live)
	}
	for _, node := range table {
		for j := range node.link {
			node.link[j] = table[m.below(n)]
		}
	}
	return table
}

// markCost is the processor time of a cycle that has the machine to itself, for each MiB of nodes.
func markCost(mib float64) float64 {
	const cycles = 3
	runtime.GC()
	cpu := cpuTime()
	for i := 0; i < cycles; i++ {
		runtime.GC()
	}
	return float64(cpuTime()-cpu) / cycles / mib
}

func numGC() uint32 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.NumGC
}

func runLive(mib, threads int) (float64, string) {
	if scaled, err := strconv.Atoi(os.Getenv("BENCH_LIVE_MIB")); err == nil {
		mib = scaled
	}
	var phase int32
	n := mib << 20 / nodeSize
	table := liveBuild(n)
	mark := markCost(float64(mib))
	mutators := make([]mutator, threads)
	done := make(chan bool)
	debug.SetGCPercent(-1)
	go func() {
		inGoroutines(threads, func(i int) {
			mutators[i].seed = uint64(i + 1)
			for now := int32(idle); now != phases; now = atomic.LoadInt32(&phase) {
				mutators[i].step(table, now)
			}
		})
		done <- true
	}()
	time.Sleep(time.Second)
	debug.SetGCPercent(100)
	atomic.StoreInt32(&phase, cycling)
	for first, begin := numGC(), time.Now(); numGC() < first+4 && time.Since(begin) < 10*time.Second; {
		runtime.GC()
	}
	atomic.StoreInt32(&phase, phases)
	<-done
	var all, stores, allocs, quiet watch
	for i := range mutators {
		stores.add(&mutators[i].stores[cycling])
		allocs.add(&mutators[i].allocs[cycling])
		quiet.add(&mutators[i].allocs[idle])
	}
	all.add(&stores)
	all.add(&allocs)
	runtime.KeepAlive(table)
	return float64(all.longest), fmt.Sprintf(
		" p999=%d alloc_p9999=%d idle_p9999=%d mark_cpu=%.0f alloc_longest=%d idle_longest=%d",
		all.part(0.999), allocs.part(0.9999), quiet.part(0.9999), mark, allocs.longest, quiet.longest)
}
