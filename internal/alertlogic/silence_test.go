package alertlogic_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"azcollector/internal/alertlogic"
)

// An acknowledgement is its status: a body that is announced and never comes takes
// nothing back, and holds nobody up.
func TestSendDoesNotWaitForTheBodyOfAnAcknowledgement(t *testing.T) {
	s := newService(t)
	s.ingest = func(w http.ResponseWriter, r *http.Request, _ post) bool {
		w.Header().Set("Content-Length", "10")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "taken")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // less than any other patience
	defer cancel()
	b := fill(t, mustIngest(t, s.overTLS(), alertlogic.IngestOptions{}), `{"a":1}`)
	if err := b.Send(ctx); err != nil || states(b) != "d" {
		t.Errorf("outcome %s, %v", states(b), err)
	}
	if ctx.Err() != nil {
		t.Error("it was waited for")
	}
}
