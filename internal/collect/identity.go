package collect

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// identitySize is what one identity takes in a row of "recordids".
const identitySize = 24

// An identity tells whether two records are the same: id is the record's Id, sum
// the [fingerprint] of its bytes. The same id with another sum is a revision.
type identity struct {
	id  [16]byte
	sum [8]byte
}

// idBytes returns the record's Id as 16 bytes. A record without one is never filtered as
// the duplicate of another content's: it gets one of the content and its place in it, so
// that a second attempt at the same content does not send it twice.
func idBytes(rec Record, content string) (id [16]byte) {
	switch {
	case len(rec.ID) == 0:
		whole := sha256.Sum256(rec.Raw)
		place := sha256.New()
		place.Write([]byte(content))
		place.Write(binary.BigEndian.AppendUint64(nil, uint64(rec.Ordinal)))
		place.Write(whole[:])
		copy(id[:], place.Sum(nil))
	case !parseGUID(rec.ID, &id):
		sum := sha256.Sum256(rec.ID)
		copy(id[:], sum[:])
	}
	return id
}

// parseGUID reads the form 8-4-4-4-12 in hexadecimal digits of either case.
func parseGUID(text []byte, into *[16]byte) bool {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return false
	}
	var packed [32]byte
	n := copy(packed[:], text[:8])
	n += copy(packed[n:], text[9:13])
	n += copy(packed[n:], text[14:18])
	n += copy(packed[n:], text[19:23])
	copy(packed[n:], text[24:])
	_, err := hex.Decode(into[:], packed[:])
	return err == nil
}

func (i identity) append(to []byte) []byte {
	return append(append(to, i.id[:]...), i.sum[:]...)
}

// identityAt reads the n-th identity of a row.
func identityAt(row []byte, n int) (i identity) {
	b := row[n*identitySize:]
	copy(i.id[:], b)
	copy(i.sum[:], b[len(i.id):])
	return i
}

// spanLength is how much event time a span is for. A content's records mostly lie within
// an hour or two, and each span they touch costs a look and a row: shorter ones cost more
// of both, longer ones cost more memory, which is given back by whole spans.
const spanLength = 3 * time.Hour

// spanLayout is when a span begins, in the name of its partition.
const spanLayout = "2006010215"

// spanOf names the partition of "recordids" for a record: its tenant and the
// span of its own time, which is the same by whatever route it comes. Records
// that state no time share one partition.
func spanOf(tenant string, rec Record) string {
	if rec.Undated {
		return EscapeKey(tenant, "undated")
	}
	return EscapeKey(tenant, rec.Time.UTC().Truncate(spanLength).Format(spanLayout))
}

// spanKey is a cheap stand-in for [spanOf] within one content.
func spanKey(rec Record) int64 {
	if rec.Undated {
		return -1 << 62
	}
	return rec.Time.Truncate(spanLength).Unix()
}
