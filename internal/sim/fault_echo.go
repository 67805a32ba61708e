package sim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Faults that repeat the request to whoever sent it, as debugging pages, gateways and
// careless services do: whoever logs such an answer logs its own secrets.
const (
	Echo   Kind = "echo"
	Parrot Kind = "parrot"
)

// repeated is a request as it came: its line, its header with the credentials decoded
// as well, and its body.
func repeated(r *http.Request) []byte {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10)) // what is missing repeats less
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL.RequestURI())
	if user, password, ok := r.BasicAuth(); ok {
		fmt.Fprintf(&b, "User: %s\nPassword: %s\n", user, password)
	}
	for name, values := range r.Header {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(values, ", "))
	}
	b.Write(body)
	return b.Bytes()
}

// credential is what a request proves itself with, fit for a header.
func credential(r *http.Request) string {
	return r.Header.Get("Authorization") + r.Header.Get(tokenHeader) + r.URL.RawQuery
}

func echo(d *Dial, rule Rule, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	if rule.Status == 0 {
		rule.Status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Location", d.canary()+"/?"+credential(r))
	w.Header().Set("X-Ms-Error-Code", credential(r))
	w.WriteHeader(rule.Status)
	_, _ = w.Write(repeated(r)) // who left does not want it
}

func parrot(_ *Dial, rule Rule, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	again := repeated(r)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	if rule.Status != 0 {
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", rule.Status, strings.ReplaceAll(credential(r), "\n", " "))
	}
	_, _ = conn.Write(again)
}
