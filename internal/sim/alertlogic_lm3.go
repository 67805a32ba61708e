package sim

import (
	"crypto/sha1"
	"fmt"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
)

// This file reads the protobuf of ingest ("lm3") without generated code, so that
// a collector is not judged by its own mistake. It is stricter than protobuf: a
// field that is unknown, of another wire type or there twice is malformed.

type lm3Rule uint8

const (
	lm3Optional lm3Rule = iota
	lm3Required
	lm3Repeated
)

type lm3Field struct {
	name string
	kind protowire.Type
	rule lm3Rule
}

// An lm3Schema holds the fields of one message under their numbers.
type lm3Schema struct {
	name   string
	fields []lm3Field
}

// The messages as the wire contract has them (docs/design.md, "The ingest wire").
var (
	lm3BatchList = lm3Schema{"collected_batch_list", []lm3Field{
		1: {"elem", protowire.BytesType, lm3Repeated},
	}}
	lm3CollectedBatch = lm3Schema{"collected_batch", []lm3Field{
		1: {"source_id", protowire.BytesType, lm3Required},
		2: {"metadata", protowire.BytesType, lm3Required},
		3: {"message", protowire.BytesType, lm3Repeated},
	}}
	lm3CollectedMessage = lm3Schema{"collected_message", []lm3Field{
		1:  {"hostname", protowire.BytesType, lm3Optional},
		2:  {"message_ts", protowire.Fixed64Type, lm3Required},
		3:  {"priority", protowire.Fixed32Type, lm3Required},
		4:  {"prog_name", protowire.BytesType, lm3Optional},
		5:  {"pid", protowire.Fixed64Type, lm3Optional},
		6:  {"message", protowire.BytesType, lm3Required},
		7:  {"message_type", protowire.BytesType, lm3Required},
		8:  {"message_type_id", protowire.BytesType, lm3Optional},
		9:  {"message_ts_us", protowire.Fixed32Type, lm3Optional},
		10: {"application_id", protowire.BytesType, lm3Optional},
	}}
	lm3MetadataSchema = lm3Schema{"metadata", []lm3Field{
		1: {"host_uuid", protowire.BytesType, lm3Optional},
		2: {"data_checksum", protowire.BytesType, lm3Required},
		3: {"timestamp", protowire.VarintType, lm3Optional},
		4: {"data", protowire.BytesType, lm3Optional},
	}}
	lm3Dict = lm3Schema{"dict", []lm3Field{1: {"elem", protowire.BytesType, lm3Repeated}}}
	lm3Elem = lm3Schema{"elem", []lm3Field{
		1: {"key", protowire.BytesType, lm3Required},
		2: {"value", protowire.BytesType, lm3Optional},
	}}
	lm3Value = lm3Schema{"value", []lm3Field{
		1: {"dict", protowire.BytesType, lm3Optional},
		2: {"list", protowire.BytesType, lm3Optional},
		3: {"str", protowire.BytesType, lm3Optional},
		4: {"b", protowire.VarintType, lm3Optional},
		5: {"i", protowire.VarintType, lm3Optional},
	}}
	lm3List = lm3Schema{"list", []lm3Field{1: {"elem", protowire.BytesType, lm3Repeated}}}
)

// walk gives take every field in turn: v of a number, p of bytes (borrowed from
// b), and whole, the field with its tag.
func (s lm3Schema) walk(b []byte, take func(n protowire.Number, v uint64, p, whole []byte) error) error {
	var seen uint64
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("malformed %s: %w", s.name, protowire.ParseError(n))
		}
		if int64(num) >= int64(len(s.fields)) || s.fields[num].name == "" {
			return fmt.Errorf("%s has an unknown field %d", s.name, num)
		}
		f := s.fields[num]
		if kind != f.kind {
			return fmt.Errorf("%s.%s has wire type %d, not %d", s.name, f.name, kind, f.kind)
		}
		if f.rule != lm3Repeated && seen>>num&1 == 1 {
			return fmt.Errorf("%s.%s is there twice", s.name, f.name)
		}
		seen |= 1 << num
		v, p, m := lm3Consume(kind, b[n:])
		if m < 0 {
			return fmt.Errorf("malformed %s.%s: %w", s.name, f.name, protowire.ParseError(m))
		}
		if err := take(num, v, p, b[:n+m]); err != nil {
			return err
		}
		b = b[n+m:]
	}
	return s.complete(seen)
}

