package state

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"azcollector/internal/collect"
)

// The limits of Table Storage, from learn.microsoft.com: "Scalability and
// performance targets for Table storage", "Understanding the Table service data
// model" and "Performing entity group transactions".
const (
	maxKeyBytes    = 1000      // Azure: 1 KiB for each of the two keys
	maxFields      = 250       // Azure: 255 with the two keys, Timestamp and our nonce
	maxNameLength  = 255       // of a field
	maxStringUnits = 32 << 10  // 64 KiB of UTF-16
	maxBytes       = 64 << 10  // of a []byte
	maxRow         = 1 << 20   // names included
	maxBatchWrites = 100       // of one transaction
	maxBatchWire   = 3_500_000 // Azure: 4 MiB of request body, headers of the parts included
)

// The limits of Queue Storage, from learn.microsoft.com: "Put Message" and "Get
// Messages".
const (
	maxMessage  = 64 << 10 // as base64
	maxReceived = 32       // of one answer
	minHidden   = time.Second
	maxHidden   = 7 * 24 * time.Hour
)

// A message of two keys, and of what little [collect.Message] writes around them,
// is always within the limit: this does not compile otherwise.
const _ uint = maxMessage - 4*(2*maxKeyBytes+1<<10)/3

// Edm.DateTime begins here ("Understanding the Table service data model"); it
// ends with the year 9999, and what lies between is kept in 100 ns.
var firstTime = time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)

const tick = 100 * time.Nanosecond

func over(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, collect.ErrLimit)...)
}

func checkKind(kind string) error {
	// "Naming tables": letters and digits, begun by a letter, 3 to 63 of them;
	// the name "tables" is reserved.
	if len(kind) < 3 || len(kind) > 63 || !isLetter(kind[0]) || !isAlphanumeric(kind) || strings.EqualFold(kind, "tables") {
		return over("kind %.64q must be 3 to 63 letters and digits and begin with a letter", kind)
	}
	return nil
}

func checkKey(key collect.Key) error {
	if err := checkKind(key.Kind); err != nil {
		return err
	}
	if key.Partition == "" {
		return over("%s: the partition is empty", key.Kind)
	}
	for _, part := range []string{key.Partition, key.Row} {
		if err := checkKeyPart(part); err != nil {
			return fmt.Errorf("%s: %w", key.Kind, err)
		}
	}
	return nil
}

