package updater_test

import (
	"archive/zip"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"azcollector/internal/state"
	"azcollector/updater"
)

const (
	quarter = 15 * time.Minute // between two runs of master
	old     = "1.4.0"          // runs when a life begins
	newer   = "1.5.0"
	newest  = "1.6.0"
)

// A clock stands still until it is moved.
type clock struct{ at atomic.Int64 }

func (c *clock) Now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

// A life is that of a site, from one version to the next: what runs is what its
// platform was told, and each process finds what the one before left in the state.
type life struct {
	t        *testing.T
	clock    clock
	tenant   string
	store    *state.Embedded
	shop     *shop
	shelf    *shelf
	platform *platform

	version   string // that runs
	deployed  []byte // the package that the site began with
	holdBack  time.Duration
	trusted   []ed25519.PublicKey
	untouched bool                       // there is no platform that we could ask
	try       func(version string) error // the self-test
	failing   []string                   // what master's last run found
	evident   func(since time.Time) (bool, error)
	at        func(step string) error // is called before and after each step outwards

	mu      sync.Mutex
	said    []string
	tried   []string
	settled []string // the versions that the platform was told of
}

func newLife(t *testing.T, p plan) *life {
	t.Helper()
	l := begin(t)
	l.store = openStore(t)
	l.shop = newShop(t, l.clock.Now)
	l.shop.make(old)
	l.platform = newPlatform(t, p, l.clock.Now)
	return l
}

// anew begins another life in the same surroundings.
func (l *life) anew(t *testing.T) *life {
	t.Helper()
	fresh := begin(t)
	fresh.store, fresh.shop, fresh.platform = l.store, l.shop, l.platform
	fresh.tenant = rand.Text()
	l.platform.deploy("")
	return fresh
}

