package state_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue"
	"github.com/google/go-cmp/cmp"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

// somebody is another user of the queue, which exists and is empty.
func somebody(t *testing.T) *azqueue.QueueClient {
	t.Helper()
	q := noQueue(t)
	if _, err := q.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return q
}

// noQueue sees to it that there is none.
func noQueue(t *testing.T) *azqueue.QueueClient {
	t.Helper()
	q, err := azqueue.NewQueueClientFromConnectionString(connection(t), "o365-content", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Delete(t.Context(), nil); err != nil && !strings.Contains(err.Error(), "QueueNotFound") {
		t.Fatal(err)
	}
	return q
}

func contentKey(row string) collect.Key {
	return collect.Key{Kind: "content", Partition: "tenant|2026-11-22", Row: row}
}

func receive(t *testing.T, s *state.Azure, most int) []state.Message {
	t.Helper()
	got, err := s.Receive(t.Context(), most, time.Hour)
	want(t, err, nil, "receive")
	return got
}

func wantWaiting(t *testing.T, s *state.Azure, n int) {
	t.Helper()
	got, err := s.Waiting(t.Context())
	want(t, err, nil, "count")
	if got != n {
		t.Fatalf("%d messages wait, want %d", got, n)
	}
}

func TestAzureQueue(t *testing.T) {
	noQueue(t)
	s := openAzure(t, state.AzureOptions{ConnectionString: connection(t)})
	for range 2 {
		want(t, s.CreateQueue(t.Context()), nil, "create")
	}
	key := contentKey("Audit.Exchange|1")
	want(t, s.Wake(t.Context(), key, time.Now().Add(-time.Minute)), nil, "wake")
	wantWaiting(t, s, 1)

	got := receive(t, s, 32)
	if len(got) != 1 || got[0].Attempts != 1 {
		t.Fatalf("received %+v", got)
	}
	named, err := collect.ReadMessage(got[0].Body)
	want(t, err, nil, "read the message")
	if diff := cmp.Diff(key, named); diff != "" {
		t.Error(diff)
	}
	if more := receive(t, s, 32); len(more) != 0 {
		t.Errorf("it is hidden, but received again: %+v", more)
	}
	wantWaiting(t, s, 1)
	for range 2 { // the second time it is gone
		want(t, s.Forget(t.Context(), got[0]), nil, "forget")
		wantWaiting(t, s, 0)
	}
}

func TestAzureQueueMissing(t *testing.T) {
	noQueue(t)
	s := openAzure(t, state.AzureOptions{ConnectionString: connection(t)})
	wantWaiting(t, s, 0)
	if got := receive(t, s, 1); len(got) != 0 {
		t.Errorf("received %+v", got)
	}
	want(t, s.Wake(t.Context(), contentKey("r"), time.Time{}), nil, "wake makes the queue")
	wantWaiting(t, s, 1)
	got := receive(t, s, 1)
	noQueue(t)
	want(t, s.Forget(t.Context(), got[0]), nil, "forget what went with its queue")
}

func TestAzureWakeLater(t *testing.T) {
	somebody(t)
	s := openAzure(t, state.AzureOptions{ConnectionString: connection(t)})
	want(t, s.Wake(t.Context(), contentKey("later"), time.Now().Add(time.Hour)), nil, "wake")
	want(t, s.Wake(t.Context(), contentKey("now"), time.Now().Add(-time.Second)), nil, "wake")
	got := receive(t, s, 32)
	if len(got) != 1 || !strings.Contains(string(got[0].Body), "now") {
		t.Errorf("received %+v, want the one that is not delayed", got)
	}
	wantWaiting(t, s, 2)
}

func TestAzureReceiveMost(t *testing.T) {
	somebody(t)
	s := openAzure(t, state.AzureOptions{ConnectionString: connection(t)})
	for i := range 40 {
		want(t, s.Wake(t.Context(), contentKey(fmt.Sprint(i)), time.Time{}), nil, "wake")
	}
	for _, c := range []struct{ most, want int }{{0, 0}, {-1, 0}, {3, 3}, {100, 32}, {100, 5}, {1, 0}} {
		if got := receive(t, s, c.most); len(got) != c.want {
			t.Errorf("asked for %d, received %d, want %d", c.most, len(got), c.want)
		}
	}
	for _, hidden := range []time.Duration{0, -time.Second, 999 * time.Millisecond, 7*24*time.Hour + 1} {
		_, err := s.Receive(t.Context(), 1, hidden)
		want(t, err, collect.ErrLimit, "receive hidden for "+hidden.String())
	}
}

func TestAzureReceivedBySomebodyElse(t *testing.T) {
	other := somebody(t)
	s := openAzure(t, state.AzureOptions{ConnectionString: connection(t)})
	want(t, s.Wake(t.Context(), contentKey("r"), time.Time{}), nil, "wake")
	first, err := other.DequeueMessage(t.Context(), nil)
	want(t, err, nil, "somebody receives it")
	m := first.Messages[0]
	_, err = other.UpdateMessage(t.Context(), *m.MessageID, *m.PopReceipt, *m.MessageText, nil)
	want(t, err, nil, "and gives it back")

	ours, err := s.Receive(t.Context(), 1, time.Second)
	want(t, err, nil, "receive")
	if len(ours) != 1 || ours[0].Attempts != 2 {
		t.Fatalf("received %+v, want the second attempt", ours)
	}
	var theirs []state.Message
	for len(theirs) == 0 { // until it comes back
		theirs = receive(t, s, 1)
	}
	if theirs[0].Attempts != 3 {
		t.Errorf("attempts %d", theirs[0].Attempts)
	}
	want(t, s.Forget(t.Context(), ours[0]), nil, "forget what is somebody else's")
	wantWaiting(t, s, 1)
	want(t, s.Forget(t.Context(), theirs[0]), nil, "forget")
	wantWaiting(t, s, 0)
}

func TestAzureMessageBodies(t *testing.T) {
	other := somebody(t)
	s := openAzure(t, state.AzureOptions{ConnectionString: connection(t)})
	for text, body := range map[string]string{
		"aGVsbG8=":                       "hello",
		`{"partition":"p","row":"r"}`:    `{"partition":"p","row":"r"}`,
		"aGVsbG8":                        "aGVsbG8", // no padding
		"aGVsbG9=":                       "aGVsbG9=",
		"<b>&amp; ü 漢":                   "<b>&amp; ü 漢",
		strings.Repeat("QUJD", 16<<10):   strings.Repeat("ABC", 16<<10),
		"eyJwIjoiXHUwMDAwIn0K":           "{\"p\":\"\\u0000\"}\n",
		"not base64, but long " + secret: "not base64, but long " + secret,
	} {
		_, err := other.EnqueueMessage(t.Context(), text, nil)
		want(t, err, nil, "put")
		got := receive(t, s, 32)
		if len(got) != 1 || string(got[0].Body) != body {
			t.Errorf("%.40q: received %d messages, not one that says %.200q", text, len(got), body)
		}
	}
}

func TestAzureWakeOnTheWire(t *testing.T) {
	other := somebody(t)
	s := openAzure(t, state.AzureOptions{ConnectionString: connection(t)})
	longest := collect.Key{Kind: "content", Partition: strings.Repeat("p", 1000), Row: strings.Repeat("r", 1000)}
	for _, key := range []collect.Key{contentKey("Audit.General|20261122$a_2F"), longest} {
		want(t, s.Wake(t.Context(), key, time.Time{}), nil, "wake")
		got, err := other.DequeueMessage(t.Context(), nil)
		want(t, err, nil, "receive")
		if len(got.Messages) != 1 {
			t.Fatalf("received %d messages", len(got.Messages))
		}
		text := *got.Messages[0].MessageText
		if text != base64.StdEncoding.EncodeToString(collect.Message(key)) {
			t.Errorf("sent %q", text)
		}
		if at := *got.Messages[0].ExpirationTime; at.Year() < 9999 {
			t.Errorf("it ends at %v", at)
		}
	}
}

// posts is a transport that takes every message and keeps what was asked for.
type posts struct{ query []string }

func (p *posts) RoundTrip(r *http.Request) (*http.Response, error) {
	p.query = append(p.query, r.URL.Query().Get("visibilitytimeout")+" "+r.URL.Query().Get("messagettl"))
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

func TestAzureWakeDelay(t *testing.T) {
	for after, seconds := range map[time.Duration]int{
		-1 << 63: 0, -time.Hour: 0, -time.Second: 0, -time.Second + 1: 1, -1: 1, 0: 1, 1: 2, time.Second: 2, time.Second + 1: 3,
		59 * time.Minute: 3541, time.Hour - time.Second: 3600, time.Hour: 3600, 25 * time.Hour: 3600, 1<<63 - 1: 3600,
	} {
		synctest.Test(t, func(t *testing.T) {
			var p posts
			s := openAzure(t, state.AzureOptions{ConnectionString: "UseDevelopmentStorage=true", HTTP: &http.Client{Transport: &p}})
			_ = s.Wake(t.Context(), contentKey("r"), time.Now().Add(after)) // the answer is empty: what was asked is the matter
			if want := fmt.Sprintf("%d -1", seconds); len(p.query) == 0 || p.query[0] != want {
				t.Errorf("after %v: asked for %q, want %q", after, p.query, want)
			}
		})
	}
}

// A queue that was made a moment ago may be missing for a while yet.
func TestAzureWakeNewQueue(t *testing.T) {
	var puts, made atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-ms-request-id", "any")
		switch {
		case r.Method == http.MethodPut:
			made.Add(1)
			w.WriteHeader(http.StatusCreated)
		case puts.Add(1) < 4:
			w.Header().Set("x-ms-error-code", "QueueNotFound")
			w.WriteHeader(http.StatusNotFound)
		default:
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, "<QueueMessagesList/>")
		}
	}))
	defer server.Close()
	s := openAzure(t, state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret +
		";BlobEndpoint=" + server.URL + ";QueueEndpoint=" + server.URL + ";TableEndpoint=" + server.URL})
	want(t, s.Wake(t.Context(), contentKey("r"), time.Time{}), nil, "wake")
	if puts.Load() != 4 || made.Load() != 2 {
		t.Errorf("%d puts and %d makings, want 4 and 2", puts.Load(), made.Load())
	}
}

