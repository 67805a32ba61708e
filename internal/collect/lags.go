package collect

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

// Lags counts delays in classes that are 19 % wide (four to a doubling), from a
// second up to a month: fine enough for a percentile, small enough for a row, and
// sums of several processes stay right.
type Lags [lagClasses]int64

const (
	lagClasses = 88
	lagFirst   = time.Second
)

// lagQuarters are where a doubling's second, third and fourth class begin.
var lagQuarters = [...]float64{math.Exp2(0.25) / 2, math.Exp2(0.5) / 2, math.Exp2(0.75) / 2}

// Add counts n delays.
func (l *Lags) Add(d time.Duration, n int64) {
	class := 0
	if d > lagFirst {
		part, doublings := math.Frexp(float64(d) / float64(lagFirst)) // part is at least 1/2
		class = 1 + 4*(doublings-1)
		for _, quarter := range lagQuarters {
			if part >= quarter {
				class++
			}
		}
		class = min(lagClasses-1, class)
	}
	l[class] += n
}

// Merge adds n times what another counted; n is 1, or -1 to take it away.
func (l *Lags) Merge(other *Lags, n int64) {
	for i := range l {
		l[i] += n * other[i]
	}
}

// Quantile is a delay that q of all (0.5: half of them) do not exceed, rounded up
// to its class; 0 if there are none.
func (l *Lags) Quantile(q float64) time.Duration {
	var all int64
	for _, n := range l {
		all += n
	}
	if all <= 0 { // a row may hold counts below zero
		return 0
	}
	var below int64
	for class, n := range l {
		if below += n; float64(below) >= q*float64(all) {
			return time.Duration(float64(lagFirst) * math.Exp2(float64(class)/4)).Round(time.Millisecond)
		}
	}
	return 0 // q is more than 1
}

// MarshalJSON writes the classes up to the last one in use.
func (l Lags) MarshalJSON() ([]byte, error) {
	last := lagClasses
	for last > 0 && l[last-1] == 0 {
		last--
	}
	return json.Marshal(slices.Clone(l[:last]))
}
