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

// Row is the key of the due row itself.
func (d Due) Row() Key { return d.row }
