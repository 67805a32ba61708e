package updater_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"azcollector/internal/collect"
	"azcollector/updater"
)

// An error tells nothing of the address, even if the server repeats it wherever it can,
// or if the address itself is wrong.
func TestErrorsTellNoSecret(t *testing.T) {
	const forbidden = "aHVudGVyMg"
	w := newWorld(t)
	for _, status := range []int{200, 204, 302, 307, 400, 401, 403, 404, 500, 503} {
		for name, location := range map[string]string{"a good location": "https://elsewhere.example/?", "a broken one": "https://%zz/?"} {
			w.answers(func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Location", location+r.URL.RawQuery)
				rw.WriteHeader(status)
				_, _ = io.WriteString(rw, r.URL.String())
			})
			err := w.Run(t.Context())
			if err == nil || strings.Contains(err.Error(), forbidden) || strings.Contains(w.kept(t).Error, forbidden) {
				t.Errorf("%d, %s: %v", status, name, err)
			}
		}
	}
	address := w.address()
	w.server.Close()
	for _, wrong := range []string{
		address, // nobody listens any more
		"http://config.example/?" + signature,
		"ftp://config.example/?" + signature,
		"https://user:aHVudGVyMg@config.example/",
		"https://%zz/?" + signature,
		"https:///config?" + signature,
		"https://config.example:port/?" + signature,
		"?" + signature,
	} {
		if _, err := updater.Fetch(w.server.Client(), wrong)(t.Context()); err == nil || strings.Contains(err.Error(), forbidden) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// The query belongs to the address and arrives as it is written.
func TestFetchAsksForTheWholeAddress(t *testing.T) {
	w := newWorld(t)
	full := strings.Repeat("x", collect.MaxConfig)
	w.answers(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/config.json" || r.URL.RawQuery != signature {
			t.Errorf("asked for %s %s", r.Method, r.URL)
		}
		_, _ = io.WriteString(rw, full)
	})
	if body, err := w.Fetch(t.Context()); err != nil || string(body) != full {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

// A stalled server is a line that has gone dead after the header.
type stalled struct{}

func (stalled) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(readFunc(func([]byte) (int, error) {
		<-req.Context().Done()
		return 0, req.Context().Err()
	}))}, nil
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// Without a limit of its own this test would never end.
func TestFetchGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := updater.Fetch(&http.Client{Transport: stalled{}}, "https://config.example/")(t.Context())
		if err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "not done within 30s") {
			t.Errorf("got %v", err)
		}
	})
}

func TestTrigger(t *testing.T) {
	var f struct {
		Bindings []struct {
			Type, Direction, Name, Schedule string
			UseMonitor                      bool
		}
	}
	if err := json.Unmarshal(updater.Trigger(), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Bindings) != 1 || f.Bindings[0].Type != "timerTrigger" || f.Bindings[0].Name != "timer" || f.Bindings[0].Direction != "in" ||
		f.Bindings[0].Schedule != "%UPDATER_SCHEDULE%" || !f.Bindings[0].UseMonitor {
		t.Errorf("%+v", f)
	}
}
