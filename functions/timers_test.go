package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"azcollector/master"
	"azcollector/pull"
)

func TestParseSchedule(t *testing.T) {
	from := time.Date(2026, 11, 21, 10, 30, 15, 0, time.UTC) // a Saturday
	for name, c := range map[string]struct {
		text string
		next string // the time after from; "": refused
	}{
		"every minute":         {"0 * * * * *", "2026-11-21T10:31:00Z"},
		"every second":         {"* * * * * *", "2026-11-21T10:30:16Z"},
		"a step":               {"0 */15 * * * *", "2026-11-21T10:45:00Z"},
		"five fields":          {"*/15 * * * *", "2026-11-21T10:45:00Z"},
		"names":                {"0 0 6 * Dec MON-FRI", "2026-12-01T06:00:00Z"},
		"a list":               {"30 5,40 10 * * *", "2026-11-21T10:40:30Z"},
		"Sunday":               {"0 0 0 * * 0", "2026-11-22T00:00:00Z"},
		"space around":         {"  0  * * * *   * ", "2026-11-21T10:31:00Z"},
		"nothing":              {"", ""},
		"four fields":          {"* * * *", ""},
		"seven fields":         {"* * * * * * *", ""},
		"a TimeSpan":           {"00:05:00", ""},
		"a descriptor":         {"@hourly", ""},
		"an interval":          {"@every 1s", ""},
		"a time zone":          {"TZ=Europe/Vienna 0 * * * * *", ""},
		"another time zone":    {"CRON_TZ=UTC * * * * *", ""},
		"a time zone alone":    {"TZ=UTC", ""},
		"a minute of an hour":  {"0 60 * * * *", ""},
		"a name of a setting":  {"%PULL_SCHEDULE%", ""},
		"a step of nothing":    {"0 */0 * * * *", ""},
		"a range from the end": {"0 30-10 * * * *", ""},
	} {
		t.Run(name, func(t *testing.T) {
			schedule, err := parseSchedule(c.text)
			got := ""
			if err == nil {
				got = schedule.Next(from).Format(time.RFC3339)
			}
			if got != c.next {
				t.Errorf("next at %q, want %q (%v)", got, c.next, err)
			}
		})
	}
}

func TestTimerOf(t *testing.T) {
	settings := map[string]string{"A_SCHEDULE": "0 5 * * * *", "BROKEN": "often"}
	for name, c := range map[string]struct {
		file string
		next string // minutes past the hour
		err  string
	}{
		"of pull":           {string(pull.Trigger), "", `schedule ""`}, // PULL_SCHEDULE is not among these settings
		"of master":         {string(master.Trigger), "15m0s", ""},
		"its own":           {`{"bindings":[{"type":"timerTrigger","schedule":"0 7 * * * *"}]}`, "7m0s", ""},
		"of a setting":      {`{"bindings":[{"type":"timerTrigger","schedule":"%A_SCHEDULE%"}]}`, "5m0s", ""},
		"behind another":    {`{"bindings":[{"type":"queue","direction":"out"},{"type":"timerTrigger","schedule":"%A_SCHEDULE%"}]}`, "5m0s", ""},
		"a broken setting":  {`{"bindings":[{"type":"timerTrigger","schedule":"%BROKEN%"}]}`, "", `read it/function.json: schedule "often"`},
		"no schedule":       {`{"bindings":[{"type":"timerTrigger"}]}`, "", `schedule ""`},
		"not a timer":       {`{"bindings":[{"type":"httpTrigger","schedule":"0 7 * * * *"}]}`, "", "read it/function.json: it has no timerTrigger"},
		"no bindings":       {`{}`, "", "it has no timerTrigger"},
		"no JSON":           {`bindings`, "", "read it/function.json"},
		"of another's type": {`{"bindings":{"type":"timerTrigger"}}`, "", "read it/function.json"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := timerOf("it", []byte(c.file), func(name string) string { return settings[name] })
			if err != nil || c.err != "" {
				if err == nil || c.err == "" || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			hour := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
			if next := got.schedule.Next(hour).Sub(hour).String(); next != c.next || got.function != "it" {
				t.Errorf("%s runs after %s, want %s", got.function, next, c.next)
			}
		})
	}
}

