// Package floors_test is the house's building inspector: it walks what `go list`
// says of every package and complains of an arrow that points up or sideways, of
// an outside dependency that nobody gave a reason for, of a package whose name
// says nothing, and of a file too long to read.
//
// Its one promise: what docs/design.md says about floors and dependencies is so.
// It is no part of the program, and it judges no behaviour.
package floors_test
