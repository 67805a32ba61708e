package alertlogic

import (
	"crypto/sha1" // #nosec G505 -- for the checksum below
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"azcollector/internal/collect"
	wireformat "azcollector/proto"
)

// What every record of Microsoft 365 says of itself, as the incumbent writes it.
const (
	priority    = 11
	progName    = "o365webhook"
	messageType = "json/azure.o365"
)

// Field numbers of proto/ingest.proto. All are below 16: a tag is one byte.
const (
	listElem protowire.Number = 1 // collected_batch_list

	batchSource   protowire.Number = 1 // collected_batch
	batchMetadata protowire.Number = 2
	batchMessage  protowire.Number = 3

	messageTime     protowire.Number = 2 // collected_message
	messagePriority protowire.Number = 3
	messageProgram  protowire.Number = 4
	messageText     protowire.Number = 6
	messageKind     protowire.Number = 7
	messageKindID   protowire.Number = 8
	messageMicros   protowire.Number = 9
)

// tagSize is the size of a tag of a field below 16.
const tagSize = 1

func fieldSize(n int) int { return tagSize + protowire.SizeBytes(n) }

// bodySize is what a record's collected_message weighs without its own tag and length.
func bodySize(r collect.Record) int {
	n := tagSize + protowire.SizeFixed64() + tagSize + protowire.SizeFixed32() + fieldSize(len(progName)) +
		fieldSize(len(r.Raw)) + fieldSize(len(messageType)) + tagSize + protowire.SizeFixed32()
	if len(r.Type) > 0 {
		n += fieldSize(len(r.Type))
	}
	return n
}

func messageSize(r collect.Record) int { return fieldSize(bodySize(r)) }

// appendMessage appends a record as an element of collected_batch.message, its
// JSON verbatim, and says where the JSON begins.
func appendMessage(b []byte, r collect.Record) (_ []byte, raw int) {
	at := r.Time
	if at.Unix() < 0 { // the field has no sign
		at = time.Unix(0, 0)
	}
	b = protowire.AppendTag(b, batchMessage, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(bodySize(r)))
	b = protowire.AppendTag(b, messageTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, uint64(at.Unix()))
	b = protowire.AppendTag(b, messagePriority, protowire.Fixed32Type)
	b = protowire.AppendFixed32(b, priority)
	b = protowire.AppendTag(b, messageProgram, protowire.BytesType)
	b = protowire.AppendString(b, progName)
	b = protowire.AppendTag(b, messageText, protowire.BytesType)
	b = protowire.AppendBytes(b, r.Raw)
	raw = len(b) - len(r.Raw)
	b = protowire.AppendTag(b, messageKind, protowire.BytesType)
	b = protowire.AppendString(b, messageType)
	if len(r.Type) > 0 {
		b = protowire.AppendTag(b, messageKindID, protowire.BytesType)
		b = protowire.AppendBytes(b, r.Type)
	}
	b = protowire.AppendTag(b, messageMicros, protowire.Fixed32Type)
	b = protowire.AppendFixed32(b, uint32(at.Nanosecond()/1000))
	return b, raw
}

// A heading is what stands before a batch's messages, the same for all of a second.
type heading struct {
	host, source string
	at           int64 // seconds
	encoded      []byte
}

// head is what stands before a batch's messages: who sends, and from where. Its
// timestamp is the moment of the post, in seconds.
func (s *Ingest) head(who Registration) []byte {
	now := time.Now().Unix()
	last := s.heading.Load()
	if last == nil || last.at != now || last.host != who.HostID || last.source != who.SourceID {
		last = &heading{who.HostID, who.SourceID, now, s.encodeHead(who, now)}
		s.heading.Store(last)
	}
	return last.encoded
}

func (s *Ingest) encodeHead(who Registration, at int64) []byte {
	m := &wireformat.Metadata{
		HostUuid:     proto.String(who.HostID),
		DataChecksum: []byte{},
		Data: &wireformat.Dict{Elem: []*wireformat.Elem{
			{Key: proto.String("host_type"), Value: &wireformat.Value{Str: proto.String("azure_fun")}},
			{Key: proto.String("local_hostname"), Value: &wireformat.Value{Str: proto.String(s.options.Hostname)}},
		}},
	}
	sum := sha1.Sum(mustMarshal(m)) // #nosec G401 -- the service's checksum of what it knows of a host, no protection
	m.DataChecksum = sum[:]
	m.Timestamp = proto.Uint64(uint64(at))

	b := protowire.AppendTag(nil, batchSource, protowire.BytesType)
	b = protowire.AppendString(b, who.SourceID)
	b = protowire.AppendTag(b, batchMetadata, protowire.BytesType)
	return protowire.AppendBytes(b, mustMarshal(m))
}

// mustMarshal encodes a message all of whose required fields are set.
func mustMarshal(m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("alertlogic: encode metadata: %v", err))
	}
	return b
}
