package updater_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"azcollector/updater"
)

// While keys are changed, each collector knows the old one, both, or the new one.
func TestKeysAreChanged(t *testing.T) {
	second := keyNamed("second")
	for name, c := range map[string]struct {
		trusted []ed25519.PublicKey
		signed  []ed25519.PrivateKey
	}{
		"trusts both, signed by the new one":     {[]ed25519.PublicKey{trusted[0], second.Public().(ed25519.PublicKey)}, []ed25519.PrivateKey{second}},
		"trusts the old one, signed by both":     {trusted, []ed25519.PrivateKey{second, ours}},
		"trusts the new one, signed by both":     {[]ed25519.PublicKey{second.Public().(ed25519.PublicKey)}, []ed25519.PrivateKey{ours, second}},
		"trusts both, signed with a stranger's ": {[]ed25519.PublicKey{trusted[0], second.Public().(ed25519.PublicKey)}, []ed25519.PrivateKey{stranger, second}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, flex)
			l.shop.serve(manifestPath, l.shop.sign(l.shop.make(newer), c.signed...))
			l.trusted = c.trusted
			l.updated()
			l.is(newer, updater.Switching)
		})
	}
}

// A key that is trusted no more takes back what it signed, until it is signed anew.
func TestKeyIsTakenAway(t *testing.T) {
	second := keyNamed("second")
	l := newLife(t, flex)
	l.holdBack = time.Hour
	m := l.shop.publish(newer)
	l.good()
	l.clock.pass(2 * time.Hour)
	l.trusted = []ed25519.PublicKey{second.Public().(ed25519.PublicKey)}
	if err := l.as(old).End(t.Context(), nil); err != nil || !strings.Contains(l.progress().TakeError, "none of its 1 signatures") || l.platform.requests() != 0 || l.shop.downloads() != 0 {
		t.Errorf("%v, %d requests", err, l.platform.requests())
	}
	l.shop.serve(manifestPath, l.shop.sign(m, second))
	l.clock.pass(quarter)
	l.updated()
	l.is(newer, updater.Switching)
}

// An end that comes while a release is held back holds for it as well; signed again, it
// goes on where it was.
func TestManifestEndsWhileItIsHeldBack(t *testing.T) {
	l := newLife(t, flex)
	l.holdBack = time.Hour
	m := l.shop.make(newer)
	m.Expires = l.clock.Now().Add(time.Hour)
	l.shop.serve(manifestPath, l.shop.sign(m, ours))
	l.good()
	l.clock.pass(2 * time.Hour)
	if err := l.quarter(); !says(err, "it ended at") || !strings.Contains(l.progress().TakeError, "it ended at") || l.shop.downloads() != 0 {
		t.Errorf("%v, %s", err, show(l.progress()))
	}
	m.Expires = l.clock.Now().Add(24 * time.Hour)
	l.shop.serve(manifestPath, l.shop.sign(m, ours))
	l.clock.pass(quarter)
	l.updated()
	l.is(newer, updater.Switching)
}
