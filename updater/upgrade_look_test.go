package updater_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"azcollector/internal/release"
	"azcollector/updater"
)

// What cannot be believed changes nothing: nothing is downloaded and nobody is asked.
// The reason stands in the state, and the next good manifest is taken.
func TestManifestsThatAreNotBelieved(t *testing.T) {
	changed := func(l *life, change func(*release.Manifest)) []byte {
		m := l.shop.make(newer)
		change(&m)
		return l.shop.sign(m, ours)
	}
	for name, c := range map[string]struct {
		make func(l *life) []byte
		want string
	}{
		"no signature": {func(l *life) []byte {
			return bytes.Replace(l.shop.sign(l.shop.make(newer), ours), []byte(`"signatures"`), []byte(`"unread"`), 1)
		}, "none of its 0 signatures"},
		"a bad signature": {func(l *life) []byte {
			return bytes.Replace(l.shop.sign(l.shop.make(newer), ours), []byte(`"payload": "e`), []byte(`"payload": "f`), 1)
		}, "none of its 1 signatures"},
		"a stranger's key": {func(l *life) []byte { return l.shop.sign(l.shop.make(newer), stranger) }, "none of its 1 signatures"},
		"a configuration":  {func(l *life) []byte { return seal(l.t, document(1, 1)) }, "payloadType is not"},
		"no manifest":      {func(*life) []byte { return []byte("<html>") }, "parse the envelope"},
		"too long":         {func(*life) []byte { return bytes.Repeat([]byte(" "), 61441) }, "more than 61440 bytes"},
		"expired":          {func(l *life) []byte { return changed(l, func(m *release.Manifest) { m.Expires = l.clock.Now() }) }, "it ended at"},
		"of the future": {func(l *life) []byte {
			return changed(l, func(m *release.Manifest) { m.Released = l.clock.Now().Add(25 * time.Hour) })
		}, "yet to come"},
		"too large a step": {func(l *life) []byte { return changed(l, func(m *release.Manifest) { m.Minimum = "1.4.1" }) }, "only 1.4.1 and later update to it directly"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.shop.serve(manifestPath, c.make(l))
			for range 3 { // looked at again, not acted upon
				if err := l.quarter(); !says(err, c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				p := l.progress()
				if l.is(old, updater.Idle); !strings.Contains(p.LookError, c.want) || p.Newest != "" || !l.row().Fields["LookNext"].(time.Time).After(l.clock.Now()) {
					t.Errorf("%s", show(p))
				}
			}
			if l.shop.downloads() != 0 || l.platform.requests() != 0 || len(l.said)+len(l.tried) != 0 || len(l.shelf.names()) != 0 {
				t.Errorf("downloaded %v, asked %v, said %q", l.shop.asked, l.platform.world.Manager.Calls(), l.said)
			}
			l.shop.publish(newer)
			l.clock.pass(time.Hour)
			l.good()
			if l.is(newer, updater.Switching); l.progress().LookError != "" {
				t.Errorf("%s", show(l.progress()))
			}
		})
	}
}

// What was announced once stays the measure, also while it is held back.
func TestManifestsThatGoBack(t *testing.T) {
	for name, c := range map[string]struct {
		make func(l *life) release.Manifest
		want string
	}{
		"a replayed older one": {func(l *life) release.Manifest { return l.shop.make("1.4.5") }, "release 1.5.0 was seen before; releases do not go back"},
		"the same, and another package": {func(l *life) release.Manifest {
			m := l.shop.make(newer)
			m.SHA256 = l.shop.make("1.4.5").SHA256
			return m
		}, "it names another package than before"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.holdBack = time.Hour
			l.shop.publish(newer)
			l.good()
			known := l.progress()
			l.shop.serve(manifestPath, l.shop.sign(c.make(l), ours))
			if err := l.as(old).Run(t.Context()); !says(err, c.want) {
				t.Errorf("got %v", err)
			}
			p := l.progress()
			if l.is(old, updater.Waiting); p.Version != newer || !p.Next.Equal(known.Next) || p.Newest != newer || !strings.Contains(p.LookError, c.want) {
				t.Errorf("%s", show(p))
			}
			if l.shop.downloads() != 0 || l.platform.requests() != 0 {
				t.Errorf("downloaded %v, asked %v", l.shop.asked, l.platform.world.Manager.Calls())
			}
			l.clock.pass(2 * time.Hour)
			_ = l.quarter() // what was known before is as good as it was
			l.is(newer, updater.Switching)
			l.shop.publish(newest)
			_ = l.quarter()
			if err := l.as(newer).Run(t.Context()); err != nil || l.progress().LookError != "" {
				t.Errorf("%v, %s", err, show(l.progress()))
			}
			l.clock.pass(2 * time.Hour)
			l.good()
			l.is(newest, updater.Switching)
		})
	}
}

func TestProgramThatIsNoRelease(t *testing.T) {
	l := newLife(t, flex)
	l.shop.publish(newer)
	l.version = "0.0.0-20261122+dirty"
	if err := l.master(); !says(err, "is no released version; deploy a release by hand first") || !strings.Contains(l.progress().LookError, "no released version") {
		t.Errorf("got %v", err)
	}
	if l.shop.downloads() != 0 || l.platform.requests() != 0 {
		t.Errorf("downloaded %v", l.shop.asked)
	}
	l.hand("1.4.1")
	l.good()
	l.is(newer, updater.Switching)
}

func TestAnnouncedChangesNothing(t *testing.T) {
	l := newLife(t, flex)
	m := l.shop.publish(newer)
	if version, err := l.as(old).Announced(t.Context()); version != newer || err != nil {
		t.Errorf("%s, %v", version, err)
	}
	if p := l.progress(); !p.Looked.IsZero() || p.Newest != "" {
		t.Errorf("%s", show(p))
	}
	l.clock.pass(m.Expires.Sub(l.clock.Now()))
	if _, err := l.as(old).Announced(t.Context()); !says(err, "ended at") {
		t.Error(err)
	}
	l.shop.serve(manifestPath, l.shop.sign(m, stranger))
	if version, err := l.as(old).Announced(t.Context()); version != "" || !says(err, "signatures") {
		t.Errorf("%s, %v", version, err)
	}
}

// So is one that is older than what was announced before.
func TestAnnouncedIsBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		version, want string
	}{
		"the same":     {newer, ""},
		"a newer one":  {newest, ""},
		"an older one": {"1.4.5", "release 1.5.0 was seen before; releases do not go back"},
		"what runs":    {old, "release 1.5.0 was seen before"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.holdBack = time.Hour
			l.shop.publish(newer)
			l.good()
			row := l.row().Version
			l.shop.publish(c.version)
			if _, err := l.as(old).Announced(t.Context()); !says(err, c.want) || l.row().Version != row {
				t.Errorf("got %v", err)
			}
		})
	}
	l := newLife(t, flex)
	m := l.shop.make(newer)
	m.Released = l.clock.Now().Add(25 * time.Hour)
	l.shop.serve(manifestPath, l.shop.sign(m, ours))
	if _, err := l.as(old).Announced(t.Context()); !says(err, "yet to come") {
		t.Errorf("got %v", err)
	}
}
