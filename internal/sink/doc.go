// Package sink holds the destinations that need no protocol of their own; so far
// [JSONL], a file with one record a line.
//
// Its one promise is that of [collect.Sink]: what it calls delivered will be
// read. It rotates no files and knows no record's meaning.
package sink
