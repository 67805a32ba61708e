package microsoft_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
)

// A compression that we did not ask for is named: it is why the body is no JSON. One that
// means nothing is not.
func TestFetchNamesAStrangeEncoding(t *testing.T) {
	for coding, want := range map[string]string{
		"br": `under Content-Encoding "br"`, "gzip, gzip": `under Content-Encoding "gzip, gzip"`,
		"a\"b\\": `under Content-Encoding "a\"b\\"`, strings.Repeat("x", 5000): `under Content-Encoding "` + strings.Repeat("x", 40) + `"`,
		"identity": "", "": "",
	} {
		w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
			if coding != "" {
				rw.Header().Set("Content-Encoding", coding)
			}
			write(rw, "[{}]\x0b\x02")
		})
		feed := w.open()
		_, err := drain(feed, t, w.content("x"), false)
		wantFault(t, err, collect.Broken, "")
		kept, failed := drain(feed, t, w.content("x"), true)
		if failed != nil || len(kept) != 2 || kept[0] != "{}" || !strings.HasPrefix(kept[1], "\x0b\x02body goes on behind its array") {
			t.Fatalf("%q: kept %q, %v", coding, kept, failed)
		}
		for _, said := range []string{err.Error(), kept[1]} {
			if strings.Contains(said, "Content-Encoding") != (want != "") || !strings.HasSuffix(said, want) || len(said) > 300 {
				t.Errorf("%.50q: said %q", coding, said)
			}
		}
	}
}

// A list that unpacks to more than any list has is refused before it fills the memory.
func TestListTakesNoMoreThanAListHas(t *testing.T) {
	const most = 16 << 20
	for size, ok := range map[int]bool{most: true, most + 1: false} {
		body := compress("[" + strings.Repeat(" ", size-2) + "]")
		w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Encoding", "gzip")
			_, _ = rw.Write(body)
		})
		var err error
		for _, e := range w.open().Contents(t.Context(), tenant, "Audit.General", midnight, midnight.Add(time.Hour)) {
			err = e
		}
		if ok && err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if !ok {
			wantFault(t, err, collect.Broken, "")
		}
	}
}
