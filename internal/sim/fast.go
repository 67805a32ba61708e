package sim

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The fast mode is for measurements: contents are served as bytes made before
// ([World.Stock]), posts are kept as bytes and judged afterwards, so that on the
// same machine the world costs little beside the collector.

// A KeptPost is the body of an accepted POST to a data stream.
type KeptPost struct {
	At   time.Time // when all of it was here
	Body []byte

	stream string
}

type keptPosts struct {
	mu    sync.Mutex
	posts []KeptPost
}

// KeptPosts are those that came after the first n, in the order of their coming.
func (w *World) KeptPosts(n int) []KeptPost {
	w.kept.mu.Lock()
	defer w.kept.mu.Unlock()
	return slices.Clone(w.kept.posts[min(n, len(w.kept.posts)):])
}

// Judge reads a post that was kept and says what ingest would have: limits, form
// and conventions become complaints.
func (w *World) Judge(p KeptPost) []Message {
	inflated, err := inflate(p.Body, maxInflated)
	if err != nil {
		w.judge.complain("alertlogic ingest: " + err.Error())
		return nil
	}
	messages, metadata, err := readBatches(inflated)
	if err != nil {
		w.judge.complain("alertlogic ingest: " + err.Error())
		return nil
	}
	if len(p.Body) > w.AlertLogic.mostCompressed(&Post{Stream: p.stream, Records: len(messages)}) {
		w.judge.complain("alertlogic ingest: a post over the limit")
	}
	w.AlertLogic.judgeConventions(messages, metadata)
	return messages
}

// hasten puts the fast mode in front of the services, if it is asked for.
func (w *World) hasten(services map[Service]http.Handler) {
	if w.o.KeepPosts {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /ingest/v1/{account}/data/{stream}", w.keepPost)
		mux.Handle("/", services[Ingest])
		services[Ingest] = mux
	}
	if w.o.Latency > 0 {
		services[Entra] = w.late(entraOp, services[Entra])
		services[Management] = w.late(feedOp, services[Management])
		services[AlertLogicAPI] = w.late(w.AlertLogic.Op, services[AlertLogicAPI])
		services[Ingest] = w.late(w.AlertLogic.Op, services[Ingest])
	}
}

func (w *World) keepPost(rw http.ResponseWriter, r *http.Request) {
	refusal := w.AlertLogic.admit(r)
	if refusal == nil {
		refusal = judgeIngestHeader(r.Header, r.PathValue("stream"))
	}
	if refusal != nil {
		w.AlertLogic.refuse(rw, "ingest", refusal)
		return
	}
	p := KeptPost{stream: r.PathValue("stream")}
	var err error
	if r.ContentLength > 0 && r.ContentLength <= maxCompressed {
		p.Body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, p.Body)
	} else {
		p.Body, err = io.ReadAll(io.LimitReader(r.Body, maxCompressed+1))
	}
	if err != nil {
		http.Error(rw, "body incomplete", http.StatusBadRequest)
		return
	}
	p.At = time.Now() // of this machine, as whoever measures counts
	w.kept.mu.Lock()
	w.kept.posts = append(w.kept.posts, p)
	w.kept.mu.Unlock()
	rw.WriteHeader(http.StatusAccepted)
}

// late answers tokens, contents and posts after [Options.Latency].
func (w *World) late(op func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch op(r) {
		case OpToken, OpAIMS, OpBlob, OpIngest:
			timer := time.NewTimer(w.o.Latency)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(rw, r)
	})
}
