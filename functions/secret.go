package main

import (
	"fmt"
	"io"
)

// A Secret is a setting's value that no output may show: it prints as *** under
// every verb and in JSON. Convert it to a string where it is used, not before.
type Secret string

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString is String, quoted.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// MarshalJSON writes the mask.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(s.GoString()), nil }

// Format writes the mask whatever the verb is: %x and %d of a string type would
// otherwise spell the secret out in another alphabet.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }
