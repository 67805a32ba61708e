package microsoft_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What speaks no HTTP is quoted by net/http: a proxy that throws our own request back at
// us would have it in the log.
func TestMalformedAnswersTellNoSecret(t *testing.T) {
	for name, format := range map[string]string{
		"no HTTP":     "%s\r\n\r\n",
		"no header":   "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
		"no length":   "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
		"no Location": "HTTP/1.1 307 Elsewhere\r\nLocation: https://%s:\x7f%%zz\r\nContent-Length: 0\r\n\r\n",
	} {
		throw := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			echo := r.Header.Get("Authorization") + r.PostForm.Get("client_secret")
			conn, _, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if echo == "" {
				t.Errorf("%s: %s came without a secret", name, r.URL.Path)
			}
			_, _ = fmt.Fprintf(conn, format, echo)
		})
		for _, entra := range []bool{false, true} {
			w := newWorld(t, throw)
			w.app = throw
			if entra {
				w.token = throw
			}
			for call, err := range everything(t.Context(), w) {
				if err == nil {
					t.Errorf("%s: %s gave no error", name, call)
				}
				if leak := leaksOf(err); leak != "" {
					t.Errorf("%s: %s tells %q: %v", name, call, leak, err)
				}
			}
		}
	}
}

// Of an error's body we read 64 KiB. A token that lies across that border is half of one,
// and blanks before it bring it into the 1 KiB that is told.
func TestErrorsTellNoHalfOfASecret(t *testing.T) {
	for _, cut := range []int{4, 6, 10} {
		w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			rw.WriteHeader(http.StatusTeapot)
			write(rw, "no"+strings.Repeat(" ", 64<<10-2-cut)+token)
		})
		_, err := w.open().Subscriptions(t.Context(), tenant)
		if err == nil || strings.Contains(err.Error(), "opaq") {
			t.Errorf("cut behind %d: %v", cut, err)
		}
	}
}
