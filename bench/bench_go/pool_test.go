// SPDX-License-Identifier: BSD-2-Clause

// Package bench_go runs Go's side of what bench/run measures, one benchmark a measurement:
// Benchmark<line>/<size>/<threads>. This file has the loops of bench/pool/loops.h on sync.Pool;
// ns/op is per get and put pair of one thread, as there.
package bench_go

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	batch     = 32
	ringSlots = 512
)

// The first word is what the loops touch.
type block64 struct{ words [8]uint64 }
type block1024 struct{ words [128]uint64 }

type block interface{ block64 | block1024 }

func (b *block64) first() *uint64   { return &b.words[0] }
func (b *block1024) first() *uint64 { return &b.words[0] }

type object[T block] interface {
	*T
	first() *uint64
}

func newPool[T block]() *sync.Pool {
	return &sync.Pool{New: func() any { return new(T) }}
}

func pair[T block, P object[T]](pool *sync.Pool, n int) {
	for i := 0; i < n; i++ {
		object := pool.Get().(P)
		*object.first() = uint64(i)
		pool.Put(object)
	}
}

func batches[T block, P object[T]](pool *sync.Pool, n int) {
	var objects [batch]P
	for i := 0; i < n; i += batch {
		for j := range objects {
			objects[j] = pool.Get().(P)
			*objects[j].first() = uint64(i)
		}
		for j := range objects {
			pool.Put(objects[j])
		}
	}
}

// ring publishes its indexes once per batch, as bench/pool/ring.h does.
type ring[P any] struct {
	_         [128]byte
	head      uint64
	_         [120]byte
	tail      uint64
	_         [120]byte
	pushNext  uint64
	pushLimit uint64
	_         [112]byte
	popNext   uint64
	popLimit  uint64
	_         [112]byte
	slots     [ringSlots]P
}

func wait(published *uint64, past, slack uint64) uint64 {
	for spins := 1; ; spins++ {
		if limit := atomic.LoadUint64(published) + slack; limit != past {
			return limit
		}
		if spins%20000 == 0 {
			runtime.Gosched()
		}
	}
}

func (r *ring[P]) push(object P) {
	if r.pushNext == r.pushLimit {
		r.pushLimit = wait(&r.tail, r.pushNext, ringSlots)
	}
	r.slots[r.pushNext%ringSlots] = object
	r.pushNext++
	if r.pushNext%batch == 0 {
		atomic.StoreUint64(&r.head, r.pushNext)
	}
}

func (r *ring[P]) pop() P {
	if r.popNext == r.popLimit {
		r.popLimit = wait(&r.head, r.popNext, 0)
	}
	object := r.slots[r.popNext%ringSlots]
	r.popNext++
	if r.popNext%batch == 0 {
		atomic.StoreUint64(&r.tail, r.popNext)
	}
	return object
}

var sink uint64

func handOver[T block, P object[T]](pool *sync.Pool, n int) {
	n += (batch - n%batch) % batch
	there := &ring[P]{}
	there.pushLimit = ringSlots
	done := make(chan uint64)
	go func() {
		var sum uint64
		for i := 0; i < n; i++ {
			object := there.pop()
			sum += *object.first()
			pool.Put(object)
		}
		done <- sum
	}()
	for i := 0; i < n; i++ {
		object := pool.Get().(P)
		*object.first() = uint64(i)
		there.push(object)
	}
	sink += <-done
}

func inThreads(b *testing.B, threads int, loop func(n int)) {
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i := 1; i < threads; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			loop(b.N)
		}()
	}
	loop(b.N)
	all.Wait()
}

func run[T block, P object[T]](b *testing.B, threads int, loop func(*sync.Pool, int)) {
	pool := newPool[T]()
	loop(pool, batch)
	inThreads(b, threads, func(n int) { loop(pool, n) })
}

func BenchmarkGetPut(b *testing.B) {
	b.Run("64/1", func(b *testing.B) { run[block64](b, 1, pair[block64]) })
	b.Run("1024/1", func(b *testing.B) { run[block1024](b, 1, pair[block1024]) })
	b.Run("64/2", func(b *testing.B) { run[block64](b, 2, pair[block64]) })
	b.Run("1024/2", func(b *testing.B) { run[block1024](b, 2, pair[block1024]) })
}

func BenchmarkGet32Put32(b *testing.B) {
	b.Run("64/1", func(b *testing.B) { run[block64](b, 1, batches[block64]) })
	b.Run("1024/1", func(b *testing.B) { run[block1024](b, 1, batches[block1024]) })
}

func BenchmarkProducerConsumer(b *testing.B) {
	b.Run("64/2", func(b *testing.B) { run[block64](b, 1, handOver[block64]) })
	b.Run("1024/2", func(b *testing.B) { run[block1024](b, 1, handOver[block1024]) })
}
