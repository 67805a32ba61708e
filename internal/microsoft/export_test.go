package microsoft

import (
	"net/url"
	"time"
)

// NextPage lets the fuzzer at the check of a NextPageUri.
func (f *Feed) NextPage(rawURI, tenant, operation string) (*url.URL, error) {
	return f.nextPage(rawURI, tenant, operation)
}

// ContentAddress is what a contentUri is asked for at.
func (f *Feed) ContentAddress(rawURI, contentID string) (*url.URL, error) {
	_, u, err := f.content(rawURI, contentID)
	return u, err
}

// Rest lets time pass since the API's clock was seen, which goes on meanwhile.
func (f *Feed) Rest(d time.Duration) {
	f.clock.mu.Lock()
	defer f.clock.mu.Unlock()
	f.clock.known.date, f.clock.known.at = f.clock.known.date.Add(-d), f.clock.known.at.Add(-d)
}

// Classify is what an answer with this status and body means to a fetch.
func Classify(status int, body []byte) error { return parseError(status, body).fault(true) }

// ReadToken and EndOf let the fuzzers at what reads tokens and Graph's answers.
func ReadToken(token string) (Insight, error) { return readToken(token) }

func EndOf(application []byte, hint string) (time.Time, bool, error) {
	return endOf(application, hint)
}
