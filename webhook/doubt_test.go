package webhook_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"azcollector/webhook"
)

// What is announced is recorded until too much of it turns out to be made up.
func TestDoubt(t *testing.T) {
	for name, test := range map[string]struct {
		do    func(*webhook.Doubt)
		grave bool
	}{
		"nothing is known":         {func(*webhook.Doubt) {}, false},
		"a few are unknown":        {func(d *webhook.Doubt) { repeat(499, d.Unknown) }, false},
		"many are":                 {func(d *webhook.Doubt) { repeat(500, d.Unknown) }, true},
		"the ledger holds many":    {func(d *webhook.Doubt) { d.Counted(1000) }, true},
		"some here, some there":    {func(d *webhook.Doubt) { d.Counted(250); repeat(250, d.Unknown) }, true},
		"they were counted again":  {func(d *webhook.Doubt) { repeat(600, d.Unknown); d.Counted(20) }, false},
		"what is given is no sign": {func(d *webhook.Doubt) { repeat(600, d.Unknown); d.Given() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			doubt, w := &webhook.Doubt{}, &world{}
			test.do(doubt)
			room := w.handler()
			room.Doubt = doubt
			recorder := httptest.NewRecorder()
			room.ServeHTTP(recorder, request(http.MethodPost, "["+entry("1")+"]"))
			if recorder.Code != http.StatusOK || w.notice.Unrecorded != test.grave || (len(w.announced) == 0) != test.grave || w.notice.Announced != 1 {
				t.Errorf("status %d, %d recorded, notice %+v", recorder.Code, len(w.announced), w.notice)
			}
		})
	}
}

// While nothing can be tried, nobody can know what exists: then there is an end, too.
func TestDoubtOfWhatIsNeverTried(t *testing.T) {
	doubt, w := &webhook.Doubt{}, &world{}
	room := w.handler()
	room.Doubt = doubt
	notify := func() {
		room.ServeHTTP(httptest.NewRecorder(), request(http.MethodPost, "["+entry("1")+"]"))
	}
	repeat(50_000, notify)
	if notify(); !w.notice.Unrecorded {
		t.Error("recorded without end")
	}
	doubt.Given()
	if notify(); w.notice.Unrecorded {
		t.Error("not recorded though the source gives contents again")
	}
}

func repeat(n int, f func()) {
	for range n {
		f()
	}
}

// Entries about other hosts and tenants are counted apart from those that are merely wrong.
func TestStrangeEntries(t *testing.T) {
	for name, test := range map[string]struct {
		entry   string
		strange int
	}{
		"another host":         {entry("1", "contentUri", `"https://evil.example/`+ours+`/1"`), 1},
		"another tenant":       {entry("1", "tenantId", "", "contentUri", `"https://api.example/`+theirs+`/1"`), 1},
		"tenants that differ":  {entry("1", "tenantId", `"`+theirs+`"`), 1},
		"no content id":        {entry("1", "contentId", ""), 0},
		"no type":              {entry("1", "contentType", ""), 0},
		"no object":            {`17`, 0},
		"as Microsoft's entry": {entry("1"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			w.handler().ServeHTTP(httptest.NewRecorder(), request(http.MethodPost, "["+test.entry+"]"))
			if w.notice.Strange != test.strange {
				t.Errorf("notice %+v", w.notice)
			}
		})
	}
}
