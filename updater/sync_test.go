package updater_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"azcollector/internal/collect"
	"azcollector/updater"
)

// Whatever is wrong, the last good configuration stays and the state says why; the next
// good one is taken.
func TestRefused(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(code) }
	}
	serve := func(b []byte) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(b) }
	}
	next := document(6, 6)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string // in the reason
	}{
		"unsigned":           {serve([]byte(next)), "payloadType is not"},
		"no signature":       {serve(bytes.Replace(seal(t, next), []byte(`"signatures"`), []byte(`"unread"`), 1)), "none of its 0 signatures"},
		"changed":            {serve(bytes.Replace(seal(t, next), []byte(`"payload": "e`), []byte(`"payload": "f`), 1)), "none of its 1 signatures"},
		"a stranger's key":   {serve(wrap(t, updater.ConfigType, next, stranger)), "none of its 1 signatures"},
		"a release":          {serve(wrap(t, "application/vnd.azcollector.release.v1+json", next, ours)), "payloadType is not"},
		"an older version":   {serve(seal(t, document(4, 4))), "version 4 is older than the one that is applied, 5: every change needs a higher version"},
		"other words":        {serve(seal(t, document(5, 6))), "every change needs a higher version"},
		"an unknown member":  {serve(seal(t, `{"version": 6, "settings": {}, "hosts": {}}`)), `member "hosts" is unknown`},
		"broken document":    {serve(seal(t, `{"version": 6,`)), "unexpected end of JSON"},
		"broken envelope":    {serve(seal(t, next)[1:]), "parse the envelope"},
		"nothing":            {serve(nil), "parse the envelope"},
		"too large":          {serve(bytes.Repeat([]byte(" "), collect.MaxConfig+1)), "has more than 61440 bytes"},
		"Check refuses":      {serve(seal(t, document(6, 0))), "check version 6 of the configuration: O365_CONCURRENCY: must be more"},
		"not there":          {status(404), "answers 404 Not Found"},
		"not for us":         {status(403), "answers 403 Forbidden"},
		"a server's fault":   {status(503), "answers 503 Service Unavailable"},
		"nothing to send":    {status(204), "answers 204 No Content"},
		"a cut-off document": {cutOff, "unexpected EOF"},
		"a redirect": {func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				_, _ = rw.Write(seal(t, next))
				return
			}
			http.Redirect(rw, r, "/elsewhere", http.StatusFound)
		}, "answers 302, and redirects are not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			five := seal(t, document(5, 5))
			w.publish(five)
			if err := w.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			applied := w.kept(t)

			w.answers(c.answer)
			err := w.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			got := w.kept(t)
			if got.Version != 5 || !bytes.Equal(got.Envelope, five) || !got.At.Equal(applied.At) {
				t.Errorf("it did not stay: version %d, %s", got.Version, got.Envelope)
			}
			if got.Error != err.Error() {
				t.Errorf("the state says %q, the error %q", got.Error, err)
			}

			w.publish(seal(t, next))
			if err := w.Run(t.Context()); err != nil {
				t.Fatalf("a good one: %v", err)
			}
			if got := w.kept(t); got.Version != 6 || got.Error != "" {
				t.Errorf("after a good one: version %d, error %q", got.Version, got.Error)
			}
		})
	}
}

func cutOff(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Length", "1000")
	_, _ = rw.Write([]byte("{"))
}

// The first document of all may be a bad one, too.
func TestRefusedFromTheStart(t *testing.T) {
	w := newWorld(t)
	w.publish([]byte("{}"))
	err := w.Run(t.Context())
	if got := w.kept(t); err == nil || got.Version != 0 || len(got.Envelope) != 0 || got.Error != err.Error() {
		t.Errorf("%v; kept %+v", err, got)
	}
}

func TestSameAgainIsNoChange(t *testing.T) {
	w := newWorld(t)
	w.publish(seal(t, document(1, 8)))
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := w.kept(t)
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.kept(t); got.Version != 1 || !got.At.Equal(first.At) || got.Tried.Before(first.Tried) {
		t.Errorf("first %+v\nthen  %+v", first, got)
	}
}

// A body that stops half way ends with the time it was given: that is a reason to
// remember. That we are stopped meanwhile is none.
func TestSlowBody(t *testing.T) {
	for name, stopped := range map[string]bool{"its time is over": false, "we are stopped": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			run, stop := context.WithCancel(t.Context())
			defer stop()
			fetch := w.Fetch
			w.answers(func(rw http.ResponseWriter, r *http.Request) {
				_, _ = rw.Write([]byte("{"))
				_ = http.NewResponseController(rw).Flush()
				stop()
				<-r.Context().Done()
			})
			ctx := run
			if !stopped {
				ctx = t.Context()
				w.Fetch = func(context.Context) ([]byte, error) { return fetch(run) }
			}
			err := w.Run(ctx)
			if !errors.Is(err, context.Canceled) || err.Error() != "fetch the configuration: context canceled" { // and nothing of the state
				t.Fatalf("got %v", err)
			}
			if got := w.kept(t); stopped != (got.Error == "") || stopped != got.Tried.IsZero() {
				t.Errorf("the state says %q", got.Error)
			}
		})
	}
}

// Of two at once the higher version stays, whichever comes last, and only the one with
// the lower version may complain.
func TestTwoAtOnce(t *testing.T) {
	for name, lower := range map[string]int{"the same": 2, "another": 1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var both sync.WaitGroup
			for _, version := range []int{lower, 2} {
				s := *w.Sync
				s.Fetch = func(context.Context) ([]byte, error) { return seal(t, document(version, version)), nil }
				both.Go(func() {
					if err := s.Run(t.Context()); err != nil && (version == 2 || !errors.Is(err, collect.ErrOlder)) {
						t.Errorf("version %d: %v", version, err)
					}
				})
			}
			both.Wait()
			if got := w.kept(t); got.Version != 2 || !bytes.Equal(got.Envelope, seal(t, document(2, 2))) {
				t.Errorf("kept version %d", got.Version)
			}
		})
	}
}
