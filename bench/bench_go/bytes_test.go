// SPDX-License-Identifier: BSD-2-Clause

package bench_go

import (
	"strconv"
	"strings"
	"testing"
)

// The slices escape through it, as those that are handed on do.
var buffer []byte

// BenchmarkStringToBytes copies a string into a slice that is reused, and into a fresh one.
func BenchmarkStringToBytes(b *testing.B) {
	b.Run("reused", func(b *testing.B) { eachSize(b, reused) })
	b.Run("fresh", func(b *testing.B) { eachSize(b, fresh) })
}

func reused(text string, n int) {
	kept := buffer
	for i := 0; i < n; i++ {
		kept = append(kept[:0], text...)
	}
	buffer = kept
}

func fresh(text string, n int) {
	for i := 0; i < n; i++ {
		buffer = []byte(text)
	}
}

func eachSize(b *testing.B, loop func(text string, n int)) {
	for _, size := range []int{16, 64, 256, 1024, 4096} {
		text := strings.Repeat("x", size)
		b.Run(strconv.Itoa(size)+"/1", func(b *testing.B) {
			loop(text, 1)
			b.ReportAllocs()
			b.ResetTimer()
			loop(text, b.N)
		})
	}
}
