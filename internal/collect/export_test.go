package collect

// ScanValue runs the scanner over b, which it must take up to a following space.
func ScanValue(b []byte) (n int, id, created, recordType []byte, err error) {
	var s scanner
	n, err = s.value(b)
	m := &s.members
	return n, m[memberID], m[memberTime], m[memberType], err
}

// Errors and times that tests refer to.
var (
	ErrShort          = errShort
	ParseCreationTime = parseCreationTime
)
