package microsoft

import "net/url"

// NextPage lets the fuzzer at the check of a NextPageUri.
func (f *Feed) NextPage(rawURI, tenant, operation string) (*url.URL, error) {
	return f.nextPage(rawURI, tenant, operation)
}

// Classify is what an answer with this status and body means to a fetch.
func Classify(status int, body []byte) error { return parseError(status, body).fault(true) }
