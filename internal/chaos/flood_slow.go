package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"azcollector/internal/sim"
)

// A siege is a crowd of slow callers, and a genuine one among them.
type siege struct {
	name     string
	size     int
	peers    int    // addresses of the crowd; 0: the genuine caller's own
	genuine  net.IP // where the genuine one calls from
	attempts int    // it may have to make
}

// crowds are those that differ in whom the listener can tell from whom. Where it can tell
// the genuine caller from the crowd, his first attempt is answered. Where it cannot, he
// has to be through with his handshake and header before MAX_CONNECTIONS others came, and
// on this machine the crowd has the same processors: then he tries again, as Microsoft does.
func crowds(size int) []siege {
	genuine := net.IPv4(127, 0, 0, 1)
	return []siege{
		{"one address", size, 1, genuine, 1},
		{"an address each", size, size, genuine, 20},
		{"the genuine caller's address", size, 0, genuine, 20},
	}
}

// floodWait is half of what the listener gives a peer for its header. A genuine caller
// who waits longer, one time in two, waits until the deadlines of the crowd let him in.
const floodWait = 2500 * time.Millisecond

// genuineCalls is how many notifications come while the crowd is there.
const genuineCalls = 20

// besiege lets a crowd wait at the door, and rings at it meanwhile.
func (f *flood) besiege(ctx context.Context, o *options, s siege, out io.Writer) (all figures, err error) {
	b, err := f.besieged(ctx, o, strings.ReplaceAll(s.name, " ", "-"), nil)
	if err != nil {
		return all, err
	}
	defer b.close()
	crowd := &sim.Crowd{Address: b.address, Path: "/api/o365/webhook", Size: s.size, Peers: s.peers}
	besieging, leave := context.WithCancel(ctx)
	left := make(chan struct{})
	go func() { defer close(left); crowd.Run(besieging) }()
	defer func() { leave(); <-left }()
	if err := b.await(ctx, "all of the crowd have come", func() bool { return crowd.Connected.Load() >= int64(s.size) }); err != nil {
		return all, err
	}
	var took []time.Duration
	tries := 0
	for i := range genuineCalls {
		notification, began, status := b.offer(i, 1, f.Records), time.Now(), ""
		for n := 0; n < s.attempts && status != good; n++ {
			status = b.post(ctx, s.genuine, notification)
			tries++
		}
		took = append(took, time.Since(began))
		if status != good {
			all.Red = append(all.Red, fmt.Sprintf("slow callers from %s: genuine notification %d is answered %s after %d attempts", s.name, i, status, s.attempts))
		}
	}
	if crowd.Cut.Load() == 0 {
		all.Red = append(all.Red, "slow callers from "+s.name+": nobody was cut off")
	}
	if err := b.await(ctx, "all records have arrived", func() bool { return b.world.Book.Report().Lost == 0 }); err != nil {
		all.Red = append(all.Red, err.Error())
	}
	b.account(&all)
	median, longest := spread(took)
	if median > floodWait {
		all.Red = append(all.Red, fmt.Sprintf("slow callers from %s: genuine notifications wait for their deadlines: %.1f s", s.name, median.Seconds()))
	}
	fmt.Fprintf(out, "slow callers from %s: %d came %d times (at one moment %d), %d were cut off, %d not let in;\n  %d genuine notifications answered with %d attempts, median %.2f s, longest %.2f s; peak memory %d MB\n",
		s.name, s.size, crowd.Connected.Load(), crowd.Most(), crowd.Cut.Load(), crowd.Refused.Load(),
		len(took), tries, median.Seconds(), longest.Seconds(), all.Peak>>20)
	return all, nil
}
