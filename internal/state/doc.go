// Package state keeps what azcollector must remember: the rows and payloads of
// [collect.Store], in an Azure storage account ([Azure]) or in a directory of
// the machine it runs on ([Embedded]). In the account there is also a queue, whose
// messages are hints: where to look, never what is. Beside it there is the container
// of verified packages ([Packages]), which lies in an account of its own.
//
// Its one promise is: a write that returned without an error is durable and
// happened exactly once, and a write that did not happen says so. What the
// network leaves open is read back and settled here.
//
// It is not a database: it knows keys and versions, and nothing of contents,
// records or cursors. Both stores obey the limits of real Table Storage, checked
// in one place, so that what works on a laptop works in the cloud.
package state
