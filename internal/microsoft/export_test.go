package microsoft

import (
	"net/url"
	"time"
)

// NextPage lets the fuzzer at the check of a NextPageUri.
func (f *Feed) NextPage(rawURI, tenant, operation string) (*url.URL, error) {
	return f.nextPage(rawURI, tenant, operation)
}

// Classify is what an answer with this status and body means to a fetch.
func Classify(status int, body []byte) error { return parseError(status, body).fault(true) }

// ReadToken and EndOf let the fuzzers at what reads tokens and Graph's answers.
func ReadToken(token string) (Insight, error) { return readToken(token) }

func EndOf(application []byte, hint string) (time.Time, bool, error) {
	return endOf(application, hint)
}
