package state

import (
	"encoding/binary"
	"hash/crc32"

	"azcollector/internal/collect"
)

// bbolt keeps no checksums of rows, and a disk that flips a bit would make another state,
// version or address of it. So each value begins with a seal: a protobuf field 3
// (fixed32) with the CRC-32C of the key and of what follows. Rows that begin with their
// version were written before there were seals.
const (
	numSeal  = 3<<3 | 5 // the tag of field 3, fixed32
	sealSize = 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal makes a row's value.
func seal(key []byte, version uint64, fields collect.Fields) []byte {
	room := 1 << 10 // for a content's row
	for _, value := range fields {
		if b, ok := value.([]byte); ok {
			room += len(b)
		}
	}
	out := appendRow(make([]byte, sealSize, room), version, fields)
	out[0] = numSeal
	binary.LittleEndian.PutUint32(out[1:], sum(key, out[sealSize:]))
	return out
}

// unseal returns what was sealed, if it is what was sealed.
func unseal(key, value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != numSeal {
		_, err := versionOf(value)
		return value, err
	}
	if len(value) < sealSize || binary.LittleEndian.Uint32(value[1:]) != sum(key, value[sealSize:]) {
		return nil, errDamagedRow
	}
	return value[sealSize:], nil
}

// open reads a sealed row.
func open(key, value []byte) (version uint64, fields collect.Fields, err error) {
	row, err := unseal(key, value)
	if err != nil {
		return 0, nil, err
	}
	return decode(row)
}

func sum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}
