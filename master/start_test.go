package master_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/master"
)

// Killed before the start was sent, or before its answer was heard: nobody starts
// again within 15 minutes, since nobody can know which.
func TestKilledAtAStart(t *testing.T) {
	o := newOffice()
	store := open(t)
	dying := o.room(store)
	dying.Start = func(context.Context, string, *microsoft.Webhook) (microsoft.Subscription, error) { panic("killed") }
	func() {
		defer func() { _ = recover() }()
		_, _ = dying.Run(t.Context(), nil)
		t.Error("it lived")
	}()
	heir := o.room(store)
	for range 3 {
		o.passes(5 * time.Minute)
		run(t, heir)
	}
	wantStarts(t, o)
	if st := stateOf(t, store, general); !st.Started.Equal(noon) || st.NextStart.Before(noon.Add(15*time.Minute)) {
		t.Errorf("started %v, next %v", st.Started, st.NextStart)
	}
	o.passes(5 * time.Minute)
	run(t, heir)
	wantStarts(t, o, general+" ours")
}

// Instances that look at the same moment start each type once.
func TestInstancesRace(t *testing.T) {
	const instances = 4
	o := newOffice()
	store := open(t)
	types := []string{"Audit.AzureActiveDirectory", "Audit.Exchange", general}
	var all sync.WaitGroup
	var looked sync.WaitGroup // at the list: everybody saw that all are missing
	looked.Add(instances)
	for range instances {
		s := o.room(store, types...)
		s.AuthID = func(context.Context) (string, error) {
			looked.Done()
			looked.Wait()
			return authID, nil
		}
		all.Go(func() {
			if _, err := s.Run(t.Context(), nil); err != nil {
				t.Errorf("error %v", err)
			}
		})
	}
	all.Wait()
	counts := map[string]int{}
	for _, start := range o.sent() {
		counts[start]++
	}
	for _, contentType := range types {
		if n := counts[contentType+" ours"]; n != 1 {
			t.Errorf("%s was started %d times", contentType, n)
		}
	}
	// Whoever came late saw a list from before the start: that is no loss.
	for g, err := range collect.Gaps(t.Context(), store, tenant) {
		t.Errorf("unobserved: %+v, %v", g, err)
	}
}

// A timer is never exact: a pass that comes seconds too early waits for its time
// rather than let a quarter of an hour go by.
func TestAlmostDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		s := o.room(open(t))
		began := time.Now()
		s.Now = func() time.Time { return noon.Add(time.Since(began)) }
		run(t, s)
		o.listed = nil
		time.Sleep(15*time.Minute - time.Second)
		run(t, s)
		wantStarts(t, o, general+" ours", general+" ours")
		if since := time.Since(began); since < 15*time.Minute {
			t.Errorf("started again after %v", since)
		}
	})
}

// A start that gets no answer ends, and the time of the next one is counted from
// its end.
func TestStartHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		s := o.room(open(t))
		began := time.Now()
		s.Now = func() time.Time { return noon.Add(time.Since(began)) }
		s.Start = func(ctx context.Context, _ string, _ *microsoft.Webhook) (microsoft.Subscription, error) {
			<-ctx.Done()
			return microsoft.Subscription{}, context.Cause(ctx)
		}
		_, err := s.Run(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), "no answer within") {
			t.Errorf("error %v", err)
		}
		if st := stateOf(t, s.Store, general); st.NextStart.Before(s.Now().Add(15 * time.Minute)) {
			t.Errorf("the next one is due at %v, and it is %v", st.NextStart, s.Now())
		}
	})
}

// While the address cannot be asked because we are stopped, nothing is started.
func TestStoppedAtTheProbe(t *testing.T) {
	o := newOffice()
	s := o.room(open(t))
	ctx, cancel := context.WithCancel(t.Context())
	s.Probe = func(context.Context, string, string) error {
		cancel()
		return errors.New("stopped")
	}
	found, _ := s.Run(ctx, nil)
	wantCodes(t, found)
	wantStarts(t, o)
}

// A row of a time that is yet to come, as a wrong clock leaves it, keeps nobody
// from starting what is missing.
func TestClockWasWrong(t *testing.T) {
	o := newOffice()
	s := o.room(open(t))
	o.passes(300 * day)
	run(t, s)
	o.sent()
	o.passes(-300 * day)
	o.listed = nil
	run(t, s)
	wantStarts(t, o, general+" ours")
}

// States outlive their rows' neighbours, and a foreign row is no state.
func TestStates(t *testing.T) {
	o := newOffice()
	store := open(t)
	run(t, o.room(store, general, "DLP.All"))
	var types []string
	for st, err := range master.States(t.Context(), store, tenant) {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, st.Type)
		if st.Status != "enabled" || st.WebhookStatus != "enabled" || st.Address != ours || !st.SeenAt.Equal(noon) || st.Plan != "" || st.LastError != "" {
			t.Errorf("state %+v", st)
		}
	}
	if len(types) != 2 || types[0] != general || types[1] != "DLP.All" {
		t.Errorf("states of %q", types)
	}
}
