package state

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/collect"
)

// FuzzDecode: what is read is read whole, and written again it reads the same.
func FuzzDecode(f *testing.F) {
	f.Add(encode(1, nil))
	f.Add(encode(math.MaxUint64, collect.Fields{"S": "text", "I": int64(math.MinInt64), "T": time.Unix(1, 100).UTC()}))
	f.Add(encode(36, collect.Fields{"B": []byte{0, 1}, "Yes": true, "No": false, "Old": firstTime, "Empty": ""}))
	whole := encode(7, collect.Fields{"State": "pending", "Attempts": int64(-1), "Due": time.Unix(1e9, 0).UTC(), "IDs": make([]byte, 48), "Listed": true})
	for n := range whole { // a page that was torn while it was written
		f.Add(whole[:n])
	}
	f.Add(append(whole, 0x1a, 0x00))                                               // a part 3
	f.Add([]byte("\x08\x01\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))              // a field longer than everything
	f.Add([]byte("\x08\x01\x12\x05\x0a\x01A\x3a\x00"))                             // a value of kind 7
	f.Add([]byte("\x08\x01\x12\x0c\x0a\x01T\x29\xff\xff\xff\xff\xff\xff\xff\x7f")) // the last of all times
	f.Add(append(encode(2, collect.Fields{"A": "1"}), encode(3, collect.Fields{"A": int64(2)})...))
	f.Fuzz(func(t *testing.T, in []byte) {
		version, fields, err := decode(in)
		if err != nil {
			if version != 0 || fields != nil {
				t.Fatalf("%v beside version %d, %v", err, version, fields)
			}
			return
		}
		if short, err := versionOf(encode(version, fields)); err != nil || short != version {
			t.Fatalf("version %d is read alone as %d, %v", version, short, err)
		}
		again, same, err := decode(encode(version, fields))
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		delete(fields, "") // no row holds one; a zero time is not written
		for name, value := range fields {
			if at, ok := value.(time.Time); ok && at.IsZero() {
				delete(fields, name)
			}
		}
		delete(same, "")
		if diff := cmp.Diff(fields, same); diff != "" || version != again {
			t.Fatalf("version %d became %d, fields (-first +second):\n%s", version, again, diff)
		}
	})
}

// FuzzPayloadName: different names stay different files, and none is a path.
func FuzzPayloadName(f *testing.F) {
	f.Add("a/b", "a_2Fb")
	f.Add("..", "_2E.")
	f.Add("a|b", "a_7Cb")
	f.Fuzz(func(t *testing.T, a, b string) {
		fileA, errA := payloadName(a)
		fileB, errB := payloadName(b)
		if errA != nil || errB != nil {
			return
		}
		if (a == b) != (fileA == fileB) {
			t.Fatalf("%q is %q, %q is %q", a, fileA, b, fileB)
		}
		if len(fileA) > maxPayloadName || fileA[0] == '.' || fileA[len(fileA)-1] == '.' || checkKeyPart(fileA) != nil {
			t.Fatalf("%q is %q", a, fileA)
		}
		if len(fileA) >= len(unfinished) && fileA[:len(unfinished)] == unfinished {
			t.Fatalf("%q looks unfinished: %q", a, fileA)
		}
	})
}
