package state

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"azcollector/internal/collect"
)

// A value of the embedded store is a protobuf message without a schema file:
//
//	1: version (varint)
//	2: repeated field { 1: name, then one of 2: string, 3: int64 (zigzag),
//	   4: bool, 5: time (fixed64, ticks of 100 ns since 1970, UTC), 6: bytes }
//
// The numbers are on disks: none is ever given another meaning. Before it stands its
// seal, see embedded_seal.go.
const (
	numVersion protowire.Number = 1
	numField   protowire.Number = 2

	numName   protowire.Number = 1
	numString protowire.Number = 2
	numInt    protowire.Number = 3
	numBool   protowire.Number = 4
	numTime   protowire.Number = 5
	numBytes  protowire.Number = 6
)

const ticksPerSecond = int64(time.Second / tick)

// encode writes checked fields. A zero time is not written, as in Table Storage,
// which has no such date.
func encode(version uint64, fields collect.Fields) []byte {
	return appendRow(make([]byte, 0, 1<<10), version, fields) // room for a content's row
}

func appendRow(out []byte, version uint64, fields collect.Fields) []byte {
	out = protowire.AppendTag(out, numVersion, protowire.VarintType)
	out = protowire.AppendVarint(out, version)
	var field []byte
	for name, value := range fields {
		field = protowire.AppendTag(field[:0], numName, protowire.BytesType)
		field = protowire.AppendString(field, name)
		switch v := value.(type) {
		case string:
			field = protowire.AppendTag(field, numString, protowire.BytesType)
			field = protowire.AppendString(field, v)
		case int64:
			field = protowire.AppendTag(field, numInt, protowire.VarintType)
			field = protowire.AppendVarint(field, protowire.EncodeZigZag(v))
		case bool:
			field = protowire.AppendTag(field, numBool, protowire.VarintType)
			field = protowire.AppendVarint(field, protowire.EncodeBool(v))
		case time.Time:
			if v.IsZero() {
				continue
			}
			field = protowire.AppendTag(field, numTime, protowire.Fixed64Type)
			field = protowire.AppendFixed64(field, uint64(v.Unix()*ticksPerSecond+int64(v.Nanosecond())/int64(tick)))
		case []byte:
			field = protowire.AppendTag(field, numBytes, protowire.BytesType)
			field = protowire.AppendBytes(field, v)
		}
		out = protowire.AppendTag(out, numField, protowire.BytesType)
		out = protowire.AppendBytes(out, field)
	}
	return out
}

// versionOf reads a value's version alone, which stands at its beginning.
func versionOf(in []byte) (uint64, error) {
	num, kind, n := protowire.ConsumeTag(in)
	if n < 0 || num != numVersion || kind != protowire.VarintType {
		return 0, errDamagedRow
	}
	version, n := protowire.ConsumeVarint(in[n:])
	if n < 0 || version == 0 {
		return 0, errDamagedRow
	}
	return version, nil
}

var errDamagedRow = errors.New("the row is damaged")

// decode copies everything: its input is the file's memory, which is gone with
// the transaction.
func decode(in []byte) (version uint64, fields collect.Fields, err error) {
	fields = collect.Fields{}
	for len(in) > 0 {
		num, kind, n := protowire.ConsumeTag(in)
		if n < 0 {
			return 0, nil, errDamagedRow
		}
		in = in[n:]
		switch {
		case num == numVersion && kind == protowire.VarintType:
			version, n = protowire.ConsumeVarint(in)
		case num == numField && kind == protowire.BytesType:
			var field []byte
			if field, n = protowire.ConsumeBytes(in); n >= 0 {
				if err := decodeField(field, fields); err != nil {
					return 0, nil, err
				}
			}
		default:
			return 0, nil, fmt.Errorf("%w: it has a part %d of a newer version", errDamagedRow, num)
		}
		if n < 0 {
			return 0, nil, errDamagedRow
		}
		in = in[n:]
	}
	if version == 0 {
		return 0, nil, errDamagedRow
	}
	return version, fields, nil
}

func decodeField(in []byte, fields collect.Fields) error {
	num, kind, n := protowire.ConsumeTag(in)
	if n < 0 || num != numName || kind != protowire.BytesType {
		return errDamagedRow
	}
	in = in[n:]
	name, n := protowire.ConsumeString(in)
	if n < 0 {
		return errDamagedRow
	}
	in = in[n:]
	num, kind, n = protowire.ConsumeTag(in)
	if n < 0 {
		return errDamagedRow
	}
	in = in[n:]
	var value any
	var number uint64
	var bytes []byte
	switch {
	case num == numString && kind == protowire.BytesType:
		bytes, n = protowire.ConsumeBytes(in)
		value = string(bytes)
	case num == numBytes && kind == protowire.BytesType:
		bytes, n = protowire.ConsumeBytes(in)
		value = append([]byte{}, bytes...)
	case num == numInt && kind == protowire.VarintType:
		number, n = protowire.ConsumeVarint(in)
		value = protowire.DecodeZigZag(number)
	case num == numBool && kind == protowire.VarintType:
		number, n = protowire.ConsumeVarint(in)
		value = protowire.DecodeBool(number)
	case num == numTime && kind == protowire.Fixed64Type:
		number, n = protowire.ConsumeFixed64(in)
		ticks := int64(number)
		value = time.Unix(ticks/ticksPerSecond, ticks%ticksPerSecond*int64(tick)).UTC()
	default:
		return fmt.Errorf("%w: field %q is of an unknown type", errDamagedRow, name)
	}
	if n < 0 || n != len(in) {
		return errDamagedRow
	}
	fields[name] = value
	return nil
}
