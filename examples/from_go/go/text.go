// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const (
	lines      = 1000
	pieces     = 100
	pieceBytes = 40
)

var words = [16]string{
	"GET /index.html?lang=en HTTP/1.1",
	"Host: www.example.org",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
	"Accept: text/html,application/xhtml+xml",
	"Accept-Language: en-US,en;q=0.5",
	"Accept-Encoding: gzip, deflate, br",
	"Connection: keep-alive",
	"Cookie: session=8d1f5c0e4b7a4c31a2f0",
	"Upgrade-Insecure-Requests: 1",
	"If-Modified-Since: Tue, 02 Jan 2024 10:00:00 GMT",
	"If-None-Match: W/\"5e15153d-120f\"",
	"Cache-Control: max-age=0",
	"Referer: https://www.example.org/start",
	"DNT: 1",
	"Origin: https://www.example.org",
	"Content-Type: application/json; charset=utf-8",
}

func upper(text []byte) uint64 {
	var total uint64
	for i, c := range text {
		if c >= 'a' && c <= 'z' {
			text[i] = c - 32
		}
		total += uint64(text[i])
	}
	return total
}

func convertBefore() uint64 {
	var total uint64
	for i := 0; i < lines; i++ {
		line := []byte(words[i%len(words)])
		bytesSink = line
		total += upper(line)
	}
	return total
}

func convertAfter() uint64 {
	var total uint64
	var line []byte
	for i := 0; i < lines; i++ {
		line = append(line[:0], words[i%len(words)]...)
		bytesSink = line
		total += upper(line)
	}
	return total
}

var messages = func() (all [len(words)][]byte) {
	for i, word := range words {
		all[i] = []byte(word)
	}
	return
}()

func keyEnd(line []byte) int {
	if i := bytes.IndexByte(line, ':'); i >= 0 {
		return i
	}
	return len(line)
}

func viewBefore() uint64 {
	var hosts uint64
	for i := 0; i < lines; i++ {
		line := messages[i%len(messages)]
		key := string(line[:keyEnd(line)])
		stringSink = key
		if key == "Host" {
			hosts++
		}
	}
	return hosts
}

func viewAfter() uint64 {
	var hosts uint64
	for i := 0; i < lines; i++ {
		line := messages[i%len(messages)]
		key := line[:keyEnd(line)]
		bytesSink = key
		if string(key) == "Host" { // the compiler makes no copy to compare
			hosts++
		}
	}
	return hosts
}

func weigh(text string) uint64 {
	var total uint64
	for i := 0; i < len(text); i++ {
		total = 31*total + uint64(text[i])
	}
	return total
}

func concatBefore() uint64 {
	all := ""
	for i := 0; i < pieces; i++ {
		all += words[i%len(words)]
	}
	return weigh(all)
}

func concatAfter() uint64 {
	var all strings.Builder
	all.Grow(pieces * pieceBytes)
	for i := 0; i < pieces; i++ {
		all.WriteString(words[i%len(words)])
	}
	return weigh(all.String())
}

func formatBefore() uint64 {
	var total uint64
	for i := 0; i < lines; i++ {
		line := fmt.Sprintf("id=%d", i)
		total += weigh(line)
	}
	return total
}

func formatAfter() uint64 {
	var total uint64
	var line []byte
	for i := 0; i < lines; i++ {
		line = append(line[:0], "id="...)
		line = strconv.AppendInt(line, int64(i), 10)
		bytesSink = line
		total += weigh(string(line))
	}
	return total
}
