// SPDX-License-Identifier: BSD-2-Clause

package main

const (
	items       = 1000
	requests    = 100
	window      = 10
	packets     = 32
	packetBytes = 65536
	headerBytes = 20
)

// What is stored here escapes: the heap has it.
var (
	numbersSink []int
	bytesSink   []byte
	stringSink  string
	pointSink   *point
	messageSink *message
)

func sum(numbers []int) uint64 {
	var total uint64
	for _, number := range numbers {
		total += uint64(number)
	}
	return total
}

func makeBefore() uint64 {
	var doubled []int
	for i := 0; i < items; i++ {
		doubled = append(doubled, 2*i)
	}
	numbersSink = doubled
	return sum(doubled)
}

func makeAfter() uint64 {
	doubled := make([]int, 0, items)
	for i := 0; i < items; i++ {
		doubled = append(doubled, 2*i)
	}
	numbersSink = doubled
	return sum(doubled)
}

func appendBefore() uint64 {
	var found []int
	for i := 0; i < items; i++ {
		larger := make([]int, len(found)+1)
		copy(larger, found)
		larger[i] = i
		found = larger
	}
	numbersSink = found
	return sum(found)
}

func appendAfter() uint64 {
	var found []int
	for i := 0; i < items; i++ {
		found = append(found, i)
	}
	numbersSink = found
	return sum(found)
}

func fill() []int {
	all := make([]int, items)
	for i := range all {
		all[i] = i
	}
	return all
}

var all = fill()

// overwrite is what the page warns of: an append to a part of a slice writes behind it.
func overwrite() bool {
	all := []int{1, 2, 3, 4}
	head := all[:2]
	head = append(head, 9) // all is now 1, 2, 9, 4
	return all[2] == 9 && len(head) == 3
}

func sliceBefore() uint64 {
	var total uint64
	for i := 0; i+window <= len(all); i += window {
		part := append([]int(nil), all[i:i+window]...)
		numbersSink = part
		total += sum(part)
	}
	return total
}

func sliceAfter() uint64 {
	var total uint64
	for i := 0; i+window <= len(all); i += window {
		part := all[i : i+window : i+window]
		numbersSink = part
		total += sum(part)
	}
	return total
}

func resetBefore() uint64 {
	var total uint64
	for request := 0; request < requests; request++ {
		var ids []int
		for i := 0; i < 50; i++ {
			ids = append(ids, request+i)
		}
		numbersSink = ids
		total += sum(ids)
	}
	return total
}

func resetAfter() uint64 {
	var total uint64
	var ids []int
	for request := 0; request < requests; request++ {
		ids = ids[:0]
		for i := 0; i < 50; i++ {
			ids = append(ids, request+i)
		}
		numbersSink = ids
		total += sum(ids)
	}
	return total
}

func multiples() []int {
	found := make([]int, 0, items)
	for i := 0; i < items; i += 50 {
		found = append(found, i)
	}
	return found
}

func clipBefore() uint64 {
	found := multiples()
	numbersSink = found
	hold(uint64(cap(found)) * 8)
	return sum(found)
}

func clipAfter() uint64 {
	found := multiples()
	found = append([]int(nil), found...)
	numbersSink = found
	hold(uint64(cap(found)) * 8)
	return sum(found)
}

func receive(packet []byte, number int) {
	for i := range packet {
		packet[i] = byte(number)
	}
}

func last(headers [][]byte) uint64 {
	var total uint64
	for _, header := range headers {
		total += uint64(header[headerBytes-1])
	}
	return total
}

func leakyBefore() uint64 {
	var headers [packets][]byte
	for i := range headers {
		packet := make([]byte, packetBytes)
		receive(packet, i)
		headers[i] = packet[:headerBytes] // 20 bytes are wanted, 64 KiB stay
	}
	hold(packets * packetBytes)
	return last(headers[:])
}

func leakyAfter() uint64 {
	var headers [packets][]byte
	packet := make([]byte, packetBytes)
	for i := range headers {
		receive(packet, i)
		headers[i] = append([]byte(nil), packet[:headerBytes]...)
	}
	bytesSink = packet
	for _, header := range headers {
		hold(held + uint64(cap(header)))
	}
	return last(headers[:])
}
