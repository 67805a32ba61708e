package alertlogic

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"azcollector/internal/collect"
)

// Send posts the open records, the next run always from the top of a stack: a
// run too large for a post is halved by its bytes, one that the service refuses
// by its records, until each part is taken or its culprit stands alone. If we
// are killed after a post and before its outcome is remembered, those records
// are delivered again.
func (b *batch) Send(ctx context.Context) error {
	b.work = b.work[:0]
	if run := b.openRecords(); len(run) > 0 {
		b.work = append(b.work, run)
	}
	if len(b.work) == 0 {
		return nil
	}
	who, err := b.sink.options.Identity(ctx)
	if err != nil {
		return fmt.Errorf("learn the collector's identity: %w", err)
	}
	for len(b.work) > 0 {
		run := b.work[len(b.work)-1]
		b.work = b.work[:len(b.work)-1]
		if k := b.prefix(run, b.sink.budget()); k < len(run) {
			b.work = append(b.work, run[k:])
			run = run[:k]
		}
		err := b.sink.post(ctx, who, b, run)
		switch {
		case err == nil:
			b.settle(run, collect.Outcome{State: collect.Delivered})
		case errors.Is(err, errTooLarge) && len(run) > 1:
			b.split(run, min(b.prefix(run, b.weight(run)/2), len(run)-1))
		case errors.Is(err, errTooLarge):
			b.settle(run, collect.Outcome{State: collect.Refused, Reason: b.tooLarge(run[0])})
		case collect.VerdictOf(err) == collect.JudgesPayload && len(run) > 1:
			b.split(run, len(run)/2)
		case collect.VerdictOf(err) == collect.JudgesPayload:
			b.settle(run, collect.Outcome{State: collect.Refused, Reason: err.Error()})
		default:
			return err
		}
	}
	return nil
}

func (b *batch) openRecords() []int {
	b.open = b.open[:0]
	for i, o := range b.outcomes {
		if o.State == collect.Open {
			b.open = append(b.open, i)
		}
	}
	return b.open
}

// split puts both parts of a run back, the first one on top.
func (b *batch) split(run []int, k int) { b.work = append(b.work, run[k:], run[:k]) }

func (b *batch) tooLarge(i int) string {
	return fmt.Sprintf("too large: %d bytes of JSON are more than %d bytes when compressed, the most that %s takes in one post",
		len(b.Raw(i)), b.sink.limit(1), b.sink.options.Stream)
}

// post sends one run. errTooLarge: it was not sent.
func (s *Ingest) post(ctx context.Context, who Registration, b *batch, run []int) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	var body pieces
	defer body.giveBack()
	if err := s.encode(ctx, who, b, run, &body); err != nil {
		return err
	}
	r := call{
		method: http.MethodPost, service: "ingest",
		path: []string{"data", s.options.Stream},
		header: http.Header{
			"Content-Type":     {s.mediaType},
			"Content-Encoding": {"deflate"},
			"X-Invoked-By":     {"azure_function"},
		},
		body: &loan{data: body},
	}
	defer r.body.takeBack() // runs before giveBack: the pieces are ours again
	return s.client.do(ctx, r, nil)
}
