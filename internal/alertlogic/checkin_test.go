package alertlogic_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/alertlogic"
)

var site = alertlogic.Site{Subscription: "sub", ResourceGroup: "my group/1", App: "app"}

func report() alertlogic.CheckInRequest {
	return alertlogic.CheckInRequest{
		Site: site, Version: "1.2.3", TenantID: "T",
		Registration: alertlogic.Registration{HostID: "H-1", SourceID: "S-1", Answer: []byte(`{"not":"sent"}`)},
		Functions:    []alertlogic.FunctionCount{{Function: "webhook", Invocations: 7, Errors: 1}, {Function: "content"}, {Function: "pull", Invocations: 3}},
		Events:       12, Bytes: 3456,
	}
}

func TestCheckInBody(t *testing.T) {
	const before = `{"version":"1.2.3","app_tenant_id":"T","host_id":"H-1","source_id":"S-1",`
	const after = `"statistics":[{"content":{"invocations":0,"errors":0}},{"pull":{"invocations":3,"errors":0}},{"webhook":{"invocations":7,"errors":1}}],` +
		`"collection_stats":{"log":{"bytes":3456,"events":12}}}`
	tests := []struct {
		name   string
		change func(*alertlogic.CheckInRequest)
		want   string
	}{
		{"well", func(*alertlogic.CheckInRequest) {}, before + `"status":"ok","details":[],` + after},
		{"well, with something to say", func(r *alertlogic.CheckInRequest) { r.Details = []string{"late\nby 2 h"} }, before + `"status":"ok","details":["late by 2 h"],` + after},
		{"an error", func(r *alertlogic.CheckInRequest) {
			r.ErrorCode, r.Details = "AF20023", []string{"b", "a"}
		}, before + `"status":"error","error_code":"AF20023","details":["b","a"],` + after},
		{"an error that cannot be printed", func(r *alertlogic.CheckInRequest) { r.ErrorCode = "\n" }, before + `"status":"error","error_code":"unknown","details":[],` + after},
		{"nothing counted", func(r *alertlogic.CheckInRequest) {
			*r = alertlogic.CheckInRequest{Site: site}
		}, `{"version":"","app_tenant_id":"","host_id":"","source_id":"","status":"ok","details":[],"statistics":[],"collection_stats":{"log":{"bytes":0,"events":0}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			got := ""
			s.other = func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = fmt.Sprintf("%s %s %s\n%s", r.Method, r.URL.EscapedPath(), r.Header.Get("Content-Type"), body)
				w.WriteHeader(http.StatusNoContent)
			}
			request := report()
			tt.change(&request)
			if answer, err := alertlogic.NewClient(s.overTLS()).CheckIn(t.Context(), request); err != nil || answer != nil {
				t.Fatalf("answered %q, %v", answer, err)
			}
			want := "POST /azcollect/v1/" + account + "/azure/o365/checkin/sub/my%20group%2F1/app application/json\n" + tt.want
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

// However many details there are, and however badly they encode, a report stays
// below 64 KiB, and what it leaves out is counted.
func TestCheckInBoundsItsDetails(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		n, told    int // told -1: some, but not all
		last       string
	}{
		{"fifty", "x", 50, 50, "x"},
		{"fifty-one", "x", 51, 50, "and 2 more"},
		{"a million", "x", 1_000_000, 50, "and 999951 more"},
		{"long", strings.Repeat("é", 4000), 50, 50, strings.Repeat("é", 512)},
		{"quotes", strings.Repeat(`"`, 4000), 50, -1, ""},
		{"what HTML escapes", strings.Repeat("<", 4000), 50, -1, ""},
		{"control characters", strings.Repeat("\x00", 4000), 2, 2, ""},
		{"no UTF-8", strings.Repeat("\xff", 4000), 50, 50, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			var body struct{ Details []string }
			size := 0
			s.other = func(_ http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				size = len(b)
				if err := json.Unmarshal(b, &body); err != nil {
					t.Error(err)
				}
			}
			request := report()
			for range tt.n {
				request.Details = append(request.Details, tt.text)
			}
			if _, err := alertlogic.NewClient(s.overTLS()).CheckIn(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			if size == 0 || size >= 64<<10 {
				t.Errorf("the body has %d bytes, want less than %d", size, 64<<10)
			}
			told := len(body.Details)
			if tt.told == -1 {
				if want := fmt.Sprintf("and %d more", tt.n-told+1); told < 5 || told >= tt.n || body.Details[told-1] != want {
					t.Errorf("%d details, the last one is %.40q, want some and %q", told, body.Details[max(told, 1)-1], want)
				}
				return
			}
			if told != tt.told || tt.last != "" && body.Details[told-1] != tt.last {
				t.Errorf("%d details of at most 1 KiB, want %d; the last one is %.40q", told, tt.told, body.Details[max(told, 1)-1])
			}
			for _, text := range body.Details {
				if len(text) > 1024 {
					t.Errorf("a detail has %d bytes", len(text))
				}
			}
		})
	}
}

// The sentence that counts the rest finds room however full the body is.
func TestCheckInHasRoomToCount(t *testing.T) {
	s := newService(t)
	most := 0
	s.other = func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		most = max(most, len(b))
	}
	c := alertlogic.NewClient(s.inProcess())
	for filler := 0; filler <= 1024; filler += 5 { // in steps smaller than the sentence
		request := report()
		request.Details = []string{strings.Repeat(`"`, filler)}
		for range 49 {
			request.Details = append(request.Details, strings.Repeat(`"`, 1024))
		}
		if _, err := c.CheckIn(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	if most < 63<<10 || most >= 64<<10 {
		t.Errorf("the largest body has %d bytes, want a little less than %d", most, 64<<10)
	}
}

// What azcollect says is handed on only if it can be kept; a 2xx is a 2xx.
func TestCheckInAnswers(t *testing.T) {
	long := `"` + strings.Repeat("x", 8<<10-2) + `"`
	for _, tt := range []struct{ name, body, want string }{
		{"JSON", ` {"a": 1e999, "b":[true,null]}` + "\n", `{"a": 1e999, "b":[true,null]}`},
		{"8 KiB", long, long},
		{"more than 8 KiB", long[:len(long)-1] + `y"`, ""},
		{"nothing", "", ""},
		{"blanks", " \r\n", ""},
		{"HTML", "<html>", ""},
		{"cut", `{"a":`, ""},
		{"two values", `{}{}`, ""},
		{"no UTF-8", "\"\xff\"", ""},
		{"the key", `{"a":1e999,"b":"x` + secret + `"}`, ""},
		{"the key, escaped", `{"a":["\u0073EcReT+\/0002"]}`, ""},
		{"the key as a member's name", `{"` + secret + `":1}`, ""},
		{"the token", `"tOkEn-1"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			s.other = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tt.body)) }
			got, err := alertlogic.NewClient(s.overTLS()).CheckIn(t.Context(), report())
			if err != nil || string(got) != tt.want {
				t.Errorf("got %.60q, %v; want %.60q", got, err, tt.want)
			}
		})
	}
	t.Run("breaks off", func(t *testing.T) {
		s := newService(t)
		s.other = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte(`{}`))
		}
		if got, err := alertlogic.NewClient(s.overTLS()).CheckIn(t.Context(), report()); err != nil || got != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// Whatever azcollect answers: what is handed on is small, is JSON and holds no secret.
func FuzzCheckInAnswer(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1e999,"b":"\u0073EcReT+\/0002"}`, `["tOkEn-1"]`, "\"\xff\"", `[1,`, `{"a":1}{"b":2}`, `"\ud800"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := newService(t)
		s.other = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
		got, err := alertlogic.NewClient(s.inProcess()).CheckIn(t.Context(), report())
		if err != nil {
			t.Fatalf("a 2xx is an error: %v", err)
		}
		if len(got) == 0 {
			return
		}
		var v any
		d := json.NewDecoder(strings.NewReader(string(got)))
		d.UseNumber()
		if err := d.Decode(&v); err != nil || d.More() || len(got) > 8<<10 || !utf8.Valid(got) {
			t.Errorf("handed on %.100q: %v", got, err)
		}
		if text := fmt.Sprint(v); strings.Contains(text, secret) || strings.Contains(text, s.token()) {
			t.Errorf("handed on a secret: %.100q", got)
		}
	})
}

func TestCheckInRefused(t *testing.T) {
	refuse := func(status int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { http.Error(w, "no", status); return true }
	}
	const again = "azcollector register"
	for _, tt := range []struct {
		name    string
		set     func(*service)
		verdict string
		text    string // in the error; only a 404 of azcollect itself says that we must register again
	}{
		{"gone", func(s *service) { s.other = http.NotFound }, "judges our settings", again},
		{"busy", func(s *service) {
			s.other = func(w http.ResponseWriter, r *http.Request) { refuse(503)(w, r) }
		}, "temporary", "503"},
		{"malformed", func(s *service) {
			s.other = func(w http.ResponseWriter, r *http.Request) { refuse(400)(w, r) }
		}, "judges our settings", "APP_AZCOLLECT_ENDPOINT"},
		{"no such place of the endpoints service", func(s *service) { s.lookup = refuse(404) }, "judges our settings", "APP_AL_RESIDENCY"},
		{"no AIMS there", func(s *service) { s.aims = refuse(404) }, "judges our settings", "APP_AL_API_ENDPOINT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			tt.set(s)
			answer, err := alertlogic.NewClient(s.overTLS()).CheckIn(t.Context(), report())
			if answer != nil || verdict(err) != tt.verdict || !strings.Contains(fmt.Sprint(err), tt.text) {
				t.Errorf("%s (%v), want %s with %q", verdict(err), err, tt.verdict, tt.text)
			}
			if strings.Contains(fmt.Sprint(err), again) != (tt.text == again) {
				t.Errorf("who must register again: %v", err)
			}
			if fault := asFault(err); tt.text == again && (fault == nil || fault.Code != "404") {
				t.Errorf("the fault's code: %+v", fault)
			}
		})
	}
}
