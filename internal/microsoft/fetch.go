package microsoft

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

var _ collect.Source = (*Feed)(nil).Fetch

// Fetch reads the records of one content as they arrive. The content's address is
// checked again, since it comes from a ledger or a queue; one that is refused is
// [collect.Missing]: settings may yet come to fit it, but once its date is past
// it counts as lost instead of staying pending for ever. Ending the sequence
// early ends the request.
func (f *Feed) Fetch(ctx context.Context, content collect.Content, salvage bool) iter.Seq2[collect.Record, error] {
	return func(yield func(collect.Record, error) bool) {
		resp, err := f.open(ctx, content)
		if err != nil {
			yield(collect.Record{}, err)
			return
		}
		defer func() { _ = resp.Body.Close() }() // what was read is what there is
		for record, err := range collect.SplitRecords(resp.Body, content.Created, salvage) {
			if err != nil {
				err = explain(fetchVerb(content), under(resp.Header, err))
			}
			if record.Defect != "" {
				record.Defect += strange(resp.Header)
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

// strange tells of a compression that we did not ask for and cannot undo: it is why a
// body is no JSON, which its bytes alone hardly show.
func strange(h http.Header) string {
	coding := h.Get("Content-Encoding")
	if coding == "" || strings.EqualFold(coding, "identity") {
		return ""
	}
	return fmt.Sprintf(", under Content-Encoding %.40q", coding)
}

func under(h http.Header, err error) error {
	what := strange(h)
	if what == "" || collect.VerdictOf(err) != collect.Broken {
		return err
	}
	return &collect.Fault{Verdict: collect.Broken, Err: fmt.Errorf("%w%s", err, what)}
}

func (f *Feed) open(ctx context.Context, content collect.Content) (*http.Response, error) {
	verb := fetchVerb(content)
	tenant, address, err := f.content(content.URI, "")
	if err == nil && tenant != content.Tenant {
		err = fmt.Errorf("%w: it belongs to another tenant than the content", ErrAddress)
	}
	if err != nil {
		return nil, explain(verb, &collect.Fault{Verdict: collect.Missing, Err: err})
	}
	return f.send(ctx, request{verb: verb, tenant: tenant, method: http.MethodGet, address: address, fetching: true})
}

func fetchVerb(content collect.Content) string {
	return "fetch content of " + wire.Printable(content.Type)
}
