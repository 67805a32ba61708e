package state

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"azcollector/internal/collect"
)

// maxPayloadName leaves room for a prefix within the 255 bytes that Linux takes
// for a file name (NAME_MAX).
const maxPayloadName = 200

// payloadName makes a name that is fit for a file and for a blob. It goes on
// where EscapeKey stops: "|" is no file name on Windows, a leading dot hides a
// file or is a directory, and a trailing one is lost by some blob clients.
// Because EscapeKey leaves no "_" unescaped, different names stay different.
func payloadName(name string) (string, error) {
	if name == "" {
		return "", over("a payload has no name")
	}
	file := strings.ReplaceAll(collect.EscapeKey(name), "|", "_7C")
	if rest, ok := strings.CutPrefix(file, "."); ok {
		file = "_2E" + rest
	}
	if rest, ok := strings.CutSuffix(file, "."); ok {
		file = rest + "_2E"
	}
	if len(file) <= maxPayloadName {
		return file, nil
	}
	sum := sha256.Sum256([]byte(name))
	return file[:maxPayloadName-1-2*len(sum)] + "_" + hex.EncodeToString(sum[:]), nil
}