func openStore(t *testing.T) *state.Embedded {
	t.Helper()
	store, err := state.OpenEmbedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// begin is a life without surroundings.
func begin(t *testing.T) *life {
	t.Helper()
	l := &life{t: t, tenant: tenant, version: old, deployed: pack(t, old), trusted: trusted, shelf: &shelf{kept: map[string][]byte{}},
		try: func(string) error { return nil }, at: func(string) error { return nil }}
	l.clock.at.Store(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano())
	return l
}

// as is a process of a version.
func (l *life) as(version string) *updater.Upgrade {
	client := l.shop.server.Client()
	u := &updater.Upgrade{
		Tenant: l.tenant, Store: watched{l.store, l.at}, Version: "v" + version, Trusted: l.trusted, HoldBack: l.holdBack,
		Fetch:   updater.FetchManifest(client, l.shop.address()),
		Failing: func(context.Context) ([]string, error) { return l.failing, nil },
		Now:     l.clock.Now,
		Report: func(text string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.said = append(l.said, text)
		},
	}
	if l.evident != nil {
		u.Evident = func(_ context.Context, since time.Time) (bool, error) { return l.evident(since) }
	}
	if l.untouched {
		return u
	}
	u.Platform = &updater.Platform{
		Download: around2(l, "download", updater.Download(client)),
		Get:      around2(l, "get", l.shelf.Get),
		Running:  func(ctx context.Context) ([]byte, error) { return around2(l, "running", l.running)(ctx, "") },
		Put: func(ctx context.Context, sum string, pkg []byte) error {
			return l.around("put", func() error { return l.shelf.Put(ctx, sum, pkg) })
		},
		Prune: func(ctx context.Context, keep ...string) error {
			return l.around("prune", func() error { return l.shelf.Prune(ctx, keep...) })
		},
		Try: func(_ context.Context, archive *zip.Reader, version string) error {
			return l.around("try", func() error { return l.selfTest(archive, version) })
		},
		Run: func(ctx context.Context, sum string) error {
			return l.around("run", func() error { return l.run(ctx, sum) })
		},
		Settle: func(ctx context.Context) error {
			return l.around("settle", func() error { return l.settle(ctx, version) })
		},
	}
	return u
}

func (l *life) selfTest(archive *zip.Reader, version string) error {
	if program, err := versionOf(archive); err != nil || program != version {
		l.t.Errorf("%s is tried as %s, %v", program, version, err)
	}
	l.mu.Lock()
	l.tried = append(l.tried, version)
	l.mu.Unlock()
	return l.try(version)
}

// run asks the platform. By then the state says that this is about to happen, and the
// package, which somebody has signed, is in the container under its own name.
func (l *life) run(ctx context.Context, sum string) error {
	fields := l.row().Fields
	intended := map[any]any{string(updater.Switching): fields["SHA256"], string(updater.Returning): fields["Previous"]}[fields["Phase"]]
	if intended != sum {
		l.t.Errorf("the platform is asked for %s, the state says %v: %v", sum, fields["Phase"], intended)
	}
	if pkg, err := l.shelf.Get(ctx, sum); err != nil || sumOf(pkg) != sum || !l.shop.made[sum] {
		l.t.Errorf("the platform is asked for a package that is not what was made: %v", err)
	}
	return l.platform.run(ctx, sum)
}

func (l *life) settle(ctx context.Context, version string) error {
	err := l.platform.settle(ctx)
	if err == nil {
		l.settled = append(l.settled, version)
	}
	return err
}

// running is the package that the platform would start.
func (l *life) running(ctx context.Context, _ string) ([]byte, error) {
	if sum := l.platform.told(l.t); sum != "" {
		return l.shelf.Get(ctx, sum)
	}
	return l.deployed, nil
}

// restart kills what runs, and starts what the platform was told to run.
func (l *life) restart() {
	l.t.Helper()
	pkg, err := l.running(context.WithoutCancel(l.t.Context()), "")
	if err != nil {
		l.t.Fatalf("the platform cannot start: %v", err)
	}
	if !l.shop.made[sumOf(pkg)] {
		l.t.Error("the platform starts what nobody has made")
	}
	if l.version, err = programOf(pkg); err != nil {
		l.t.Fatal(err)
	}
}

// hand is an administrator who deploys a version.
func (l *life) hand(version string) {
	l.t.Helper()
	sum := l.shop.make(version).SHA256
	l.shelf.tamper(sum, pack(l.t, version))
	l.platform.deploy(sum)
	l.restart()
}

// master is a run of master with what it finds. Nothing fails but the state; the error is
// what the state then tells.
func (l *life) master(failing ...string) error {
	l.t.Helper()
	u := l.as(l.version)
	if err := errors.Join(u.Begin(l.t.Context()), u.End(l.t.Context(), failing)); err != nil {
		l.t.Errorf("master: %v", err)
	}
	l.failing = failing
	if p := l.progress(); p.LookError+p.TakeError != "" {
		return errors.New(p.LookError + p.TakeError)
	}
	return nil
}

// quarter is a quarter of an hour, a run of master in it, and what the platform makes of it.
func (l *life) quarter(failing ...string) error {
	l.t.Helper()
	l.clock.pass(quarter)
	err := l.master(failing...)
	l.restart()
	return err
}

// updated is a run of the updater, which looks, and then one of master, which takes what
// is due.
func (l *life) updated() {
	l.t.Helper()
	if err := errors.Join(l.as(l.version).Run(l.t.Context()), l.master()); err != nil {
		l.t.Fatal(err)
	}
	l.restart()
}

// good is a quarter in which nothing is wrong, or not any more.
func (l *life) good() {
	l.t.Helper()
	if err := l.quarter(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) progress() updater.Progress {
	l.t.Helper()
	p, err := updater.LoadProgress(context.WithoutCancel(l.t.Context()), l.store, l.tenant)
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}

// is checks what runs and how far the upgrade is.
func (l *life) is(version string, phase updater.Phase) {
	l.t.Helper()
	if p := l.progress(); l.version != version || p.Phase != phase {
		l.t.Fatalf("%s runs in phase %q, want %s in %q; the state: %s", l.version, p.Phase, version, phase, show(p))
	}
}

// show leaves the envelope out.
func show(p updater.Progress) string {
	text, err := json.Marshal(p)
	return fmt.Sprint(string(text), err)
}

// upgraded brings a life to where a release runs that has yet to prove itself.
func upgraded(t *testing.T, p plan) *life {
	t.Helper()
	l := newLife(t, p)
	l.shop.publish(newer)
	l.good()
	l.is(newer, updater.Switching)
	return l
}

// says reports whether an error says something; "": there is none.
func says(err error, what string) bool {
	return (err == nil) == (what == "") && (err == nil || strings.Contains(err.Error(), what))
}

func (l *life) reported(what string) (n int) {
	for _, text := range l.said {
		if strings.Contains(text, what) {
			n++
		}
	}
	return n
}

// keeps checks what is in the container.
func (l *life) keeps(versions ...string) {
	l.t.Helper()
	var want []string
	for _, v := range versions {
		want = append(want, sumOf(pack(l.t, v)))
	}
	slices.Sort(want)
	if got := l.shelf.names(); !slices.Equal(got, want) {
		l.t.Errorf("the container has %v, want those of %v", got, fmt.Sprint(versions))
	}
}
