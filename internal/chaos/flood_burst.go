package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"azcollector/internal/sim"
)

// recordTakes is how long ingest takes for each record while it is slow: a post of five
// records is answered after a second.
const recordTakes = 200 * time.Millisecond

// burst sends all notifications at one moment while ingest is slow, and lets it be quick
// once all are answered, so that what is left can be waited for.
func (f *flood) burst(ctx context.Context, o *options, out io.Writer) (all figures, err error) {
	quick := make(chan struct{})
	release := sync.OnceFunc(func() { close(quick) })
	slowly := func(sim.Message) {
		select {
		case <-time.After(recordTakes):
		case <-quick:
		}
	}
	b, err := f.besieged(ctx, o, "burst", slowly,
		"O365_REQUESTS_PER_MINUTE=1000000") // Microsoft's quota would be waited for
	if err != nil {
		return all, err
	}
	defer b.close()
	defer release() // before the world is closed: it waits for what is under way
	notifications := make([][]byte, f.Notifications)
	for i := range notifications {
		notifications[i] = b.offer(i*f.Contents, f.Contents, f.Records)
	}
	took, refused := b.ring(ctx, notifications)
	left := b.world.Book.Report().Lost
	release()
	all.Red = refused
	if left == 0 {
		all.Red = append(all.Red, "burst: all was delivered before all was answered: ingest was not slow")
	}
	began := time.Now()
	if err := b.await(ctx, "all records have arrived", func() bool { return b.world.Book.Report().Lost == 0 }); err != nil {
		all.Red = append(all.Red, err.Error())
	}
	drained := time.Since(began)
	all.Recovery = []time.Duration{drained}
	b.account(&all)
	middle, longest := spread(took)
	fmt.Fprintf(out, "burst: %d notifications of %d contents of %d records at once, ingest taking %v a record;\n  %d answered 200, median %.2f s, longest %.2f s; %d of %d records were left, and arrived within %.1f s of ingest being quick again; peak memory %d MB\n",
		f.Notifications, f.Contents, f.Records, recordTakes, f.Notifications-len(refused),
		middle.Seconds(), longest.Seconds(), left, all.Records, drained.Seconds(), all.Peak>>20)
	return all, nil
}

// ring sends all at once and tells how long each took, and which were not
// answered 200.
func (b *besieged) ring(ctx context.Context, notifications [][]byte) (took []time.Duration, refused []string) {
	took = make([]time.Duration, len(notifications))
	statuses := make([]string, len(notifications))
	var callers sync.WaitGroup
	for i, notification := range notifications {
		callers.Go(func() {
			began := time.Now()
			statuses[i] = b.post(ctx, nil, notification)
			took[i] = time.Since(began)
		})
	}
	callers.Wait()
	for i, status := range statuses {
		if status != good {
			refused = append(refused, fmt.Sprintf("burst: notification %d is answered %s", i, status))
		}
	}
	return took, refused
}
