// Package sim is the outside world on loopback: Entra ID, the Office 365
// Management Activity API with its webhook pusher, Alert Logic, and Azure Resource
// Manager with one site in it, each behind TLS with certificates of the simulator's
// own authority.
//
// Its one promise: it is on the reader's side and hostile to the client. It
// judges (what a client must never do becomes a complaint, see
// [World.Complaints]), it keeps a book of every record published and received,
// and it misbehaves unless told to be [Options.Calm]. What it does at random
// follows from its seed.
//
// It is not a copy of the real services: page sizes, hosts and the shapes of ids
// differ on purpose where the documents leave them open. It keeps nothing: keys
// are new at every start. Only tests and the program in simulator/ import it.
package sim
