package collect_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"azcollector/internal/collect"
)

// class is how much wider a class ends than it begins: four to a doubling.
var class = math.Exp2(0.25)

// A quantile is never below the true one, and not above it by more than a class
// (and by the millisecond to which it is rounded).
func TestQuantilesAreWithinAClass(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var lags collect.Lags
		delays := make([]time.Duration, 1+random.IntN(200))
		for i := range delays {
			delays[i] = time.Duration(float64(time.Second) * math.Exp2(21*random.Float64()*random.Float64()))
			lags.Add(delays[i], 1)
		}
		slices.Sort(delays)
		for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
			truth := delays[int(math.Ceil(q*float64(len(delays))))-1]
			got, most := lags.Quantile(q), time.Duration(class*float64(truth))+time.Millisecond
			if got < truth-time.Millisecond || got > most {
				t.Fatalf("seed %d: %v of %d delays is %s, want %s to %s", seed, q, len(delays), got, truth, most)
			}
		}
	}
}

func TestLagsAtTheEdges(t *testing.T) {
	month := 30 * 24 * time.Hour
	for _, test := range []struct {
		name  string
		delay time.Duration
		least time.Duration
		most  time.Duration
	}{
		{"before it happened: two clocks", -time.Hour, time.Second, time.Second},
		{"none", 0, time.Second, time.Second},
		{"a second", time.Second, time.Second, time.Second},
		{"a month", month, month, 2 * month},
		{"as long as can be", math.MaxInt64, month, 2 * month},
	} {
		t.Run(test.name, func(t *testing.T) {
			var lags collect.Lags
			lags.Add(test.delay, 3)
			if got := lags.Quantile(0.5); got < test.least || got > test.most {
				t.Errorf("got %s", got)
			}
		})
	}
	if got := new(collect.Lags).Quantile(0.5); got != 0 {
		t.Errorf("of none: %s", got)
	}
}

func TestLagsAddUpAndAreTakenAway(t *testing.T) {
	var a, b, sum collect.Lags
	a.Add(time.Minute, 3)
	b.Add(time.Hour, 5)
	sum.Merge(&a, 1)
	sum.Merge(&b, 1)
	if sum.Quantile(0.37) >= time.Hour || sum.Quantile(0.38) < time.Hour { // 3 of 8 are a minute
		t.Errorf("%v and %v", sum.Quantile(0.37), sum.Quantile(0.38))
	}
	sum.Merge(&b, -1)
	if sum != a {
		t.Errorf("%v is left, want %v", sum, a)
	}
	sum.Merge(&a, -2)
	if got := sum.Quantile(0.5); got != 0 {
		t.Errorf("of less than none: %s", got)
	}
}

// What is written is read back as it was; what strangers wrote makes no trouble.
func FuzzLags(f *testing.F) {
	for _, seed := range []string{"null", "[]", "[1,2]", "[-1]", "[1e3]", "[1.5]", `{"0":1}`, `["1"]`, "[9223372036854775807,9223372036854775807]", "[" + longZeros + "7]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var lags, again collect.Lags
		if json.Unmarshal(text, &lags) != nil {
			return
		}
		if got := lags.Quantile(0.5); got < 0 {
			t.Errorf("median %s", got)
		}
		b, err := json.Marshal(lags)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &again); err != nil || again != lags {
			t.Errorf("%s is read back as %v, %v", b, again, err)
		}
	})
}

// longZeros are more classes than there are.
var longZeros = func() string {
	b, _ := json.Marshal(make([]int, 200))
	return string(b[1:len(b)-1]) + ","
}()