// The timers of the house are those of the rooms' function.json, less the disabled.
func TestTimersOfTheHouse(t *testing.T) {
	for name, c := range map[string]struct {
		change string
		want   []string
	}{
		"both":            {"PULL_SCHEDULE=*/5 * * * * *", []string{"master", "pull"}},
		"without pull":    {"AzureWebJobs.pull.Disabled=true", []string{"master"}},
		"without master":  {"AzureWebJobs.master.Disabled=1", []string{"pull"}},
		"not so disabled": {"AzureWebJobs.master.Disabled=no", []string{"master", "pull"}},
	} {
		t.Run(name, func(t *testing.T) {
			timers, err := (&house{settings: mustLoad(t, good(c.change))}).timers()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, timer := range timers {
				got = append(got, timer.function)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// following runs timers in a bubble, whose clock begins at midnight, for d, and
// ends them.
func following(t *testing.T, d time.Duration, functions map[string]function, timers ...timer) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- (&rooms{Functions: functions, Timers: timers}).follow(ctx, newLogger(io.Discard, false))
	}()
	time.Sleep(d)
	stop()
	synctest.Wait()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	default:
		t.Error("goes on after its context ended")
	}
}

func each(t *testing.T, name, schedule string) timer {
	t.Helper()
	parsed, err := parseSchedule(schedule)
	if err != nil {
		t.Fatal(err)
	}
	return timer{name, parsed}
}

// diary notes when something happened, in time since the bubble's beginning.
type diary struct {
	began time.Time
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%s %v", what, time.Since(d.began)))
}

// All run at once at the start, in their order, each when the one before is done.
func TestFollowBeginsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diary{began: time.Now()}
		lasting := func(name string, lasts time.Duration) function {
			return func(context.Context, []byte) error {
				d.note(name)
				time.Sleep(lasts)
				return nil
			}
		}
		following(t, 25*time.Second, map[string]function{
			"master": lasting("master", 4*time.Second), "pull": lasting("pull", time.Second),
		}, each(t, "master", "0 */15 * * * *"), each(t, "pull", "*/10 * * * * *"))
		if diff := cmp.Diff([]string{"master 0s", "pull 4s", "pull 10s", "pull 20s"}, d.lines); diff != "" {
			t.Error(diff)
		}
	})
}

// A first run that takes for ever does not keep the next timer from beginning.
func TestFollowLosesPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diary{began: time.Now()}
		following(t, time.Minute, map[string]function{
			"master": func(ctx context.Context, _ []byte) error { d.note("master"); <-ctx.Done(); return ctx.Err() },
			"pull":   func(context.Context, []byte) error { d.note("pull"); return nil },
		}, each(t, "master", "0 */15 * * * *"), each(t, "pull", "0 0 * * * *"))
		if diff := cmp.Diff([]string{"master 0s", "pull " + firstPatience.String()}, d.lines); diff != "" {
			t.Error(diff)
		}
	})
}

// A run that outlasts its schedule is followed by one for all that it missed, and
// never overlapped; its failures and panics are of no consequence to the next.
func TestFollowNeverOverlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diary{began: time.Now()}
		running, runs := 0, 0
		following(t, 5*time.Minute+30*time.Second, map[string]function{"pull": func(context.Context, []byte) error {
			if running++; running > 1 {
				t.Error("it overlaps itself")
			}
			defer func() { running-- }()
			d.note("begins")
			switch runs++; runs {
			case 1:
				time.Sleep(150 * time.Second)
			case 2:
				panic("boom")
			case 3:
				return errors.New("not this time")
			}
			return nil
		}}, each(t, "pull", "0 * * * * *"))
		if diff := cmp.Diff([]string{"begins 0s", "begins 2m30s", "begins 3m0s", "begins 4m0s", "begins 5m0s"}, d.lines); diff != "" {
			t.Error(diff)
		}
	})
}

// A late run is told that it is late, as the host would tell it.
func TestTimerInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for late, want := range map[time.Duration]string{
			0:                    `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}`,
			2 * time.Minute:      `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":true}`,
			-10 * time.Second:    `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}`,
			24 * 365 * time.Hour: `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":true}`,
		} {
			if got := string(timerInfo(time.Now().Add(-late))); got != want {
				t.Errorf("%v late: %s", late, got)
			}
		}
	})
}
