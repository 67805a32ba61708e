package sim

import (
	"encoding/json"
	"slices"
	"time"
)

// quantiles are by nearest rank: each is a lag that a record had.
func quantiles(lags []time.Duration) (p50, p95, longest time.Duration) {
	n := len(lags)
	if n == 0 {
		return 0, 0, 0
	}
	slices.Sort(lags)
	return lags[(n*50+99)/100-1], lags[(n*95+99)/100-1], lags[n-1]
}

// MarshalJSON tells the lags in seconds, to the millisecond.
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report // without this method
	seconds := func(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }
	return json.Marshal(struct {
		plain
		LagP50Seconds, LagP95Seconds, LagMaxSeconds float64
	}{plain(r), seconds(r.LagP50), seconds(r.LagP95), seconds(r.LagMax)})
}
