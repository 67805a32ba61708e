// Package proto is the ingest wire format as generated code.
//
// Its one promise is that it says what ingest.proto says; scripts/generate makes
// one from the other. It is not the encoder of records: internal/alertlogic
// appends those with protowire, so that each is copied once, and uses this
// package for the metadata and as the judge in its tests.
package proto
