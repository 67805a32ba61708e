package collect

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxKey bounds a partition or row key in bytes. Table Storage takes 1 KiB and
// Azurite 512 characters; a key may be copied into another one with a time before it.
const maxKey = 400

// cutMark stands where a key was cut.
const cutMark = "_x"

const upperHex = "0123456789ABCDEF"

// EscapeKey joins the parts with "|" into a legal partition or row key: what is
// outside [A-Za-z0-9$.|-] becomes _XX per byte, and a key that is too long keeps
// its beginning, followed by _x, which no escape is, and the SHA-256 of the whole: no
// short key can be made to look like a long one. A "|" inside a part stays,
// so only the last part may hold one if different parts are to make different keys.
func EscapeKey(parts ...string) string {
	size := len(parts)
	for _, part := range parts {
		size += len(part)
	}
	var b strings.Builder
	b.Grow(size + size/8)
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('|')
		}
		legal := 0 // where a run of legal bytes begins
		for j := range len(part) {
			if c := part[j]; !legalInKey[c] {
				b.WriteString(part[legal:j])
				b.WriteByte('_')
				b.WriteByte(upperHex[c>>4])
				b.WriteByte(upperHex[c&15])
				legal = j + 1
			}
		}
		b.WriteString(part[legal:])
	}
	key := b.String()
	if len(key) <= maxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return key[:maxKey-len(cutMark)-2*len(sum)] + cutMark + hex.EncodeToString(sum[:])
}

var legalInKey = func() (legal [256]bool) {
	for _, c := range []byte("$.|-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		legal[c] = true
	}
	return legal
}()
