package updater_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"azcollector/internal/release"
	"azcollector/internal/sim"
	"azcollector/updater"
)

// A package that is not what the manifest says is not kept, not tried and not run. The
// next good release is taken.
func TestPackagesThatAreNotTaken(t *testing.T) {
	serve := func(body []byte) func(*life) { return func(l *life) { l.shop.serve("/v1.5.0/azcollector.zip", body) } }
	for name, c := range map[string]struct {
		spoil func(l *life)
		want  string
	}{
		"another one":   {serve(pack(t, "6.6.6")), "its sha256 is"},
		"cut off":       {serve(pack(t, newer)[1:]), "its sha256 is"},
		"nothing":       {serve(nil), "its sha256 is"},
		"not there":     {func(l *life) { l.shop.answer("/v1.5.0/azcollector.zip", http.NotFound) }, "answers 404 Not Found"},
		"not available": {func(l *life) { l.shop.answer("/v1.5.0/azcollector.zip", unavailable) }, "answers 503 Service Unavailable"},
		"elsewhere": {func(l *life) {
			l.shop.serve("/elsewhere", pack(l.t, newer))
			l.shop.answer("/v1.5.0/azcollector.zip", func(rw http.ResponseWriter, r *http.Request) {
				http.Redirect(rw, r, "/elsewhere", http.StatusFound)
			})
		}, "redirects are not followed"},
		"signed, and no package": {func(l *life) {
			text := []byte("a signed text")
			m := l.shop.make(newer)
			m.SHA256 = sumOf(text)
			l.shop.serve("/v1.5.0/azcollector.zip", text)
			l.shop.serve(manifestPath, l.shop.sign(m, ours))
		}, "open the package"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.shop.publish(newer)
			c.spoil(l)
			for range 3 {
				if err := l.quarter(); !says(err, c.want) || strings.Contains(err.Error(), "aHVudGVyMg") {
					t.Errorf("got %v, want %q", err, c.want)
				}
				if p := l.progress(); p.Phase != updater.Waiting || !strings.Contains(p.TakeError, c.want) {
					t.Errorf("%s", show(p))
				}
			}
			if l.platform.requests() != 0 || len(l.tried) != 0 || len(l.shelf.names()) != 0 {
				t.Errorf("asked %v, tried %v, kept %v", l.platform.world.Manager.Calls(), l.tried, l.shelf.names())
			}
			l.shop.publish(newest)
			l.updated()
			l.is(newest, updater.Switching)
		})
	}
}

func unavailable(rw http.ResponseWriter, _ *http.Request) {
	rw.WriteHeader(http.StatusServiceUnavailable)
}

// The platform is given our own copy's address, of the new version and of the old one.
// The way there is kept as well.
func TestPlatformIsGivenOurCopy(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := newLife(t, p)
		m := l.shop.publish(newer)
		l.good()
		l.keeps(old, newer)
		address := container + m.SHA256 + ".zip"
		if got := l.platform.world.Manager.Packages(); p == flex && (len(got) != 1 || got[0] != address+"?"+signature) {
			t.Errorf("told %q", got)
		}
		if got := l.platform.world.Manager.Settings(); p == premium && (got[runFromPackage] != address || got["KEEP"] == "") {
			t.Errorf("told %q", got)
		}
	})
}

// Whoever may write to the container cannot sign: what is there is judged each time.
func TestKeptPackageIsChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, p plan) {
		l := newLife(t, p)
		m := l.shop.publish(newer)
		l.platform.world.Dial.Set(sim.Rule{Op: p.asks(), Kind: sim.Status, Status: 503, Count: 1})
		if err := l.quarter(); err == nil {
			t.Fatal("no error")
		}
		l.shelf.tamper(m.SHA256, pack(t, "6.6.6"))
		requests := l.platform.requests()
		l.shop.answer("/v1.5.0/azcollector.zip", unavailable)
		if err := l.quarter(); !says(err, "answers 503") || l.platform.requests() != requests {
			t.Errorf("%v, asked %v", err, l.platform.world.Manager.Calls())
		}
		l.shop.serve("/v1.5.0/azcollector.zip", pack(t, newer))
		l.clock.pass(quarter)
		l.good()
		l.is(newer, updater.Switching)
		l.keeps(old, newer)
	})
}

