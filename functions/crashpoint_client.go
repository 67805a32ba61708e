//go:build crash

package main

import (
	"net/http"
	"path"
	"strings"
)

// crashingClient makes a step of every request: before it is sent, and after its
// answer's header. Reading rows or messages changes nothing anywhere and is none.
func crashingClient(c *http.Client) *http.Client {
	stepping := *c
	stepping.Transport = steppingTransport{c.Transport, crashing()}
	return &stepping
}

type steppingTransport struct {
	next    http.RoundTripper
	crasher *crasher
}

func (t steppingTransport) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	step := requestStep(r)
	if step == "" {
		return t.next.RoundTrip(r)
	}
	t.crasher.around("http."+step, func() { resp, err = t.next.RoundTrip(r) })
	return resp, err
}

// services by a part of their paths; that of endpoints ends in the name of another one.
var services = []struct{ part, name string }{
	{"/oauth2/", "token"}, {"/aims/", "aims"}, {"/endpoints/", "endpoints"}, {"/ingest/", "ingest"}, {"/azcollect/", "azcollect"},
	{"/feed/audit/", "blob"}, {"/subscriptions/content", "list"},
}

// requestStep names a request so that the next run's has the same name; "" is a read
// of the storage account.
func requestStep(r *http.Request) string {
	if strings.HasPrefix(r.Header.Get("Authorization"), "SharedKey") {
		return storageStep(r)
	}
	for _, service := range services {
		if strings.Contains(r.URL.Path, service.part) {
			return service.name
		}
	}
	return r.Method + "." + path.Base(r.URL.Path)
}

// storageStep: behind the account the path is a table, perhaps with a key in brackets, a
// queue and its messages, or a container and a blob, whose name is another in each run.
func storageStep(r *http.Request) string {
	name, _, bracket := strings.Cut(path.Base(r.URL.Path), "(")
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return ""
	case strings.Contains(r.URL.Path, "/messages"):
		return "queue." + r.Method
	case !bracket && r.Method == http.MethodPut && strings.Count(r.URL.Path, "/") > 2:
		return "payload." + r.Method
	}
	return "table." + r.Method + "." + name
}
