package sim

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// PushOptions say how notifications are sent. Of retries, timeouts, disablement
// and array lengths the real service documents only that they exist; these
// numbers are the simulator's, small so that tests see them happen.
type PushOptions struct {
	// Off: no notification is sent, see [World.SetPush].
	Off bool
	// To is an address that gets the notifications of types without a webhook;
	// with it, lists and contents need no subscription.
	To string
	// DropEvery, DoubleEvery: every n-th notification is lost, or sent twice.
	DropEvery, DoubleEvery int
	// Reorder sends in any order.
	Reorder bool
	// Concurrency is the number of POSTs at one moment; 0: 4.
	Concurrency int
	// Batch is the most entries of one array; 0: 5.
	Batch int
	// FirstDelay before a retry, doubling up to MostDelay; 0: 20 ms and 1 s.
	FirstDelay, MostDelay time.Duration
	// Failures in a row that disable a webhook; 0: 20.
	Failures int
	// Timeout of one POST; 0: 5 s.
	Timeout time.Duration
}

func (o *PushOptions) fill(calm bool) {
	if !calm && o.DropEvery == 0 && o.DoubleEvery == 0 && !o.Reorder {
		o.DropEvery, o.DoubleEvery, o.Reorder = 11, 7, true
	}
	if o.Concurrency == 0 {
		o.Concurrency = 4
	}
	if o.Batch == 0 {
		o.Batch = 5
	}
	if o.FirstDelay == 0 {
		o.FirstDelay = 20 * time.Millisecond
	}
	if o.MostDelay == 0 {
		o.MostDelay = time.Second
	}
	if o.Failures == 0 {
		o.Failures = 20
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
}

// A pusher sends notifications until it is told to stop.
type pusher struct {
	feed   *feed
	o      PushOptions
	client *http.Client

	mu      sync.Mutex
	dice    *mathrand.Rand
	queue   []*content
	taken   int           // notifications accepted so far, for every n-th
	busy    int           // POSTs under way, retries included
	changed chan struct{} // closed and replaced at each change of queue or busy
}

func newPusher(w *World) *pusher {
	return &pusher{
		feed: w.feed, o: w.o.Push,
		client: &http.Client{
			Timeout:       w.o.Push.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				TLSClientConfig:     &tls.Config{RootCAs: w.authority.pool(w.o.TrustPEM), MinVersion: tls.VersionTLS12},
				MaxIdleConnsPerHost: w.o.Push.Concurrency,
			},
		},
		dice:    mathrand.New(mathrand.NewPCG(w.o.Seed, 1)),
		changed: make(chan struct{}),
	}
}

func (p *pusher) start(ctx context.Context, running *sync.WaitGroup) {
	for range p.o.Concurrency {
		running.Go(func() { p.work(ctx) })
	}
	running.Go(func() {
		<-ctx.Done()
		p.client.CloseIdleConnections()
	})
}

// enqueue takes a content to be told of, unless it is one of those that get lost.
func (p *pusher) enqueue(c *content) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken++
	if p.o.Off || p.o.DropEvery > 0 && p.taken%p.o.DropEvery == 0 {
		return
	}
	p.queue = append(p.queue, c)
	if p.o.DoubleEvery > 0 && p.taken%p.o.DoubleEvery == 0 {
		p.queue = append(p.queue, c)
	}
	p.signal()
}

// SetPush switches notifications off, or on again. Off, what waits to be sent is
// lost, and so is what is refused at that moment.
func (w *World) SetPush(off bool) {
	p := w.pusher
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o.Off = off
	if off {
		p.queue = nil
		p.signal()
	}
}

func (p *pusher) off() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.o.Off
}

// signal wakes everybody who waits; the lock is the caller's.
func (p *pusher) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pusher) work(ctx context.Context) {
	for {
		batch, wait := p.take()
		if batch == nil {
			select {
			case <-ctx.Done():
				return
			case <-wait:
				continue
			}
		}
		p.deliver(ctx, batch)
		p.mu.Lock()
		p.busy--
		p.signal()
		p.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
	}
}

