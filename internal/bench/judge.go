package main

import (
	"time"

	"azcollector/internal/sim"
)

// A judge finds out which records arrived. It works only while nothing is measured.
type judge struct {
	world   *sim.World
	owed    map[sim.Sum]int // how often it still must arrive; below 0: it came again
	posts   int             // judged
	missing int
	unknown int // arrived, and nobody offered them
	twice   int
	bytes   int64     // posted
	last    time.Time // when the last record came that was still missing
}

func newJudge(w *sim.World, l *sim.Load) *judge {
	j := &judge{world: w, owed: make(map[sim.Sum]int, l.Records)}
	l.Expected(func(s sim.Sum) { j.owed[s]++; j.missing++ })
	return j
}

// read judges the posts that came since the last time.
func (j *judge) read() {
	for _, post := range j.world.KeptPosts(j.posts) {
		j.posts++
		j.bytes += int64(len(post.Body))
		for _, m := range j.world.Judge(post) {
			j.note(sim.SumOf(m.JSON), post.At)
		}
	}
}

func (j *judge) note(sum sim.Sum, at time.Time) {
	owed, known := j.owed[sum]
	switch {
	case !known:
		j.unknown++
		return
	case owed > 0:
		j.missing--
		j.last = at
	default:
		j.twice++
	}
	j.owed[sum] = owed - 1
}

// arrived is how many posts came so far, judged or not.
func (j *judge) arrived() int { return j.posts + len(j.world.KeptPosts(j.posts)) }
