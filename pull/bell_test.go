package pull_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// watch runs Watch until the test's bubble ends.
func (h *house) watch() {
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		if err := h.Watch(ctx); err != nil {
			h.t.Error(err)
		}
	})
	h.t.Cleanup(func() {
		stop()
		watching.Wait()
	})
	synctest.Wait()
}

func TestTheBellListsTheCurrentAndTheLastHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, "Audit.Exchange", general)
		h.run()
		h.take()
		h.watch()
		c := h.publish(general, time.Second)
		h.Ring(tenant, general, []string{c.ID})
		time.Sleep(time.Minute) // three looks, a second apart
		look := []string{"1T12:00:00-12:34:56", "1T11:00:00-12:00:00"}
		want := slices.Concat(look, look, look)
		if got := h.take(); !slices.Equal(hours(got), want) || got[0].contentType != general {
			t.Errorf("asked %v", hours(got))
		}
		if !h.recorded(c) {
			t.Error("the content is not recorded")
		}
		h.Ring(tenant, "DLP.All", nil)
		h.Ring("ffffffff-7a3c-4b6e-9f10-2c5f4e6b7a81", general, nil)
		time.Sleep(time.Minute)
		if got := h.take(); got != nil {
			t.Errorf("asked %q for what is not configured", hours(got))
		}
	})
}

func TestManyRingsMakeOnePassASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, general)
		h.run()
		h.take()
		var begun []time.Time
		h.during = func(r request) {
			if r.to.Equal(noon) { // the current hour, once a pass
				begun = append(begun, time.Now())
			}
		}
		h.watch()
		for range 100 {
			h.Ring(tenant, general, nil)
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(begun) < 4 || len(begun) > 9 { // the last ring has two more looks
			t.Errorf("%d passes for five seconds of ringing", len(begun))
		}
		for i := range begun[1:] {
			if gap := begun[i+1].Sub(begun[i]); gap < time.Second {
				t.Errorf("two passes within %s", gap)
			}
		}
	})
}

func TestWhatFailsAfterARingIsReportedAndLeftToRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, general)
		h.run()
		h.watch()
		h.failing(func(string, time.Time) error { return errDown })
		c := h.publish(general, time.Second)
		h.Ring(tenant, general, nil)
		synctest.Wait()
		if len(h.reported) != 2 || h.reported[0].Err == nil {
			t.Errorf("reported %+v", h.reported)
		}
		h.wantUntil(general, noon)
		h.failing(nil)
		h.pass(time.Minute)
		h.run()
		if !h.recorded(c) {
			t.Error("the content is not recorded")
		}
	})
}

// Push and pull agree when the list offers an id that was announced before.
func TestAgreementIsCounted(t *testing.T) {
	for _, wake := range []bool{false, true} {
		t.Run(fmt.Sprintf("wake %t", wake), func(t *testing.T) {
			h := build(t, general)
			var mu sync.Mutex
			var agreed, unannounced int
			h.Count = func(_ string, o collect.Offered) {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case o.Agreed:
					agreed++
				case o.Fresh:
					unannounced++
				}
			}
			for i := range 5 {
				c := h.publish(general, time.Duration(i+1)*time.Minute)
				switch {
				case i >= 3: // not announced
				case wake:
					h.Ring(tenant, general, []string{c.ID, "another id of the same records"})
				default:
					if _, err := h.ledger.Announce(t.Context(), []collect.Content{{Tenant: tenant, Type: general, ID: c.ID, URI: c.URI, Created: c.Created}}); err != nil {
						t.Fatal(err)
					}
				}
			}
			h.run()
			h.run()
			if agreed != 3 || unannounced != 2 {
				t.Errorf("%d agreed, %d unannounced", agreed, unannounced)
			}
		})
	}
}

func TestWhatWasHeardIsForgotten(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(h *house, ids []string)
		agreed int
	}{
		{"at once", func(*house, []string) {}, 2},
		{"after an hour", func(h *house, _ []string) {
			time.Sleep(time.Hour + time.Second)
			h.Ring(tenant, general, nil)
		}, 0},
		{"after ten thousand more", func(h *house, _ []string) {
			var more []string
			for i := range 9999 {
				more = append(more, fmt.Sprint(i))
			}
			h.Ring(tenant, general, more)
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, general)
				agreed := 0
				h.Count = func(_ string, o collect.Offered) {
					if o.Agreed {
						agreed++
					}
				}
				ids := []string{h.publish(general, 2*time.Minute).ID, h.publish(general, time.Minute).ID}
				h.Ring(tenant, general, ids)
				test.before(h, ids)
				h.run()
				if agreed != test.agreed {
					t.Errorf("%d agreed, want %d", agreed, test.agreed)
				}
			})
		})
	}
}
