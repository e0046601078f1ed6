// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"sync"
)

const (
	exchanges = 1000
	hugeBytes = 1048576
	keys      = 1000
)

type message struct {
	length int
	text   [1000]byte
}

func (m *message) fill(number int) uint64 {
	m.length = copy(m.text[:], words[number%len(words)])
	return uint64(m.length) + uint64(m.text[m.length-1])
}

var messagePool = sync.Pool{New: func() any { return new(message) }}

func poolBefore() uint64 {
	var total uint64
	for i := 0; i < exchanges; i++ {
		m := new(message)
		messageSink = m
		total += m.fill(i)
	}
	return total
}

func poolAfter() uint64 {
	var total uint64
	for i := 0; i < exchanges; i++ {
		m := messagePool.Get().(*message)
		total += m.fill(i)
		m.length = 0
		messagePool.Put(m) // the pointer: a struct or a slice would be boxed
	}
	return total
}

func exchangeBytes(number int) int {
	if number == 10 {
		return hugeBytes
	}
	return 200
}

func fillBuffer(buffer *bytes.Buffer, bytes int) uint64 {
	for buffer.Len() < bytes {
		buffer.WriteString("0123456789abcdef0123")
	}
	return uint64(buffer.Len())
}

var buffers, cappedBuffers = bufferPool(), bufferPool()

func bufferPool() sync.Pool { return sync.Pool{New: func() any { return new(bytes.Buffer) }} }

func hugeBefore() uint64 {
	var total uint64
	for i := 0; i < exchanges; i++ {
		buffer := buffers.Get().(*bytes.Buffer)
		total += fillBuffer(buffer, exchangeBytes(i))
		hold(uint64(buffer.Cap()))
		buffer.Reset()
		buffers.Put(buffer)
	}
	return total
}

func hugeAfter() uint64 {
	var total uint64
	for i := 0; i < exchanges; i++ {
		buffer := cappedBuffers.Get().(*bytes.Buffer)
		total += fillBuffer(buffer, exchangeBytes(i))
		hold(uint64(buffer.Cap()))
		if buffer.Cap() <= 64<<10 {
			buffer.Reset()
			cappedBuffers.Put(buffer)
		}
	}
	return total
}

var ages map[int]int

func mapBefore() uint64 {
	ages = make(map[int]int)
	for i := 0; i < keys; i++ {
		ages[i] = i
	}
	return uint64(len(ages))
}

func mapAfter() uint64 {
	ages = make(map[int]int, keys)
	for i := 0; i < keys; i++ {
		ages[i] = i
	}
	return uint64(len(ages))
}
