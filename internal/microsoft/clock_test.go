package microsoft_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
)

func TestServerTimeIsTheDateOfAnAnswer(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Date", time.Now().Add(-3*time.Hour).UTC().Format(http.TimeFormat))
		write(rw, `[]`)
	})
	feed := w.open()
	if feed.Skew() != 0 {
		t.Errorf("skew before any answer is %v", feed.Skew())
	}
	for range 2 { // hours off our own: the second answer confirms the first
		if _, err := feed.Subscriptions(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	if skew := feed.Skew().Round(time.Minute); skew != -3*time.Hour {
		t.Errorf("skew = %v", skew)
	}
	if got := feed.ServerTime(); got.After(time.Now().Add(-3*time.Hour)) || got.Location() != time.UTC {
		t.Errorf("ServerTime() = %v is ahead of the server", got)
	}
}

func TestSynchronise(t *testing.T) {
	const date, dateless = true, false
	cases := map[string]struct {
		status int
		date   bool
		ok     bool
		code   string
	}{
		"an answer":              {200, date, true, ""},
		"a refusal":              {400, date, true, ""},
		"a refused token":        {401, date, true, ""},
		"an answer without Date": {200, dateless, false, ""},
		"a refusal without Date": {400, dateless, false, "AF20011"},
		"an outage without Date": {503, dateless, false, "AF50000"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
				rw.Header()["Date"] = nil // the server writes none of its own
				if c.date {
					rw.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
				}
				switch c.status {
				case 200:
					write(rw, `[]`)
				case 503:
					refuse(503, "AF50000", "down")(rw, r)
				default:
					refuse(c.status, "AF20011", "no such tenant")(rw, r)
				}
			})
			feed := w.open()
			err := feed.Synchronise(t.Context(), tenant)
			if !c.ok {
				verdict := collect.Temporary
				if c.status == 400 {
					verdict = collect.JudgesUs
				}
				wantFault(t, err, verdict, c.code)
				if c.status == 200 && !strings.Contains(err.Error(), "the answer has no Date") {
					t.Errorf("error %q does not say what is missing", err)
				}
				if leak := leaksOf(err); leak != "" {
					t.Errorf("error %q tells %q", err, leak)
				}
				return
			}
			if err != nil || feed.Skew().Round(time.Minute) != time.Hour {
				t.Errorf("Synchronise = %v, skew %v", err, feed.Skew())
			}
			before := len(w.asked)
			if err := feed.Synchronise(t.Context(), tenant); err != nil || len(w.asked) != before {
				t.Errorf("again: %v, %d requests more", err, len(w.asked)-before)
			}
		})
	}
}

// What was told long ago is asked again: in between, a machine may have slept.
func TestSynchroniseAsksAgainAfterTenMinutes(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) { write(rw, `[]`) })
	feed := w.open()
	for _, step := range []struct {
		rest  time.Duration
		asked int
	}{{0, 1}, {9 * time.Minute, 1}, {2 * time.Minute, 2}, {time.Minute, 2}, {time.Hour, 3}} {
		feed.Rest(step.rest)
		if err := feed.Synchronise(t.Context(), tenant); err != nil || len(w.asked) != step.asked {
			t.Errorf("after %s: %v, asked %d times, want %d", step.rest, err, len(w.asked), step.asked)
		}
	}
}

// One Date that is far off what was known moves nothing; two that agree do.
func TestAJumpOfTheClockIsConfirmed(t *testing.T) {
	const day = 24 * time.Hour
	cases := map[string]struct {
		dates []time.Duration // of the answers, by our clock; the last one goes on
		skew  time.Duration
		asked int
		ok    bool
	}{
		"right":                      {[]time.Duration{0}, 0, 1, true},
		"ours is slow":               {[]time.Duration{-59 * time.Minute}, -59 * time.Minute, 1, true},
		"ours is wrong":              {[]time.Duration{30 * day}, 30 * day, 2, true},
		"the first is wrong":         {[]time.Duration{30 * day, 0}, 0, 2, true},
		"the first is wrong as ours": {[]time.Duration{30 * day, 5 * time.Hour}, 5 * time.Hour, 3, true},
		"they contradict each other": {[]time.Duration{30 * day, 20 * day, 10 * day}, 0, 3, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			answers := 0
			w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
				off := c.dates[min(answers, len(c.dates)-1)]
				answers++
				rw.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
				write(rw, `[]`)
			})
			feed := w.open()
			err := feed.Synchronise(t.Context(), tenant)
			if skew := feed.Skew().Round(time.Minute); skew != c.skew || len(w.asked) != c.asked || (err == nil) != c.ok {
				t.Errorf("skew %v after %d answers, %v", skew, len(w.asked), err)
			}
			if !c.ok {
				wantFault(t, err, collect.Temporary, "")
			}
		})
	}
}

// A jump met while listing is settled before anybody cuts time into windows.
func TestAJumpMetMeanwhileIsSettledFirst(t *testing.T) {
	off := time.Duration(0)
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		write(rw, `[]`)
	})
	feed := w.open()
	if err := feed.Synchronise(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	off = 48 * time.Hour
	if _, err := feed.Subscriptions(t.Context(), tenant); err != nil || feed.Skew().Round(time.Minute) != 0 {
		t.Errorf("one answer moved the clock by %v, %v", feed.Skew(), err)
	}
	off = 0
	if err := feed.Synchronise(t.Context(), tenant); err != nil || len(w.asked) != 3 || feed.Skew().Round(time.Minute) != 0 {
		t.Errorf("skew %v after %d answers, %v", feed.Skew(), len(w.asked), err)
	}
}

func TestSynchroniseWithoutAToken(t *testing.T) {
	w := newWorld(t, nil)
	w.token = refuse(503, "", "")
	wantFault(t, w.open().Synchronise(t.Context(), tenant), collect.Temporary, "503")
}
