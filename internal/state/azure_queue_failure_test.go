package state_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestAzureQueueSurvivesFailure(t *testing.T) {
	p := behind(t)
	for _, f := range failures {
		for _, times := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, %d times", f.name, times), func(t *testing.T) {
				somebody(t)
				spoil := slices.Repeat([]failure{f}, times)
				met := func() {
					t.Helper()
					if left := p.queues.disarm(); left > 0 && !f.persisted {
						t.Errorf("%d of %d failures were not met", left, times)
					}
				}

				p.queues.arm(spoil)
				want(t, p.through.Wake(t.Context(), contentKey("r"), time.Time{}), nil, "wake")
				met()
				n := 1 // doubled by every answer that was lost
				if f.persisted {
					n += times
				}
				wantWaiting(t, p.direct, n)

				p.queues.arm(spoil)
				got := receive(t, p.through, 32)
				met()
				wantWaiting(t, p.direct, n) // what was hidden behind a lost answer comes back
				if f.persisted {
					if len(got) != 0 {
						t.Errorf("received %d messages that an answer before hid", len(got))
					}
					return
				}

				p.queues.arm(spoil)
				want(t, p.through.Forget(t.Context(), got[0]), nil, "forget")
				met()
				wantWaiting(t, p.direct, 0)
			})
		}
	}
}

func TestAzureForgetAcknowledgementLost(t *testing.T) {
	p := behind(t)
	for _, f := range failures {
		if !f.persisted {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			somebody(t)
			want(t, p.direct.Wake(t.Context(), contentKey("r"), time.Time{}), nil, "wake")
			got := receive(t, p.direct, 1)
			p.queues.arm([]failure{f})
			want(t, p.through.Forget(t.Context(), got[0]), nil, "forget")
			if left := p.queues.disarm(); left != 0 {
				t.Error("the failure was not met")
			}
			wantWaiting(t, p.direct, 0)
		})
	}
}
