// Package collect is the ground floor: what a record, a content, a destination
// and a store are, and how a content gets from its source to its destination.
//
// Its one promise is: deliver first, remember second. Every record of every
// content ends as delivered, as a duplicate of a delivered one, or as a dead
// letter, and the ledger says which. A process killed at any instruction leaves
// rows from which the next one finishes the work.
//
// It is not a client of anything: it knows neither HTTP nor Azure nor files.
// Those are doors (internal/microsoft, internal/alertlogic, internal/sink,
// internal/state) that implement [Sink], [Store] or [Source].
package collect
