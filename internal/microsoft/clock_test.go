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
	if _, err := feed.Subscriptions(t.Context(), tenant); err != nil {
		t.Fatal(err)
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

func TestSynchroniseWithoutAToken(t *testing.T) {
	w := newWorld(t, nil)
	w.token = refuse(503, "", "")
	wantFault(t, w.open().Synchronise(t.Context(), tenant), collect.Temporary, "503")
}
