package alertlogic

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"

	"azcollector/internal/collect"
)

const (
	// maxPost is the most that ingest takes in one post, compressed: the limit of
	// the incumbent's published library, in bytes.
	maxPost = 10_000_000
	// defaultPost is a size that both generations of the service take.
	defaultPost = 700_000
	// maxBatch bounds a batch in bytes before compression.
	maxBatch = 4 << 20
)

// IngestOptions of an [Ingest].
type IngestOptions struct {
	// Stream is logmsgs (also if empty) or aicspmsgs.
	Stream string
	// MaxPayload bounds the compressed body of a post in bytes, up to 10,000,000; 0: 700,000.
	MaxPayload int
	// DeflateLevel is 1 (fast) to 9 (small); 0: 6.
	DeflateLevel int
	// Hostname is the collector's local_hostname.
	Hostname string
	// Identity says who is sending. It is asked once per Send.
	Identity func(context.Context) (Registration, error)
}

// An Ingest is the sink "alertlogic". Its acknowledgement is worth "accepted":
// the service answered 2xx. If that answer is lost, the records are sent again.
type Ingest struct {
	client    *Client
	options   IngestOptions
	mediaType string
	encoders  chan *encoder // as many as there are processors: a deflater has a megabyte
	ratio     atomic.Uint64 // compressed to encoded size as seen, a float64
	heading   atomic.Pointer[heading]
}

var _ collect.Sink = (*Ingest)(nil)

// NewIngest returns a sink on top of the client, or all complaints about its settings.
func NewIngest(c *Client, o IngestOptions) (*Ingest, error) {
	var complaints []error
	s := &Ingest{client: c, mediaType: "alertlogic.com/lm3-protobuf"}
	switch o.Stream {
	case "":
		o.Stream = "logmsgs"
	case "logmsgs":
	case "aicspmsgs":
		s.mediaType = "alertlogic.com/pass-through"
	default:
		complaints = append(complaints, fmt.Errorf("APP_AL_INGEST_STREAM is %q; it must be logmsgs or aicspmsgs", o.Stream))
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = defaultPost
	}
	if o.MaxPayload < 0 || o.MaxPayload > maxPost {
		complaints = append(complaints, fmt.Errorf("APP_AL_MAX_PAYLOAD is %d; it must be between 1 and %d bytes", o.MaxPayload, maxPost))
	}
	if o.DeflateLevel == 0 {
		o.DeflateLevel = 6
	}
	if o.DeflateLevel < 1 || o.DeflateLevel > 9 {
		complaints = append(complaints, fmt.Errorf("DEFLATE_LEVEL is %d; it must be between 1 and 9", o.DeflateLevel))
	}
	s.options = o
	s.encoders = make(chan *encoder, runtime.GOMAXPROCS(0))
	for range cap(s.encoders) {
		s.encoders <- nil // made when it is first used
	}
	s.ratio.Store(math.Float64bits(firstRatio))
	return s, errors.Join(complaints...)
}

// Name is the value of SINK that chooses this sink.
func (s *Ingest) Name() string { return "alertlogic" }

// Acknowledgement says that the service answered 2xx.
func (s *Ingest) Acknowledgement() string { return "accepted" }

// NewBatch returns an empty batch.
func (s *Ingest) NewBatch() collect.Batch { return &batch{sink: s} }

// limit is the most that a post of so many records may weigh, compressed.
func (s *Ingest) limit(records int) int {
	if records == 1 && s.options.Stream == "logmsgs" {
		return maxPost // it cannot be split, and the service takes it
	}
	return s.options.MaxPayload
}

// firstRatio is assumed before anything was seen: a full batch then just fits
// into the default payload. Audit records deflate to a tenth or less.
const firstRatio = 0.15

// budget is how many encoded bytes are likely to fit into one post.
func (s *Ingest) budget() int {
	target := float64(s.options.MaxPayload) * 15 / 16 // for a batch that compresses a little worse
	return min(int(target/math.Float64frombits(s.ratio.Load())), maxBatch)
}

// learn notes how well a run compressed. One that did not fit counts at once, so
// that the next is cut smaller instead of compressed twice; good news counts by
// an eighth. Two senders at a time may lose a note, which only costs one retry
// at the right size.
func (s *Ingest) learn(encoded, compressed int, fitted bool) {
	if fitted && encoded < 64<<10 {
		return // short runs compress badly and say nothing about long ones
	}
	seen := float64(compressed) / float64(encoded)
	known := math.Float64frombits(s.ratio.Load())
	if fitted {
		seen = known + (seen-known)/8
	} else {
		seen = max(seen, known)
	}
	s.ratio.Store(math.Float64bits(max(seen, 1.0/1024))) // deflate's best is about 1:1030
}
