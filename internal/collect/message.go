package collect

import (
	"encoding/json"
	"errors"
)

// A message is what travels through the queue: the name of a content's row, and
// nothing that anybody could be sent to.
type message struct {
	Partition string `json:"partition"`
	Row       string `json:"row"`
}

// Message names a content's row for the queue.
func Message(content Key) []byte {
	b, err := json.Marshal(message{content.Partition, content.Row})
	if err != nil { // two strings always marshal
		panic(err)
	}
	return b
}

// ReadMessage returns the key that a message names. Whoever can write to the
// queue wrote it: the key is checked when the row is read.
func ReadMessage(payload []byte) (Key, error) {
	var m message
	if err := json.Unmarshal(payload, &m); err != nil || m.Partition == "" || m.Row == "" {
		return Key{}, errors.New(`read message: it is no {"partition":…,"row":…} that names a row of the ledger`)
	}
	return Key{Kind: kindContent, Partition: m.Partition, Row: m.Row}, nil
}
