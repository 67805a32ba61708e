package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A Kind is a way in which an answer goes wrong.
type Kind string

// The faults. [Kinds] describes each in one line.
const (
	Refuse          Kind = "refuse"
	ResetBefore     Kind = "reset-before"
	ResetAfter      Kind = "reset-after"
	Hang            Kind = "hang"
	SlowBody        Kind = "slow-body"
	Stall           Kind = "stall"
	TruncateLength  Kind = "truncate-length"
	TruncateChunked Kind = "truncate-chunked"
	Status          Kind = "status"
	Throttle        Kind = "throttle"
	HTMLBody        Kind = "html"
	EmptyBody       Kind = "empty"
	WrongType       Kind = "wrong-type"
	Redirect        Kind = "redirect"
	LostAck         Kind = "lost-ack"
)

type injection struct {
	about  string
	inject func(d *Dial, rule Rule, w http.ResponseWriter, r *http.Request, next http.Handler)
}

var injections = map[Kind]injection{
	Refuse:          {"the connection closes before anything is read or said", refuse},
	ResetBefore:     {"the connection is reset, nothing was done", resetBefore},
	ResetAfter:      {"the work is done, the connection is reset instead of an answer", resetAfter},
	Hang:            {"no answer for the rule's delay (0: until the client leaves), then the connection closes; nothing was done", hang},
	SlowBody:        {"the body trickles over the rule's delay (0: 1 s)", slowBody},
	Stall:           {"the work is done; half a body, then nothing for the rule's delay (0: until the client leaves)", stall},
	TruncateLength:  {"half a body under a Content-Length for the whole", truncateLength},
	TruncateChunked: {"half a chunked body, the last chunk never comes", truncateChunked},
	Status:          {"the rule's status (0: 503) with its Retry-After; nothing was done", status},
	Throttle:        {"too many requests: AF429 as 403 at the management API, 429 elsewhere", throttle},
	HTMLBody:        {"a page of HTML under the rule's status (0: 502); under 2xx the work is done", htmlBody},
	EmptyBody:       {"no body, under the rule's or the real status; under 2xx the work is done", emptyBody},
	WrongType:       {"the real answer under Content-Type text/html", wrongType},
	Redirect:        {"a redirect (307 or the rule's status) to the canary", redirect},
	LostAck:         {"the work is done, the answer is 503", lostAck},
	Echo:            {"a body that repeats the request, credentials and all, under the rule's status (0: 500); nothing was done", echo},
	Parrot:          {"the request thrown back, which is no HTTP; with a status behind an empty answer of that status, unasked; nothing was done", parrot},
}

// Kinds lists the faults in alphabetical order, each with its description.
func Kinds() [][2]string {
	kinds := make([][2]string, 0, len(injections))
	for kind, in := range injections {
		kinds = append(kinds, [2]string{string(kind), in.about})
	}
	slices.SortFunc(kinds, func(a, b [2]string) int { return bytes.Compare([]byte(a[0]), []byte(b[0])) })
	return kinds
}

type answerLost struct{}

// AnswerLost reports whether the client may not learn that this request was
// served, so that it is right to send the same again.
func AnswerLost(ctx context.Context) bool { return ctx.Value(answerLost{}) != nil }

// whenHeard calls done before the last of the answer to this request is sent; not
// at all if a fault keeps it from the client.
func whenHeard(ctx context.Context, done func()) {
	if a, ok := ctx.Value(answerLost{}).(*answer); ok {
		a.heard = append(a.heard, done)
		return
	}
	done()
}

func refuse(_ *Dial, _ Rule, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	hangUp(w, false)
}

func resetBefore(_ *Dial, _ Rule, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	hangUp(w, true)
}

func resetAfter(_ *Dial, _ Rule, w http.ResponseWriter, r *http.Request, next http.Handler) {
	workFor(r, next)
	hangUp(w, true)
}

func hang(_ *Dial, rule Rule, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body) // the server notices that a client left only behind the body
	silence(rule, r)
	hangUp(w, false)
}

// silence lasts for the rule's delay, or until the client leaves.
func silence(rule Rule, r *http.Request) {
	var enough <-chan time.Time
	if rule.Delay > 0 {
		timer := time.NewTimer(rule.Delay)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-r.Context().Done():
	case <-enough:
	}
}