func (s lm3Schema) complete(seen uint64) error {
	for num, f := range s.fields {
		if f.rule == lm3Required && seen>>num&1 == 0 {
			return fmt.Errorf("%s lacks the required field %s", s.name, f.name)
		}
	}
	return nil
}

func lm3Consume(kind protowire.Type, b []byte) (v uint64, p []byte, n int) {
	switch kind {
	case protowire.VarintType:
		v, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var v32 uint32
		v32, n = protowire.ConsumeFixed32(b)
		v = uint64(v32)
	case protowire.Fixed64Type:
		v, n = protowire.ConsumeFixed64(b)
	default:
		p, n = protowire.ConsumeBytes(b)
	}
	return v, p, n
}

// lm3Metadata is what a batch says of the collector, and the sum that is due.
type lm3Metadata struct {
	hostUUID string
	checksum []byte
	due      [sha1.Size]byte
	strings  map[string]string // the string values of data's first level
}

// readLM3Metadata also sums the bytes as they came, with the checksum emptied
// and the timestamp left out: that is what the sender must have summed.
func readLM3Metadata(b []byte) (lm3Metadata, error) {
	m := lm3Metadata{strings: make(map[string]string)}
	summed := make([]byte, 0, len(b))
	err := lm3MetadataSchema.walk(b, func(n protowire.Number, _ uint64, p, whole []byte) error {
		switch n {
		case 1:
			m.hostUUID = string(p)
		case 2:
			m.checksum = p
			whole = []byte{2<<3 | byte(protowire.BytesType), 0}
		case 3:
			whole = nil
		case 4:
			if err := readLM3Dict(p, 0, m.strings); err != nil {
				return err
			}
		}
		summed = append(summed, whole...)
		return nil
	})
	m.due = sha1.Sum(summed)
	return m, err
}

// lm3Depth bounds the nesting of dictionaries and lists; protobuf's C++ and Java
// parsers give up at 100 messages (protobuf.dev, "CodedInputStream recursion limit").
const lm3Depth = 100

// readLM3Dict reads a dictionary down to its leaves and keeps the string values
// of its own level, unless strings is nil.
func readLM3Dict(b []byte, depth int, strings map[string]string) error {
	return lm3Dict.walk(b, func(_ protowire.Number, _ uint64, elem, _ []byte) error {
		var key, str string
		err := lm3Elem.walk(elem, func(n protowire.Number, _ uint64, p, _ []byte) (err error) {
			if n == 1 {
				key = string(p)
				return nil
			}
			str, err = readLM3Value(p, depth+1)
			return err
		})
		if err == nil && strings != nil {
			strings[key] = str
		}
		return err
	})
}

// readLM3Value returns the value if it is a string.
func readLM3Value(b []byte, depth int) (str string, err error) {
	if depth > lm3Depth {
		return "", fmt.Errorf("metadata nests deeper than %d", lm3Depth)
	}
	var kinds uint64
	err = lm3Value.walk(b, func(n protowire.Number, _ uint64, p, _ []byte) error {
		kinds |= 1 << n
		switch n {
		case 1:
			return readLM3Dict(p, depth+1, nil)
		case 2:
			return lm3List.walk(p, func(_ protowire.Number, _ uint64, p, _ []byte) error {
				_, err := readLM3Value(p, depth+1)
				return err
			})
		case 3:
			str = string(p)
		}
		return nil
	})
	if err == nil && bits.OnesCount64(kinds) != 1 {
		return "", fmt.Errorf("value says %d things, not one", bits.OnesCount64(kinds))
	}
	return str, err
}
