package microsoft_test

import (
	"encoding/base64"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"

	"github.com/google/go-cmp/cmp"
)

// jwt makes a token with a payload; nobody looks at its signature.
func jwt(payload string) string {
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2lnbmVk"
}

func TestInspect(t *testing.T) {
	const claims = `{"aud":"https://manage.office.com","tid":"` + tenant + `","appid":"the-app","roles":["ActivityFeed.Read","ActivityFeed.ReadDlp"],"exp":1793534400,"name":"??????"}`
	want := microsoft.Insight{Tenant: tenant, Audience: "https://manage.office.com", App: "the-app",
		Roles: []string{"ActivityFeed.Read", "ActivityFeed.ReadDlp"}, Expires: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	alone := want
	alone.Roles = nil
	header, rest, _ := strings.Cut(jwt(claims), ".")
	payload, signature, _ := strings.Cut(rest, ".")
	full := payload + strings.Repeat("=", -len(payload)&3)
	if full == payload || !strings.ContainsAny(full, "-_") {
		t.Fatal("the padded token tests nothing")
	}
	cases := map[string]struct {
		token string
		want  microsoft.Insight
		says  string // of the error; empty: it is readable
	}{
		"version 1":          {jwt(claims), want, ""},
		"version 2":          {jwt(strings.Replace(claims, "appid", "azp", 1)), want, ""},
		"padded":             {header + "." + full + "." + signature, want, ""},
		"no roles":           {jwt(strings.Replace(claims, "roles", "groups", 1)), alone, ""},
		"a forged line":      {jwt(strings.Replace(claims, "the-app", `the\napp`, 1)), microsoft.Insight{Tenant: want.Tenant, Audience: want.Audience, App: "the app", Roles: want.Roles, Expires: want.Expires}, ""},
		"opaque":             {"leaked.token", microsoft.Insight{}, "no JWT"},
		"encrypted":          {"a.b.c.d.leaked.token", microsoft.Insight{}, "no JWT"},
		"standard base64":    {"a.++leaked.token", microsoft.Insight{}, "base64url"},
		"no JSON":            {jwt("leaked.token"), microsoft.Insight{}, "claims"},
		"end is text":        {jwt(strings.Replace(claims, "1793534400", `"leaked.token"`, 1)), microsoft.Insight{}, "claims"},
		"no end":             {jwt(strings.Replace(claims, `"exp"`, `"leaked.token"`, 1)), microsoft.Insight{}, "claims"},
		"no audience":        {jwt(strings.Replace(claims, `"aud"`, `"leaked.token"`, 1)), microsoft.Insight{}, "claims"},
		"no tenant":          {jwt(strings.Replace(claims, `"tid"`, `"leaked.token"`, 1)), microsoft.Insight{}, "claims"},
		"somebody's message": {jwt(`"leaked.token"`), microsoft.Insight{}, "claims"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.token = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				writeJSON(rw, 200, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": c.token})
			})
			got, err := w.tokens().Inspect(t.Context(), tenant, audience)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFault(t, err, collect.Broken, "")
			if leak := leaksOf(err); leak != "" || strings.Contains(err.Error(), c.token) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q tells %q, or not %q", err, leak, c.says)
			}
		})
	}
}

func TestInspectWithoutAToken(t *testing.T) {
	w := newWorld(t, nil)
	w.token = refuse(503, "", "")
	got, err := w.tokens().Inspect(t.Context(), tenant, audience)
	wantFault(t, err, collect.Temporary, "503")
	if !reflect.ValueOf(got).IsZero() {
		t.Errorf("Inspect = %+v with an error", got)
	}
}

func FuzzReadToken(f *testing.F) {
	f.Add(`{"aud":"a","tid":"t","exp":1,"roles":["r"]}`)
	f.Add(`{"aud":"a\n","tid":"\u202e","exp":9e18}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, payload string) {
		token := jwt(payload)
		got, err := microsoft.ReadToken(token)
		if err != nil {
			if !reflect.ValueOf(got).IsZero() || len(payload) > 8 && strings.Contains(err.Error(), payload) || strings.Contains(err.Error(), token) {
				t.Errorf("%q: %+v, %v", payload, got, err)
			}
			return
		}
		for _, text := range append(got.Roles, got.Tenant, got.Audience, got.App) {
			if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q: %q cannot be shown", payload, text)
			}
		}
		if got.Expires.Unix() <= 0 {
			t.Errorf("%q expires at %v", payload, got.Expires)
		}
	})
}
