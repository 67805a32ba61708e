package collect_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"azcollector/internal/collect"
)

func config(t *testing.T, s collect.Store) collect.Config {
	t.Helper()
	c, err := collect.LoadConfig(t.Context(), s, tenant)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Versions only go up, and a refusal takes nothing away.
func TestConfigGoesUp(t *testing.T) {
	s := open(t)
	if c := config(t, s); c.Version != 0 || c.Envelope != nil {
		t.Fatalf("before all: %+v", c)
	}
	for _, step := range []struct {
		version  int64
		envelope string
		older    bool
		is       string
	}{
		{3, "three", false, "three"},
		{3, "three", false, "three"}, // the same again
		{3, "other", true, "three"},  // the same number, other words
		{2, "two", true, "three"},
		{0, "none", true, "three"},
		{-1, "none", true, "three"},
		{4, "four", false, "four"},
	} {
		err := collect.KeepConfig(t.Context(), s, tenant, step.version, []byte(step.envelope))
		if (err != nil) != step.older || step.older && !errors.Is(err, collect.ErrOlder) {
			t.Errorf("version %d: %v", step.version, err)
		}
		if c := config(t, s); string(c.Envelope) != step.is {
			t.Errorf("after version %d: %q", step.version, c.Envelope)
		}
	}
	if err := collect.RefuseConfig(t.Context(), s, tenant, "no signature"); err != nil {
		t.Fatal(err)
	}
	if c := config(t, s); c.Version != 4 || string(c.Envelope) != "four" || c.Error != "no signature" || c.Tried.IsZero() {
		t.Errorf("refused: %+v", c)
	}
	if err := collect.KeepConfig(t.Context(), s, tenant, 4, []byte("four")); err != nil {
		t.Fatal(err)
	}
	if c := config(t, s); c.Error != "" {
		t.Errorf("mended, and still %q", c.Error)
	}
	if err := collect.KeepConfig(t.Context(), s, tenant, 5, bytes.Repeat([]byte("x"), collect.MaxConfig+1)); err == nil || config(t, s).Version != 4 {
		t.Errorf("a large one: %v", err)
	}
}

// Of several processes at once the highest version stays, whoever comes last, and
// whether or not a write is heard of.
func TestConfigOfSeveral(t *testing.T) {
	s := open(t)
	var all sync.WaitGroup
	for version := range int64(8) {
		all.Go(func() {
			err := collect.KeepConfig(t.Context(), s, tenant, version+1, []byte{byte('1' + version)})
			if err != nil && !errors.Is(err, collect.ErrOlder) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if c := config(t, s); c.Version != 8 || string(c.Envelope) != "8" {
		t.Errorf("%d %q", c.Version, c.Envelope)
	}
	s.fate = func(write) fate { return unheard }
	if err := collect.KeepConfig(t.Context(), s, tenant, 9, []byte("9")); err == nil {
		t.Fatal("the store works")
	}
	s.fate = nil
	if err := collect.KeepConfig(t.Context(), s, tenant, 9, []byte("9")); err != nil || config(t, s).Version != 9 {
		t.Errorf("once more: %v", err)
	}
}
