// Package pull is the room that asks: it lists what the source offers and puts
// what the ledger lacks into it.
//
// Its one promise: every stretch of time is listed to its last page, or is kept as
// a gap with the reason; no cursor moves past anything else. What it listed is in
// the ledger as a fact that overrules a notification. It fetches no content.
package pull
