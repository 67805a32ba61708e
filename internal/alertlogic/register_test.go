package alertlogic_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"azcollector/internal/alertlogic"
)

// A registration keeps what azcollect said, unless that is too much or a secret.
func TestRegistrationKeepsItsAnswer(t *testing.T) {
	const clientSecret = "aB~c/d<e"
	answer := func(more string) string {
		return fmt.Sprintf(`{"source":{"id":"S-1","host":{"id":"H-1"},"more":%s}}`, more)
	}
	for _, tt := range []struct {
		name, body string
		kept       bool
	}{
		{"whole", answer(`{"big":12345678901234567890, "b":1.0}`), true},
		{"too much", answer(`"` + strings.Repeat("x", 8<<10) + `"`), false},
		{"our key", answer(`"` + secret + `"`), false},
		{"our token", answer(`"tOkEn-1"`), false},
		{"the app's secret", answer(`{"client_secret":"aB~c/d<e"}`), false},
		{"the app's secret, escaped", answer(`[1e999,"aB~c\/d\u003ce"]`), false},
		{"no UTF-8", answer("\"\xff\""), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			s.other = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tt.body)) }
			got, err := alertlogic.NewClient(s.overTLS()).Register(t.Context(), alertlogic.RegisterRequest{Site: site, ClientSecret: clientSecret})
			if err != nil || got.HostID != "H-1" || got.SourceID != "S-1" {
				t.Fatalf("got %+v, %v", got, err)
			}
			if want := map[bool]string{true: tt.body}[tt.kept]; string(got.Answer) != want || got.Answer != nil != tt.kept {
				t.Errorf("kept %.80q, want %.80q", got.Answer, want)
			}
		})
	}
}