// stall announces a byte more than there is, so that an empty body can be awaited too.
func stall(_ *Dial, rule Rule, w http.ResponseWriter, r *http.Request, next http.Handler) {
	a := workFor(r, next)
	_, _ = io.Copy(io.Discard, r.Body) // as in hang
	a.header.Set("Content-Length", strconv.Itoa(a.body.Len()+1))
	a.begin(w)
	_, _ = w.Write(a.body.Bytes()[:a.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	silence(rule, r)
	panic(http.ErrAbortHandler)
}

func slowBody(_ *Dial, rule Rule, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if rule.Delay == 0 {
		rule.Delay = time.Second
	}
	const steps = 8
	a := workFor(r, next)
	a.begin(w)
	rest := a.body.Bytes()
	tick := time.NewTicker(max(rule.Delay/steps, 1))
	defer tick.Stop()
	for left := steps; left > 0; left-- { // also of no body at all: its end comes late
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		piece := rest[:(len(rest)+left-1)/left]
		rest = rest[len(piece):]
		_, _ = w.Write(piece)
	}
	a.isHeard() // it ends when we return
}

func truncateLength(_ *Dial, _ Rule, w http.ResponseWriter, r *http.Request, next http.Handler) {
	a := workFor(r, next)
	a.header.Set("Content-Length", strconv.Itoa(max(a.body.Len(), 64)))
	a.half(w)
}

func truncateChunked(_ *Dial, _ Rule, w http.ResponseWriter, r *http.Request, next http.Handler) {
	a := workFor(r, next)
	a.header.Del("Content-Length")
	a.half(w)
}

func status(d *Dial, rule Rule, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	code := rule.Status
	if code == 0 {
		code = http.StatusServiceUnavailable
	}
	d.refusal(w, rule, code)
}

func throttle(d *Dial, rule Rule, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	code := http.StatusTooManyRequests
	if managementOp(rule.Op) {
		code = http.StatusForbidden // [TRB "Request content blobs and throttling"]: AF429 comes as 403
	}
	d.refusal(w, rule, code)
}

func htmlBody(_ *Dial, rule Rule, w http.ResponseWriter, r *http.Request, next http.Handler) {
	code := rule.Status
	if code == 0 {
		code = http.StatusBadGateway
	}
	if code/100 == 2 {
		workFor(r, next)
	}
	w.Header().Set("Content-Type", "text/html; charset=us-ascii")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, "<!DOCTYPE html><html><head><title>Our services aren't available right now</title></head><body>x</body></html>")
}

func emptyBody(_ *Dial, rule Rule, w http.ResponseWriter, r *http.Request, next http.Handler) {
	code := rule.Status
	if code == 0 || code/100 == 2 {
		if a := workFor(r, next); code == 0 {
			code = a.status
		}
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(code)
}

func wrongType(_ *Dial, _ Rule, w http.ResponseWriter, r *http.Request, next http.Handler) {
	a := workFor(r, next)
	a.header.Set("Content-Type", "text/html")
	a.isHeard()
	a.begin(w)
	_, _ = w.Write(a.body.Bytes())
}

func redirect(d *Dial, rule Rule, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	code := rule.Status
	if code == 0 {
		code = http.StatusTemporaryRedirect
	}
	w.Header().Set("Location", d.canary()+r.URL.RequestURI())
	w.WriteHeader(code)
}

func lostAck(d *Dial, rule Rule, w http.ResponseWriter, r *http.Request, next http.Handler) {
	workFor(r, next)
	d.refusal(w, rule, http.StatusServiceUnavailable)
}

// refusal writes an error in the shape of the service that the operation belongs to.
func (d *Dial) refusal(w http.ResponseWriter, rule Rule, code int) {
	switch rule.RetryAfter {
	case "":
	case "date":
		w.Header().Set("Retry-After", d.now().Add(time.Second).UTC().Format(http.TimeFormat))
	default:
		w.Header().Set("Retry-After", rule.RetryAfter)
	}
	switch {
	case !managementOp(rule.Op):
		writeJSON(w, code, map[string]string{"error": "injected by the simulator"})
	case code == http.StatusUnauthorized:
		deny(w)
	case rule.Kind == Status && code/100 == 4 && code != http.StatusTooManyRequests:
		writeJSON(w, code, map[string]string{"Message": http.StatusText(code)}) // a gateway's, without a code of the API
	case rule.Kind == Throttle:
		fail(w, code, "AF429", "Too many requests. Method="+rule.Op+", PublisherId=00000000-0000-0000-0000-000000000000")
	default:
		fail(w, code, "AF50000", "An internal error occurred. Please retry the request.")
	}
}

// hangUp closes the connection under the server's feet, with an RST if reset.
func hangUp(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn() // no close_notify: the peer must not see an orderly end
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// An answer is what a service said, before the client hears of it.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
	heard  []func() // see whenHeard
}

// workFor lets the service do its work, knowing that its answer may be lost.
func workFor(r *http.Request, next http.Handler) *answer {
	a := &answer{header: http.Header{}}
	next.ServeHTTP(a, r.WithContext(context.WithValue(r.Context(), answerLost{}, a)))
	a.WriteHeader(http.StatusOK)
	return a
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(code int) {
	if a.status == 0 {
		a.status = code
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

func (a *answer) isHeard() {
	for _, done := range a.heard {
		done()
	}
}

func (a *answer) begin(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
}

// half says half of the body and breaks off.
func (a *answer) half(w http.ResponseWriter) {
	a.begin(w)
	_, _ = w.Write(a.body.Bytes()[:a.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler) // the server closes the connection and logs nothing
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // only the simulator's own types come here
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(body) // a client that left has nothing to hear
}
