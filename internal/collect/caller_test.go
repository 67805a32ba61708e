package collect_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
)

// Whoever hands a content over is known to the report, even if he did not wait for it.
func TestAReportKnowsWhoHandedTheContentOver(t *testing.T) {
	type caller struct{}
	for name, hand := range map[string]func(context.Context, *testing.T, *plant) <-chan struct{}{
		"announced": func(ctx context.Context, t *testing.T, p *plant) <-chan struct{} {
			return p.Submit(ctx, announce(t, p.Ledger, fresh("1")))
		},
		"named by a message": func(ctx context.Context, t *testing.T, p *plant) <-chan struct{} {
			c := fresh("1")
			if _, err := p.Ledger.Offer(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			tried, err := p.Call(ctx, c.Key())
			if err != nil {
				t.Fatal(err)
			}
			return tried
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, one)
				var who []any
				p.Report = func(ctx context.Context, c collect.Content, _ time.Duration, err error) {
					if c.State != collect.Done || err != nil {
						t.Errorf("%+v, %v", c, err)
					}
					who = append(who, ctx.Value(caller{}))
				}
				stop := p.run(t, time.Hour)
				ctx, leave := context.WithCancel(context.WithValue(t.Context(), caller{}, name))
				tried := hand(ctx, t, p)
				leave()
				<-tried
				stop()
				if len(who) != 1 || who[0] != name {
					t.Errorf("reported for %v, want %q", who, name)
				}
			})
		})
	}
}
