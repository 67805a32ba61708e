package main

import (
	"bytes"
	"encoding/json"
	"os"
)

// A journal follows what a collector logs, a JSON object a line.
type journal struct {
	path       string
	offset     int64
	beat       beat
	complaints []string // warnings and worse
}

// A beat is what master's last heartbeat said of the ledger.
type beat struct{ n, pending, dead int }

// read takes what was added since the last time. A log that cannot be read has no
// heartbeat, and nothing is calm without one.
func (j *journal) read() {
	file, err := os.Open(j.path)
	if err != nil {
		return
	}
	defer file.Close()
	size, err := file.Seek(0, 2)
	if err != nil || size == j.offset {
		return
	}
	text := make([]byte, size-j.offset)
	n, _ := file.ReadAt(text, j.offset)              // what is there is there
	whole := bytes.LastIndexByte(text[:n], '\n') + 1 // the rest is being written
	j.offset += int64(whole)
	for line := range bytes.Lines(text[:whole]) {
		j.note(bytes.TrimSpace(line))
	}
}

func (j *journal) note(line []byte) {
	var said struct {
		Level, Message string
		Pending, Dead  int
	}
	if json.Unmarshal(line, &said) != nil { // a panic, or the runtime's own words
		j.complaints = append(j.complaints, string(line))
		return
	}
	switch said.Level {
	case "info", "debug", "trace":
		if said.Message == "heartbeat" {
			j.beat = beat{j.beat.n + 1, said.Pending, said.Dead}
		}
	default:
		j.complaints = append(j.complaints, string(line))
	}
}
