// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"os"
	"strings"
)

const (
	calls     = 1000
	files     = 50
	fileBytes = 4096
)

type point struct{ x, y int }

func newPoint(x, y int) *point {
	return &point{x, y}
}

func pointOf(x, y int) point {
	return point{x, y}
}

func escapeBefore() uint64 {
	var total uint64
	for i := 0; i < calls; i++ {
		p := newPoint(i, -i)
		pointSink = p
		total += uint64(p.x - p.y)
	}
	return total
}

func escapeAfter() uint64 {
	var total uint64
	for i := 0; i < calls; i++ {
		p := pointOf(i, -i)
		total += uint64(p.x - p.y)
	}
	return total
}

func boxingBefore() uint64 {
	var total uint64
	values := make([]any, 0, calls)
	for i := 0; i < calls; i++ {
		values = append(values, i)
	}
	for _, value := range values {
		total += uint64(value.(int))
	}
	return total
}

func boxingAfter() uint64 {
	values := make([]int, 0, calls)
	for i := 0; i < calls; i++ {
		values = append(values, i)
	}
	return sum(values)
}

func reversed(text string) string {
	stack := make([]byte, len(text)) // a size that the compiler does not know: the heap
	copy(stack, text)
	for i, j := 0, len(stack)-1; i < j; i, j = i+1, j-1 {
		stack[i], stack[j] = stack[j], stack[i]
	}
	return string(stack)
}

func reversedOnStack(text string) string {
	var room [64]byte
	stack := append(room[:0], text...)
	for i, j := 0, len(stack)-1; i < j; i, j = i+1, j-1 {
		stack[i], stack[j] = stack[j], stack[i]
	}
	return string(stack)
}

func scratchBefore() uint64 {
	var total uint64
	for i := 0; i < calls; i++ {
		stringSink = reversed(words[i%len(words)])
		total += weigh(stringSink)
	}
	return total
}

func scratchAfter() uint64 {
	var total uint64
	for i := 0; i < calls; i++ {
		stringSink = reversedOnStack(words[i%len(words)])
		total += weigh(stringSink)
	}
	return total
}

func readFile(file *os.File, buffer []byte) uint64 {
	bytesSink = buffer
	if n, err := file.Read(buffer); n != fileBytes || err != nil {
		panic("short read")
	}
	return uint64(buffer[fileBytes-1]) + 1
}

func deferBefore() uint64 {
	var total uint64
	for i := 0; i < files; i++ {
		file, err := os.Open("/dev/zero")
		if err != nil {
			panic(err)
		}
		defer file.Close() // when the function ends, not the turn
		total += readFile(file, make([]byte, fileBytes))
	}
	return total
}

func readOne(buffer []byte) uint64 {
	file, err := os.Open("/dev/zero")
	if err != nil {
		panic(err)
	}
	defer file.Close()
	return readFile(file, buffer)
}

func deferAfter() uint64 {
	var total uint64
	buffer := make([]byte, fileBytes)
	for i := 0; i < files; i++ {
		total += readOne(buffer)
	}
	return total
}

const query = "user=ada&lang=en&page=3&sort=date&order=desc&tag=memory&tag=pools"

type field struct {
	next       *field
	key, value string
}

func weighFields(fields *field) uint64 {
	var total uint64
	for ; fields != nil; fields = fields.next {
		total += uint64(len(fields.key) * len(fields.value))
	}
	return total
}

func parse(text string) *field {
	var fields *field
	for _, part := range strings.Split(text, "&") {
		pair := strings.Split(part, "=")
		fields = &field{fields, pair[0], pair[1]}
	}
	return fields
}

// parseInto takes fields from a slice of the caller's, and cuts strings without a slice of parts.
func parseInto(room []field, text string) *field {
	var fields *field
	for text != "" {
		var part string
		part, text, _ = strings.Cut(text, "&")
		key, value, _ := strings.Cut(part, "=")
		room = append(room, field{fields, key, value})
		fields = &room[len(room)-1]
	}
	return fields
}

func requestBefore() uint64 {
	var total uint64
	for i := 0; i < calls; i++ {
		total += weighFields(parse(query))
	}
	return total
}

func requestAfter() uint64 {
	var total uint64
	room := make([]field, 0, 16)
	for i := 0; i < calls; i++ {
		total += weighFields(parseInto(room, query))
	}
	return total
}
