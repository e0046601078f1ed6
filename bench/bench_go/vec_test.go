// SPDX-License-Identifier: BSD-2-Clause

package bench_go

import "testing"

// What bench/vec/loop.h does, on slices: an operation is 1,000 appends.
const pushes = 1000

// The slices escape through it, as those that a function returns do.
var items []int32

func appendAll(into []int32) []int32 {
	for i := int32(0); i < pushes; i++ {
		into = append(into, i)
	}
	return into
}

func each(b *testing.B, operation func()) {
	b.Run("1e3/1", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			operation()
		}
	})
}

func BenchmarkProcessItems(b *testing.B) {
	each(b, func() { items = appendAll(nil) })
}

func BenchmarkProcessItemsOptimized(b *testing.B) {
	each(b, func() { items = appendAll(make([]int32, 0, pushes)) })
}

func BenchmarkPushSized(b *testing.B) {
	kept := make([]int32, 0, pushes)
	each(b, func() { kept = appendAll(kept[:0]) })
	items = kept
}
