package sim

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// A Message is one collected_message, with the names of the batch it came in.
type Message struct {
	SourceID, HostUUID string
	// JSON is the record. It shares memory with the messages of the same POST:
	// it may be kept, not written to.
	JSON         []byte
	Type, TypeID string
	// Time is message_ts and message_ts_us, in UTC.
	Time     time.Time
	Priority uint32
	ProgName string
}

// readBatches reads a collected_batch_list. Its error is of what the real
// service could not take; conventions are judged by [AlertLogic] afterwards.
func readBatches(b []byte) (messages []Message, metadata []lm3Metadata, err error) {
	err = lm3BatchList.walk(b, func(_ protowire.Number, _ uint64, p, _ []byte) error {
		batch, meta, err := readBatch(p)
		messages, metadata = append(messages, batch...), append(metadata, meta)
		return err
	})
	if err == nil && len(messages) == 0 {
		err = errors.New("empty batch list")
	}
	if err != nil {
		return nil, nil, err
	}
	return messages, metadata, nil
}

func readBatch(b []byte) (messages []Message, meta lm3Metadata, err error) {
	var source string
	err = lm3CollectedBatch.walk(b, func(n protowire.Number, _ uint64, p, _ []byte) (err error) {
		switch n {
		case 1:
			source = string(p)
		case 2:
			meta, err = readLM3Metadata(p)
		case 3:
			var m Message
			m, err = readMessage(p)
			messages = append(messages, m)
		}
		return err
	})
	switch {
	case err != nil:
	case source == "":
		err = errors.New("collected_batch.source_id is empty")
	case !bytes.Equal(meta.checksum, meta.due[:]):
		err = fmt.Errorf("metadata.data_checksum is %x, but the metadata sums to %x", meta.checksum, meta.due)
	case len(messages) == 0:
		err = errors.New("empty batch: no message")
	}
	for i := range messages { // the order of the fields is the sender's: the names may come last
		messages[i].SourceID, messages[i].HostUUID = source, meta.hostUUID
	}
	return messages, meta, err
}

func readMessage(b []byte) (m Message, err error) {
	var seconds int64
	var micros uint32
	err = lm3CollectedMessage.walk(b, func(n protowire.Number, v uint64, p, _ []byte) error {
		switch n {
		case 2:
			seconds = int64(v)
		case 3:
			m.Priority = uint32(v)
		case 4:
			m.ProgName = string(p)
		case 6:
			m.JSON = p
		case 7:
			m.Type = string(p)
		case 8:
			m.TypeID = string(p)
		case 9:
			micros = uint32(v)
		}
		return nil
	})
	if err == nil && micros >= 1_000_000 {
		err = fmt.Errorf("collected_message.message_ts_us is %d, a second or more", micros)
	}
	m.Time = time.Unix(seconds, int64(micros)*1000).UTC()
	return m, err
}
