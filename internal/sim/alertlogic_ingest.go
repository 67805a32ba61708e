package sim

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// maxCompressed is the most that one POST may have (docs/design.md, "The ingest wire").
	maxCompressed = 10_000_000
	// maxInflated guards against a bomb. Batches are cut at 4 MiB and a content
	// is 256 MiB at the most, so an honest record is far below it.
	maxInflated = 512 << 20
)

// ingestTypes is the Content-Type that each data stream takes.
var ingestTypes = map[string]string{
	"logmsgs":   "alertlogic.com/lm3-protobuf",
	"aicspmsgs": "alertlogic.com/pass-through",
}

// A Post is one POST to a data stream of ingest.
type Post struct {
	Stream     string // "logmsgs" or "aicspmsgs"
	Size       int    // of the inflated body; 0 if it was not read so far
	Compressed int    // of the body as it came; at most one byte more than is allowed
	Records    int    // 0 if they could not be read
	Status     int
	Time       time.Time // when it came
}

// Ingest serves the data streams. A POST is accepted whole (202) or not at all.
func (a *AlertLogic) Ingest() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ingest/v1/{account}/data/{stream}", a.takePost)
	mux.HandleFunc("GET /ingest/v1/{account}/data/{stream}", a.look)
	mux.HandleFunc("/", a.nowhere("ingest"))
	return mux
}

// look answers somebody who only asks whether the token is good here. What the
// real service answers to that is not known: no more is made of it than that.
func (a *AlertLogic) look(w http.ResponseWriter, r *http.Request) {
	if refusal := a.admit(r); refusal != nil {
		a.refuse(w, "ingest", refusal)
		return
	}
	w.WriteHeader(http.StatusMethodNotAllowed)
}

func (a *AlertLogic) takePost(w http.ResponseWriter, r *http.Request) {
	post := Post{Stream: r.PathValue("stream"), Time: a.o.Now()}
	if ingestTypes[post.Stream] == "" {
		a.nowhere("ingest")(w, r)
		return
	}
	refusal := a.settle(r, &post)
	post.Status = http.StatusAccepted
	if refusal != nil {
		post.Status = refusal.status
	}
	a.mu.Lock()
	a.posts = append(a.posts, post)
	a.mu.Unlock()
	if refusal != nil {
		a.refuse(w, "ingest", refusal)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// settle reads, judges and delivers one POST.
func (a *AlertLogic) settle(r *http.Request, post *Post) *alRefusal {
	if refusal := a.admit(r); refusal != nil {
		return refusal
	}
	if refusal := judgeIngestHeader(r.Header, post.Stream); refusal != nil {
		return refusal
	}
	if by := r.Header.Get("X-Invoked-By"); by != "azure_function" {
		a.complain("ingest", fmt.Sprintf("x-invoked-by is %q, not azure_function", by))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCompressed+1))
	if err != nil {
		// The connection broke: nobody is there to read this, and nobody is to blame.
		return &alRefusal{status: http.StatusBadRequest, text: "body incomplete", silent: true}
	}
	post.Compressed = len(body)
	if len(body) > maxCompressed {
		return &alRefusal{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf("compressed body over %d bytes", maxCompressed)}
	}
	inflated, err := inflate(body, maxInflated)
	if err != nil {
		return &alRefusal{status: http.StatusBadRequest, text: err.Error()}
	}
	post.Size = len(inflated)
	messages, metadata, err := readBatches(inflated)
	if err != nil {
		return &alRefusal{status: http.StatusBadRequest, text: err.Error()}
	}
	post.Records = len(messages)
	if most := a.mostCompressed(post); post.Compressed > most {
		return &alRefusal{status: http.StatusRequestEntityTooLarge,
			text: fmt.Sprintf("compressed body of %d records is %d bytes, over %d", post.Records, post.Compressed, most)}
	}
	a.judgeConventions(messages, metadata)
	return a.deliver(messages)
}

func judgeIngestHeader(h http.Header, stream string) *alRefusal {
	if got, want := h.Get("Content-Type"), ingestTypes[stream]; got != want {
		return &alRefusal{status: http.StatusUnsupportedMediaType, text: fmt.Sprintf("Content-Type of %s is %q, not %s", stream, got, want)}
	}
	if got := h.Get("Content-Encoding"); got != "deflate" {
		return &alRefusal{status: http.StatusUnsupportedMediaType, text: fmt.Sprintf("Content-Encoding is %q, not deflate", got)}
	}
	return nil
}

// mostCompressed is the limit of a POST: a record that travels alone may be
// larger, but only where the newer stream takes it.
func (a *AlertLogic) mostCompressed(post *Post) int {
	if post.Records == 1 && post.Stream == "logmsgs" {
		return maxCompressed
	}
	return a.o.MaxPayload
}

// inflate reads a zlib stream (what HTTP calls "deflate": RFC 9110, 8.4.1.2) that
// ends where the body ends, into at most so many bytes.
func inflate(body []byte, most int) ([]byte, error) {
	rest := bytes.NewReader(body) // an io.ByteReader, so that nothing is read ahead
	z, err := zlib.NewReader(rest)
	if err != nil {
		return nil, fmt.Errorf("body is not zlib: %w", err)
	}
	inflated, err := io.ReadAll(io.LimitReader(z, int64(most)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("body is not zlib: %w", err)
	case len(inflated) > most:
		return nil, fmt.Errorf("body inflates beyond %d bytes", most)
	case rest.Len() > 0:
		return nil, errors.New("trailing bytes after the zlib stream")
	}
	return inflated, nil
}

// deliver hands the messages on, unless one of them is poison.
func (a *AlertLogic) deliver(messages []Message) *alRefusal {
	a.callbacks.Lock()
	defer a.callbacks.Unlock()
	a.mu.Lock()
	poison := a.poison
	a.mu.Unlock()
	if poison != nil {
		for _, m := range messages {
			if text := poison(m); text != "" {
				return &alRefusal{status: http.StatusBadRequest, text: text, silent: true}
			}
		}
	}
	if a.o.OnMessage != nil {
		for _, m := range messages {
			a.o.OnMessage(m)
		}
	}
	return nil
}
