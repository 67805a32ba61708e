package state_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

// A repeat is a transport that answers every GET alike and keeps what it is told
// to delete.
type repeat struct {
	answer  []byte
	deleted []string
}

func (a *repeat) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodDelete {
		a.deleted = append(a.deleted, r.URL.Path)
	}
	w := httptest.NewRecorder()
	if r.Method == http.MethodDelete {
		w.WriteHeader(http.StatusNoContent)
	}
	_, _ = w.Write(a.answer)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// Whatever the answer holds, to forget a message is to delete that one, never
// the queue's messages or anything elsewhere.
func FuzzAzureReceive(f *testing.F) {
	for _, id := range []string{"11-aa", "", ".", "..", "?", "#", "a/b", "%2e%2e", "a b", "-", "ü"} {
		f.Add(fmt.Appendf(nil, oneMessage, id, "receipt"))
		f.Add(fmt.Appendf(nil, oneMessage, id, ""))
	}
	f.Add([]byte("<QueueMessagesList><QueueMessage/><QueueMessage></QueueMessage></QueueMessagesList>"))
	f.Add([]byte("<QueueMessagesList/>"))
	f.Add([]byte("<QueueMessagesList>"))
	f.Add([]byte("\xef\xbb\xbf<?xml version=\"1.0\"?><other/>"))
	f.Add([]byte{})
	var transport repeat
	s, err := state.OpenAzure(state.AzureOptions{ConnectionString: "UseDevelopmentStorage=true", HTTP: &http.Client{Transport: &transport}})
	if err != nil {
		f.Fatal(err)
	}
	s.Retry = collect.Retry{Attempts: 1}
	f.Fuzz(func(t *testing.T, answer []byte) {
		transport = repeat{answer: answer}
		got, err := s.Receive(t.Context(), 32, time.Minute)
		if err != nil {
			if _, ok := errors.AsType[*collect.Fault](err); !ok || got != nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v with %q", got, err)
			}
			return
		}
		for _, m := range got {
			want(t, s.Forget(t.Context(), m), nil, "forget")
		}
		const messages = "/devstoreaccount1/o365-content/messages/"
		for _, path := range transport.deleted {
			if id, ok := strings.CutPrefix(path, messages); !ok || strings.Trim(id, "./") == "" || strings.Contains(id, "/") {
				t.Errorf("deleted %s", path)
			}
		}
		if len(transport.deleted) != len(got) {
			t.Errorf("%d deletes for %d messages", len(transport.deleted), len(got))
		}
	})
}