func TestAzureForgetNothing(t *testing.T) {
	somebody(t)
	s := openAzure(t, state.AzureOptions{ConnectionString: connection(t)})
	want(t, s.Wake(t.Context(), contentKey("r"), time.Time{}), nil, "wake")
	if err := s.Forget(t.Context(), state.Message{}); err == nil {
		t.Error("a message that was never received was forgotten")
	}
	wantWaiting(t, s, 1) // the address of no message is that of all
}

const oneMessage = "<QueueMessagesList><QueueMessage><MessageId>%s</MessageId><PopReceipt>%s</PopReceipt>" +
	"<DequeueCount>1</DequeueCount><MessageText>aGVsbG8=</MessageText></QueueMessage></QueueMessagesList>"

func TestAzureForgetRefused(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		code    string
		verdict collect.Verdict
		fine    bool
	}{
		"gone":                   {http.StatusNotFound, "MessageNotFound", 0, true},
		"gone with its queue":    {http.StatusNotFound, "QueueNotFound", 0, true},
		"somebody else's":        {http.StatusBadRequest, "PopReceiptMismatch", 0, true},
		"the queue is going":     {http.StatusConflict, "QueueBeingDeleted", collect.Temporary, false},
		"throttled":              {http.StatusServiceUnavailable, "ServerBusy", collect.Temporary, false},
		"forbidden":              {http.StatusForbidden, "AuthorizationFailure", collect.JudgesUs, false},
		"the SDK sent it wrong":  {http.StatusBadRequest, "InvalidUri", collect.Temporary, false},
		"not by the account":     {http.StatusNotFound, "", collect.JudgesUs, false},
		"a redirect to wherever": {http.StatusFound, "", collect.JudgesUs, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("x-ms-request-id", "any")
				if r.Method == http.MethodGet {
					fmt.Fprintf(w, oneMessage, "11-aa", secret)
					return
				}
				if r.URL.Path != "/o365-content/messages/11-aa" || r.URL.Query().Get("popreceipt") != secret {
					t.Errorf("asked to %s %s", r.Method, r.URL)
				}
				if c.code != "" {
					w.Header().Set("x-ms-error-code", c.code)
				}
				w.WriteHeader(c.status)
			}))
			defer server.Close()
			s := openAzure(t, state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret +
				";BlobEndpoint=" + server.URL + ";QueueEndpoint=" + server.URL + ";TableEndpoint=" + server.URL})
			err := s.Forget(t.Context(), receive(t, s, 1)[0])
			if c.fine {
				want(t, err, nil, "forget")
				return
			}
			if err == nil || collect.VerdictOf(err) != c.verdict {
				t.Errorf("got %v, want it to be %v", err, c.verdict)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("tells the receipt: %v", err)
			}
		})
	}
}
