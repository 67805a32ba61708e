// Package webhook is the room that Microsoft rings at: it takes notifications
// that content is available.
//
// Its one promise: it answers 200 only after everything announced is durably in
// the ledger. It is no source of truth: what a notification says is a hint that
// anybody who knows the secret can give, and the source's own list has the last word.
package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"azcollector/internal/collect"
)

// maxBody bounds a notification. Microsoft's are some KB; what is larger is
// refused and found by listing.
const maxBody = 1 << 20

// heardExpires is how long a content that only a notification told of is asked
// for before it counts as expired: content is listed for seven days.
const heardExpires = 7 * 24 * time.Hour

// A Handler answers the Management Activity API's webhook requests.
type Handler struct {
	// AuthIDs are the accepted values of Webhook-AuthID per tenant: the current
	// one and, for a day after a rotation, the one before.
	AuthIDs func() map[string][]string
	// Reread looks whether they have changed; it is called when an unknown one
	// comes, so it bounds how often it really looks. nil: they never change.
	Reread func(context.Context)
	// Types are the content types to collect.
	Types []string
	// Check says which configured tenant's content an address is, or why it is none.
	Check func(contentURI, contentID string) (tenant string, err error)
	// Announce makes contents durable and returns claims on the new ones.
	Announce func(context.Context, []collect.Content) ([]*collect.Claim, error)
	// Submit hands claims to the workers; the channel closes when all were tried.
	Submit func(context.Context, []*collect.Claim) <-chan struct{}
	// Ring, if set, replaces Announce and Submit: what is announced is not recorded
	// but listed at once, and the list goes on from where it stood in any case.
	Ring func([]collect.Content)
	// Doubt, while grave, keeps what is announced from being recorded.
	Doubt *Doubt
	// Budget is how long an answer may wait for the contents to be delivered.
	Budget time.Duration
	// Report is told of every request.
	Report func(context.Context, Notice)

	once  sync.Once
	turns chan struct{} // full while as many are recorded as may be
}

// A Notice says what became of one request.
//
// However much was wrong, it is small: who knows the secret could have a million
// entries refused at a time.
type Notice struct {
	Method string
	Status int
	// Err says why the request as a whole was refused.
	Err error
	// Validation says that it was the handshake of a new subscription.
	Validation bool
	// Announced entries, and of these the ones that the ledger lacked.
	Announced, New int
	// Unrecorded says that the announced were left to the list, see [Doubt].
	Unrecorded bool
	// Strange entries, among the refused, are about another host or tenant than ours.
	Strange int
	// Unconfigured entries are of a content type that is not collected.
	Unconfigured int
	// Refused entries, and why the first of them were.
	Refused int
	Reasons []error
	// Left says that the budget ended before every new content was tried.
	Left bool
	Took time.Duration
}

// ServeHTTP answers 200 once what was announced is durable (and, within the
// budget, collected), 401 without the secret, 413 to a large body, 500 if the
// ledger cannot be written. With the right secret nothing that is wrong with an
// entry is answered by anything but 200, since that makes Microsoft disable the webhook.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	notice := Notice{Method: r.Method, Status: http.StatusOK}
	switch r.Method {
	case http.MethodPost, http.MethodPut:
		h.receive(r, &notice, began)
	case http.MethodGet: // people and probes look whether somebody is here
	default:
		notice.Status, notice.Err = http.StatusBadRequest, errors.New("method is none of POST, PUT, GET")
	}
	notice.Took = time.Since(began)
	h.Report(r.Context(), notice)
	w.WriteHeader(notice.Status)
}

func (h *Handler) receive(r *http.Request, notice *Notice, began time.Time) {
	var given string
	if values := r.Header.Values("Webhook-AuthID"); len(values) == 1 { // of several, others may read another one than we
		given = values[0]
	}
	tenant, ok := h.authenticate(given)
	if !ok && h.Reread != nil {
		h.Reread(r.Context())
		tenant, ok = h.authenticate(given)
	}
	if !ok { // before a byte of the body is read
		notice.Status, notice.Err = http.StatusUnauthorized, errors.New("header Webhook-AuthID is missing or wrong")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	body = bytes.TrimPrefix(body, []byte("\uFEFF")) // .NET writes one in front of UTF-8 unless told not to
	if err != nil {
		notice.Status, notice.Err = http.StatusBadRequest, errors.New("body could not be read to its end")
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			notice.Status, notice.Err = http.StatusRequestEntityTooLarge, errors.New("body is larger than 1 MiB")
		}
		return
	}
	if validation, err := handshake(r.Header.Get("Webhook-ValidationCode"), body); validation {
		notice.Validation, notice.Err = true, err
		if err != nil {
			notice.Status = http.StatusBadRequest
		}
		return
	}
	tried, err := h.record(r.Context(), body, tenant, notice)
	if err != nil {
		notice.Status, notice.Err = http.StatusInternalServerError, err
		return
	}
	if tried != nil {
		h.wait(r.Context(), tried, notice, began)
	}
}

// recordedAtOnce is how many notifications are taken apart and recorded at a moment:
// rows are many times larger than what announces them. It is as many as the Functions
// host sends one instance; more than that share what the store can do, no faster.
const recordedAtOnce = 16

// record makes durable what a body announces, and hands it to the workers; tried closes
// when they have tried all of it, and is nil if there is nothing to wait for.
func (h *Handler) record(ctx context.Context, body []byte, tenant string, notice *Notice) (tried <-chan struct{}, err error) {
	h.once.Do(func() { h.turns = make(chan struct{}, recordedAtOnce) })
	select {
	case h.turns <- struct{}{}: // without a wait, whoever may have left
	default:
		select {
		case h.turns <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait to record a notification: %w", context.Cause(ctx))
		}
	}
	defer func() { <-h.turns }()
	return h.announce(ctx, h.read(body, tenant, notice), notice)
}

// authenticate tells whose secret it is. It takes as long for a wrong one, and
// looks at all of them.
func (h *Handler) authenticate(given string) (tenant string, ok bool) {
	sum := sha256.Sum256([]byte(given))
	for id, secrets := range h.AuthIDs() {
		for _, secret := range secrets {
			want := sha256.Sum256([]byte(secret))
			if subtle.ConstantTimeCompare(sum[:], want[:]) == 1 && secret != "" {
				tenant, ok = id, true
			}
		}
	}
	return tenant, ok
}

// announce records the contents, and submits those that the ledger lacked.
func (h *Handler) announce(ctx context.Context, contents []collect.Content, notice *Notice) (tried <-chan struct{}, err error) {
	notice.Announced = len(contents)
	if len(contents) == 0 {
		return nil, nil
	}
	if h.Ring != nil {
		h.Ring(contents)
		return nil, nil
	}
	if notice.Unrecorded = h.Doubt.Grave(); notice.Unrecorded {
		return nil, nil
	}
	claims, err := h.Announce(ctx, contents)
	notice.New = len(claims)
	h.Doubt.recorded(len(claims))
	return h.Submit(ctx, claims), err
}

// wait gives the workers the rest of the budget.
func (h *Handler) wait(ctx context.Context, tried <-chan struct{}, notice *Notice, began time.Time) {
	budget := time.NewTimer(h.Budget - time.Since(began))
	defer budget.Stop()
	select {
	case <-tried:
	case <-budget.C:
		notice.Left = true
	case <-ctx.Done():
		notice.Left = true
	}
}
