package main

import (
	"bytes"
	"crypto/sha1"
	"sync"
	"time"

	"github.com/klauspost/compress/zlib"
	"google.golang.org/protobuf/encoding/protowire"
)

// messageOverhead is the most that a message weighs beside its JSON.
const messageOverhead = 96

// A batch is records as collected_message, one behind the other (proto/ingest.proto).
type batch struct {
	messages []byte
	ends     []int
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func (b *batch) reset() { b.messages, b.ends = b.messages[:0], b.ends[:0] }

func (b *batch) add(record, created, kind []byte) {
	at, _ := time.Parse("2006-01-02T15:04:05", string(created))
	size := 9 + 5 + sized("o365webhook") + 1 + protowire.SizeBytes(len(record)) + sized("json/azure.o365") + 1 + protowire.SizeBytes(len(kind)) + 5
	m := protowire.AppendTag(b.messages, 3, protowire.BytesType)
	m = protowire.AppendVarint(m, uint64(size))
	m = protowire.AppendTag(m, 2, protowire.Fixed64Type)
	m = protowire.AppendFixed64(m, uint64(at.Unix()))
	m = protowire.AppendTag(m, 3, protowire.Fixed32Type)
	m = protowire.AppendFixed32(m, 11)
	m = text(m, 4, "o365webhook")
	m = protowire.AppendTag(m, 6, protowire.BytesType)
	m = protowire.AppendBytes(m, record)
	m = text(m, 7, "json/azure.o365")
	m = protowire.AppendTag(m, 8, protowire.BytesType)
	m = protowire.AppendBytes(m, kind)
	m = protowire.AppendTag(m, 9, protowire.Fixed32Type)
	b.messages = protowire.AppendFixed32(m, uint32(at.Nanosecond()/1000))
	b.ends = append(b.ends, len(b.messages))
}

// run is the messages from one to another.
func (b *batch) run(from, to int) []byte {
	start := 0
	if from > 0 {
		start = b.ends[from-1]
	}
	return b.messages[start:b.ends[to-1]]
}

// A sender is what a batch says of where it comes from.
type sender struct{ host, source, name string }

func (s sender) head() []byte {
	element := func(key, value string) []byte {
		return nest(text(nil, 1, key), 2, text(nil, 3, value))
	}
	data := nest(nest(nil, 1, element("host_type", "azure_fun")), 1, element("local_hostname", s.name))
	sum := sha1.Sum(nest(text(text(nil, 1, s.host), 2, ""), 4, data))
	meta := text(text(nil, 1, s.host), 2, string(sum[:]))
	meta = protowire.AppendTag(meta, 3, protowire.VarintType)
	meta = protowire.AppendVarint(meta, uint64(time.Now().Unix()))
	return nest(text(nil, 1, s.source), 2, nest(meta, 4, data))
}

func sized(s string) int { return 1 + protowire.SizeBytes(len(s)) }

func text(b []byte, field protowire.Number, s string) []byte { return nest(b, field, []byte(s)) }

func nest(b []byte, field protowire.Number, inner []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), inner)
}

// A deflater makes bodies; one that was used serves the next one.
type deflater struct {
	out bytes.Buffer
	zw  *zlib.Writer
}

var deflaters sync.Pool

func (l *loop) deflater() *deflater {
	if z, ok := deflaters.Get().(*deflater); ok {
		return z
	}
	z := &deflater{}
	var err error
	if z.zw, err = zlib.NewWriterLevel(&z.out, l.level); err != nil {
		panic(err) // DEFLATE_LEVEL is none
	}
	return z
}

// deflate writes a collected_batch_list of one batch. Into memory it does not fail.
func (z *deflater) deflate(s sender, messages []byte) {
	z.out.Reset()
	z.zw.Reset(&z.out)
	head := s.head()
	start := protowire.AppendTag(nil, 1, protowire.BytesType)
	_, _ = z.zw.Write(protowire.AppendVarint(start, uint64(len(head)+len(messages))))
	_, _ = z.zw.Write(head)
	_, _ = z.zw.Write(messages)
	_ = z.zw.Close()
}
