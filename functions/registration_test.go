package main

import (
	"context"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"azcollector/internal/alertlogic"
	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/internal/state"
	"azcollector/internal/wire"
)

// trusting is a client that trusts a world's certificates.
func trusting(t *testing.T, w *sim.World) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return wire.Client(wire.Options{Roots: roots})
}

// registrarOf is one instance's, on a store that others share unless it is sole.
func registrarOf(t *testing.T, w *sim.World, store collect.Store, sole bool, changes ...string) *registrar {
	t.Helper()
	env := settingsOf(w, append([]string{"LISTEN=127.0.0.1:8443", "COLLECTOR_HOST_ID=", "COLLECTOR_SOURCE_ID="}, changes...)...)
	s := mustLoad(t, env)
	api, err := alertlogic.ParseEndpoint(s.APIEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	client := alertlogic.NewClient(alertlogic.Options{
		AccessKeyID: string(s.AccessKeyID), SecretKey: string(s.SecretKey), API: api, HTTP: trusting(t, w),
	})
	return &registrar{settings: s, store: store, sole: sole, client: client, turn: make(chan struct{}, 1)}
}

func embedded(t *testing.T) *state.Embedded {
	t.Helper()
	store, err := state.OpenEmbedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// Of many instances that start at the same moment one registers; the others have
// a temporary fault until it has, and then its ids.
func TestRegistrarsRace(t *testing.T) {
	world, store := newWorld(t), embedded(t)
	world.Dial.Set(sim.Rule{Op: sim.OpAIMS, Kind: sim.SlowBody, Delay: 50 * time.Millisecond}) // so that they meet
	var racing sync.WaitGroup
	for range 8 {
		r := registrarOf(t, world, store, false)
		racing.Go(func() {
			if _, err := r.identity(t.Context()); err != nil && collect.VerdictOf(err) != collect.Temporary {
				t.Errorf("a loser has %v, want a temporary fault", err)
			}
		})
	}
	racing.Wait()
	made := world.AlertLogic.Registrations()
	if len(made) != 1 {
		t.Fatalf("%d registrations", len(made))
	}
	late := registrarOf(t, world, store, false)
	known, err := late.identity(t.Context())
	if err != nil || known.HostID != made[0].HostID || known.SourceID != made[0].SourceID || len(world.AlertLogic.Registrations()) != 1 {
		t.Errorf("one that comes later has %+v, %v", known, err)
	}
	world.RequireClean(t)
}

// An instance that said it would register and was killed is believed for a while.
func TestRegistrarTakesOver(t *testing.T) {
	for name, c := range map[string]struct {
		begun time.Duration // ago
		sole  bool
		taken bool
	}{
		"at work":                 {0, false, false},
		"still at work":           {registering - 10*time.Second, false, false},
		"killed":                  {registering + time.Second, false, true},
		"killed, a store of ours": {0, true, true},
		"a clock ahead of ours":   {-time.Hour, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			world, store := newWorld(t), embedded(t)
			r := registrarOf(t, world, store, c.sole)
			row := collect.Row{Key: r.key(), Fields: collect.Fields{"Begun": time.Now().UTC().Add(-c.begun)}}
			if _, err := store.Insert(t.Context(), row); err != nil {
				t.Fatal(err)
			}
			known, err := r.identity(t.Context())
			made := world.AlertLogic.Registrations()
			switch {
			case c.taken && (err != nil || len(made) != 1 || known.HostID != made[0].HostID):
				t.Errorf("%+v, %v; registrations: %d", known, err, len(made))
			case !c.taken && (err == nil || collect.VerdictOf(err) != collect.Temporary || len(made) != 0):
				t.Errorf("%+v, %v; registrations: %d", known, err, len(made))
			}
			world.RequireClean(t)
		})
	}
}

// Two that take over a dead one's registration at the same moment: one of them does.
func TestRegistrarsTakeOverAtOnce(t *testing.T) {
	world, store := newWorld(t), embedded(t)
	row := collect.Row{Key: registrarOf(t, world, store, false).key(), Fields: collect.Fields{"Begun": time.Now().UTC().Add(-time.Hour)}}
	if _, err := store.Insert(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	var racing sync.WaitGroup
	for range 4 {
		r := registrarOf(t, world, store, false)
		racing.Go(func() { _, _ = r.identity(t.Context()) })
	}
	racing.Wait()
	if made := world.AlertLogic.Registrations(); len(made) != 1 {
		t.Errorf("%d registrations", len(made))
	}
}

// A registration that azcollect refused, or that it made without our hearing of
// it, is tried again a second later, and comes to the same ids. Meanwhile the contents of
// a backlog hear what the first one heard, and azcollect hears nothing of them.
func TestRegistrarTriesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fault sim.Rule
		made  int
	}{
		"failed and not persisted": {sim.Rule{Op: sim.OpAzcollect, Kind: sim.Status, Status: 503, Count: 1}, 1},
		"failed but persisted":     {sim.Rule{Op: sim.OpAzcollect, Kind: sim.LostAck, Count: 1}, 2},
		"half an answer":           {sim.Rule{Op: sim.OpAzcollect, Kind: sim.TruncateLength, Count: 1}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			world, store := newWorld(t), embedded(t)
			world.Dial.Set(c.fault)
			r := registrarOf(t, world, store, false)
			if known, err := r.identity(t.Context()); err == nil {
				t.Fatalf("registered as %+v", known)
			}
			for range 100 { // the next request would be answered
				if _, err := r.identity(t.Context()); err == nil {
					t.Fatal("asked again at once")
				}
			}
			r.asked = r.asked.Add(-registerPause)
			known, err := r.identity(t.Context())
			made := world.AlertLogic.Registrations()
			if err != nil || len(made) != c.made || known.HostID != made[0].HostID || known.HostID != made[len(made)-1].HostID {
				t.Errorf("%+v, %v; registrations: %d", known, err, len(made))
			}
		})
	}
}

// What the settings say is used as it is; what they leave out is registered.
func TestRegistrarBelievesTheSettings(t *testing.T) {
	for name, c := range map[string]struct {
		settings     []string
		host, source string // "": the registration's
		made         int
	}{
		"both":   {[]string{"COLLECTOR_HOST_ID=h", "COLLECTOR_SOURCE_ID=s"}, "h", "s", 0},
		"host":   {[]string{"COLLECTOR_HOST_ID=h"}, "h", "", 1},
		"source": {[]string{"COLLECTOR_SOURCE_ID=s"}, "", "s", 1},
		"older":  {[]string{"O365_HOST_ID=h", "O365_COLLECTOR_ID=s"}, "h", "s", 0},
	} {
		t.Run(name, func(t *testing.T) {
			world, store := newWorld(t), embedded(t)
			got, err := registrarOf(t, world, store, false, c.settings...).identity(t.Context())
			made := world.AlertLogic.Registrations()
			if err != nil || len(made) != c.made {
				t.Fatalf("%v; registrations: %d, want %d", err, len(made), c.made)
			}
			if c.host == "" {
				c.host = made[0].HostID
			}
			if c.source == "" {
				c.source = made[0].SourceID
			}
			if got.HostID != c.host || got.SourceID != c.source {
				t.Errorf("got %+v, want %s and %s", got, c.host, c.source)
			}
		})
	}
}

// Who waits for another's registration can stop waiting.
func TestRegistrarWaitsNoLongerThanItsContext(t *testing.T) {
	world, store := newWorld(t), embedded(t)
	r := registrarOf(t, world, store, false)
	r.turn <- struct{}{} // somebody asks
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.DeadlineExceeded)
	if _, err := r.identity(ctx); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("got %v", err)
	}
}