// What runs already, and says to be another version, is not asked for.
func TestDeployedAndNotStarted(t *testing.T) {
	l := newLife(t, premium)
	sum := l.shop.publish(newer).SHA256
	l.shelf.tamper(sum, pack(t, newer))
	l.platform.deploy(sum)
	l.clock.pass(quarter)
	if err := l.master(); !says(err, "its package is deployed already, but version v1.4.0 runs: restart the app") || l.platform.requests() != 0 {
		t.Errorf("%v, asked %v", err, l.platform.world.Manager.Calls())
	}
	l.restart()
	l.good()
	l.is(newer, updater.Idle)
}

// expiring is a context whose time runs out when the test says so.
type expiring struct {
	context.Context
	over chan struct{}
}

func (e expiring) Done() <-chan struct{} { return e.over }

func (e expiring) Err() error {
	select {
	case <-e.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// That there was no time left stands in the state. That we were stopped is no failure.
func TestTimeRunsOut(t *testing.T) {
	for name, stopped := range map[string]bool{"its time is over": false, "we are stopped": true} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.shop.publish(newer)
			if err := l.as(old).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancel(t.Context())
			defer end()
			if !stopped {
				over := make(chan struct{})
				ctx, end = expiring{t.Context(), over}, func() { close(over) }
			}
			l.try = func(string) error {
				end()
				return ctx.Err()
			}
			if err := l.as(old).End(ctx, nil); errors.Is(err, context.Canceled) != stopped || !stopped && err != nil {
				t.Errorf("got %v", err)
			}
			p := l.progress()
			if l.is(old, updater.Waiting); (p.TakeError == "") != stopped || p.Attempts != 1 || !p.Next.After(l.clock.Now()) {
				t.Errorf("%s", show(p))
			}
			l.try = func(string) error { return nil }
			l.good()
			l.is(newer, updater.Switching)
		})
	}
}

// Where nobody may ask the platform, a newer release is told of, once, until somebody
// deploys it and the updater looks again.
func TestOnlyTold(t *testing.T) {
	l := newLife(t, flex)
	l.untouched = true
	l.shop.publish(newer)
	for range 96 {
		l.good()
	}
	if p := l.progress(); p.Phase != updater.Waiting || p.Version != newer || p.TakeError != "" {
		t.Errorf("%s", show(p))
	}
	if l.platform.requests() != 0 || l.shop.downloads() != 0 || len(l.said) != 1 {
		t.Errorf("asked %v, said %q", l.platform.world.Manager.Calls(), l.said)
	}
	l.hand(newer)
	l.updated()
	l.is(newer, updater.Idle)
}

// The envelope that the state keeps is the newest, so that what was signed again goes on.
func TestSignedAgainWithOtherWords(t *testing.T) {
	l := newLife(t, flex)
	l.holdBack = time.Hour
	m := l.shop.publish(newer)
	l.good()
	m.Package = strings.Replace(m.Package, "/v1.5.0/", "/moved/", 1)
	l.shop.serve("/moved/azcollector.zip", pack(t, newer))
	envelope, err := release.Sign(m, stranger, ours)
	if err != nil {
		t.Fatal(err)
	}
	l.shop.serve(manifestPath, envelope)
	before := l.progress().Next
	if err := l.as(old).Run(t.Context()); err != nil || !l.progress().Next.Equal(before) || !bytes.Equal(l.row().Fields["Envelope"].([]byte), envelope) {
		t.Errorf("%v, %s", err, show(l.progress()))
	}
	l.clock.pass(2 * time.Hour)
	l.good()
	if l.is(newer, updater.Switching); len(l.shop.asked) != 1 || l.shop.asked[0] != "/moved/azcollector.zip" {
		t.Errorf("downloaded %v", l.shop.asked)
	}
}
