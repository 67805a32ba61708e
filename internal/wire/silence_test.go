package wire_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"azcollector/internal/wire"
)

// An answer that begins and does not go on ends with an error that says so; one that
// goes on slowly is read to its end.
func TestClientBoundsSilence(t *testing.T) {
	for name, c := range map[string]struct {
		pieces int // of a body that should have three
		pause  time.Duration
		want   string // in the error
	}{
		"falls silent": {pieces: 2, pause: time.Millisecond, want: "fell silent for 2s"},
		"is slow":      {pieces: 3, pause: 800 * time.Millisecond}, // longer in all than one silence may be
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := make(chan struct{})
			server, options := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "9")
				for range c.pieces {
					time.Sleep(c.pause)
					_, _ = io.WriteString(w, "abc")
					_ = http.NewResponseController(w).Flush()
				}
				if c.pieces < 3 {
					<-r.Context().Done()
					close(left)
				}
			})
			options.HeaderTimeout = 2 * time.Second
			resp, err := wire.Client(options).Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if c.want == "" {
				if err != nil || len(got) != 9 {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || string(got) != "abcabc" {
				t.Errorf("got %q, %v", got, err)
			}
			if _, again := resp.Body.Read(make([]byte, 1)); again == nil || again.Error() != err.Error() {
				t.Errorf("another read says %v", again)
			}
			select {
			case <-left:
			case <-time.After(20 * time.Second):
				t.Error("the connection is kept")
			}
		})
	}
}

// A reader who takes his time finds the rest of the answer still there.
func TestClientBlamesNobodyForASlowReader(t *testing.T) {
	t.Parallel()
	server, options := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "whole") })
	options.HeaderTimeout = 2 * time.Second
	resp, err := wire.Client(options).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	time.Sleep(options.HeaderTimeout + time.Second)
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "whole" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestDirectUsesNoProxy(t *testing.T) {
	client := wire.Client(wire.Options{})
	if got := wire.Direct(client).Transport.(*wire.Transport); got.Proxy != nil {
		t.Error("a direct client has a proxy")
	}
	if client.Transport.(*wire.Transport).Proxy == nil {
		t.Error("the client that it comes from has lost its own")
	}
}