// take removes the next notifications of one type, or says what to wait for.
func (p *pusher) take() (batch []*content, wait <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return nil, p.changed
	}
	if p.o.Reorder {
		p.dice.Shuffle(len(p.queue), func(i, j int) { p.queue[i], p.queue[j] = p.queue[j], p.queue[i] })
	}
	size := 1 + p.dice.IntN(p.o.Batch)
	kind := p.queue[0].kind
	var left []*content
	for _, c := range p.queue {
		if c.kind == kind && len(batch) < size {
			batch = append(batch, c)
		} else {
			left = append(left, c)
		}
	}
	p.queue = left
	p.busy++
	p.signal()
	return batch, nil
}

// deliver posts until the webhook takes it, is gone, or was disabled for good.
func (p *pusher) deliver(ctx context.Context, batch []*content) {
	kind := batch[0].kind
	delay := p.o.FirstDelay
	for attempt := 1; ; attempt++ {
		address, authID := p.feed.destination(kind)
		if address == "" || p.off() {
			return // nobody to tell: the list still offers it
		}
		ok := p.post(ctx, address, p.header(authID), p.array(batch))
		p.feed.record(batch, ok)
		if ok || attempt == p.o.Failures {
			return
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		delay = min(2*delay, p.o.MostDelay)
	}
}

func (p *pusher) array(batch []*content) []byte {
	now := p.feed.now()
	rows := make([]listed, len(batch))
	for i, c := range batch {
		rows[i] = c.row()
		rows[i].TenantID, rows[i].ClientID = p.feed.w.o.Tenant, p.feed.w.o.ClientID
		rows[i].ContentCreated = now.Format(stamp) // as /notifications has it: the time of sending
	}
	body, err := json.Marshal(rows)
	if err != nil {
		panic(err) // strings always encode
	}
	return body
}

// header is that of a notification, with the malformed media type of the documents.
func (p *pusher) header(authID string) http.Header {
	h := http.Header{"Content-Type": {"application/json; utf-8"}}
	h.Set(fromMicrosoft, "M365ManagementActivityApiWebhook")
	if authID != "" {
		h.Set("Webhook-AuthID", authID)
	}
	return h
}

// validate performs the handshake of a start ([REF] "Webhook validation").
func (p *pusher) validate(ctx context.Context, hook *Webhook) bool {
	code := rand.Text()
	h := p.header(hook.AuthID)
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Webhook-ValidationCode", code)
	return p.post(ctx, hook.Address, h, []byte(`{"validationCode":"`+code+`"}`))
}

// post reports whether the answer was 200: nothing else counts, not even 204.
func (p *pusher) post(ctx context.Context, address string, h http.Header, body []byte) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header = h
	resp, err := p.client.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode == http.StatusOK
}

// Drain waits until no notification is waiting or under way.
func (w *World) Drain(ctx context.Context) error {
	p := w.pusher
	for {
		p.mu.Lock()
		idle, changed := p.busy == 0 && len(p.queue) == 0, p.changed
		p.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// destination is where notifications of a type go at this moment; "" if nowhere.
func (f *feed) destination(kind string) (address, authID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.subscriptions[kind]
	switch {
	case s == nil || s.Webhook == nil:
		return f.w.o.Push.To, f.w.o.AuthID
	case s.Status != "enabled" || s.Webhook.Status != "enabled":
		return "", ""
	}
	if until, err := time.Parse(time.RFC3339, text(s.Webhook.Expiration)); err == nil && !f.now().Before(until) {
		s.Webhook.Status = "expired"
		return "", ""
	}
	return s.Webhook.Address, s.Webhook.AuthID
}

// record keeps what /notifications tells, and disables a webhook that failed too often.
func (f *feed) record(batch []*content, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind, status := batch[0].kind, "Succeeded"
	s := f.subscriptions[kind]
	switch {
	case ok && s != nil:
		s.failures = 0
	case !ok:
		status = "Failed"
		if s != nil && s.Webhook != nil {
			if s.failures++; s.failures >= f.w.o.Push.Failures {
				s.Webhook.Status = "disabled"
			}
		}
	}
	for _, c := range batch {
		f.sent[kind] = append(f.sent[kind], notified{at: f.now(), content: c, status: status})
	}
}