// checkFrom checks where a listing of partitions is to begin.
func checkFrom(kind, from string) error {
	if err := checkKind(kind); err != nil {
		return err
	}
	if err := checkKeyPart(from); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

// checkKeyPart takes the alphabet of [collect.EscapeKey], where "_" begins an escape.
func checkKeyPart(part string) error {
	if len(part) > maxKeyBytes {
		return over("key %.40q... has %d bytes, at most %d", part, len(part), maxKeyBytes)
	}
	for i := range len(part) {
		if c := part[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte("$.|-_", c) < 0 {
			return over("key %.80q holds %q; make keys with EscapeKey", part, c)
		}
	}
	return nil
}

// checkRow also returns how large the row is in a request.
func checkRow(row collect.Row) (wire int, err error) {
	if err := checkKey(row.Key); err != nil {
		return 0, err
	}
	if len(row.Fields) > maxFields {
		return 0, over("%s has %d fields, at most %d", show(row.Key), len(row.Fields), maxFields)
	}
	size := rowOverhead + 2*(len(row.Partition)+len(row.Row))
	wire = wireOverhead + 3*(len(row.Partition)+len(row.Row))
	for name, value := range row.Fields {
		kept, sent, err := checkField(name, value)
		if err != nil {
			return 0, fmt.Errorf("%s: field %.64q %w", show(row.Key), name, err)
		}
		size += kept
		wire += sent
	}
	if size > maxRow {
		return 0, over("%s takes %d bytes, at most %d", show(row.Key), size, maxRow)
	}
	return wire, nil
}

const (
	// rowOverhead is 4 bytes for the row, 8 for Timestamp and 8+2*5+2*26+4 for Nonce.
	rowOverhead = 86
	// wireOverhead is more than the lines around one write of a transaction (its
	// address with both keys comes on top), measured at 700 bytes and rounded up.
	wireOverhead = 900
	// fieldOverhead is what the data model page charges for each field, beside its name.
	fieldOverhead = 8
	// fieldWire is the longest `,"":"","@odata.type":"Edm.DateTime"`; the name comes twice.
	fieldWire = 40
)

// checkField says what a field takes in the table and, at most, in a request.
func checkField(name string, value any) (kept, sent int, err error) {
	switch {
	case name == "" || !isLetter(name[0]) || !isAlphanumeric(name) || len(name) > maxNameLength:
		return 0, 0, over("must be named with at most %d letters and digits and begin with a letter", maxNameLength)
	case name == "PartitionKey", name == "RowKey", name == "Timestamp", name == nonceField, strings.HasPrefix(name, "odata"):
		return 0, 0, over("has a name that is taken")
	}
	kept, sent = fieldOverhead+2*len(name), fieldWire+2*len(name)
	switch v := value.(type) {
	case string:
		units, escaped := measure(v)
		if units > maxStringUnits {
			return 0, 0, over("has %d UTF-16 units, at most %d", units, maxStringUnits)
		}
		if !utf8.ValidString(v) {
			return 0, 0, over("is no UTF-8; keep it as bytes")
		}
		return kept + 4 + 2*units, sent + escaped, nil
	case []byte:
		if len(v) > maxBytes {
			return 0, 0, over("has %d bytes, at most %d", len(v), maxBytes)
		}
		return kept + 4 + len(v), sent + (len(v)+2)/3*4, nil
	case int64:
		return kept + 8, sent + 20, nil
	case bool:
		return kept + 1, sent + 5, nil
	case time.Time:
		if !v.IsZero() && (v.Before(firstTime) || v.UTC().Year() > 9999) {
			return 0, 0, over("is outside the years 1601 to 9999")
		}
		return kept + 8, sent + 30, nil
	default:
		return 0, 0, over("is a %T; string, int64, bool, time.Time or []byte", value)
	}
}

// measure counts a string's UTF-16 units and its bytes as JSON, where
// encoding/json writes up to six for what is special in JSON, HTML or JavaScript.
func measure(s string) (units, escaped int) {
	for _, r := range s {
		switch {
		case r == '"', r == '\\':
			units, escaped = units+1, escaped+2
		case r < ' ', r == 0x7f, r == '<', r == '>', r == '&', r == 0x2028, r == 0x2029:
			units, escaped = units+1, escaped+6
		case r > 0xffff:
			units, escaped = units+2, escaped+4
		default:
			units, escaped = units+1, escaped+utf8.RuneLen(r)
		}
	}
	return units, escaped
}

func checkBatch(writes []collect.Write) error {
	if len(writes) > maxBatchWrites {
		return over("a batch of %d writes, at most %d", len(writes), maxBatchWrites)
	}
	seen := make(map[string]bool, len(writes))
	total := 0
	for _, w := range writes {
		row := w.Row
		switch w.Op {
		case collect.OpInsert, collect.OpReplace:
		case collect.OpDelete:
			row.Fields = nil
		default:
			return over("%s: operation %d is unknown", show(row.Key), w.Op)
		}
		wire, err := checkRow(row)
		if err != nil {
			return err
		}
		first := writes[0].Row.Key
		switch total += wire; {
		case row.Kind != first.Kind, row.Partition != first.Partition:
			return over("a batch writes to %s and to %s, only one kind and partition are possible", show(first), show(row.Key))
		case seen[row.Row]:
			return over("a batch writes %s twice", show(row.Key))
		case total > maxBatchWire:
			return over("a batch takes more than %d bytes as a request ([]byte count by 4/3)", maxBatchWire)
		}
		seen[row.Row] = true
	}
	return nil
}

// show names a row in an error.
func show(key collect.Key) string {
	return key.Kind + " " + key.Partition + "/" + key.Row
}

func isAlphanumeric(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
