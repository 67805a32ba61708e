package state_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

// A tableAnswer is what a table says to a query; next is where the following page begins.
type tableAnswer struct{ row, next string }

// listened returns the partitions that come of the answers, one for each query,
// and the queries.
func listened(t *testing.T, answers ...tableAnswer) (names, queries []string, err error) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		queries = append(queries, strings.TrimSpace(q.Get("$filter")+" "+q.Get("NextPartitionKey")))
		if q.Get("$top") != "1" || q.Get("$select") != "PartitionKey" {
			t.Errorf("asked for more than one partition's name: %s", r.URL.RawQuery)
		}
		w.Header().Set("x-ms-request-id", "any")
		a := tableAnswer{}
		if len(queries) <= len(answers) {
			a = answers[len(queries)-1]
		}
		if a.next != "" {
			w.Header().Set("x-ms-continuation-NextPartitionKey", a.next)
			w.Header().Set("x-ms-continuation-NextRowKey", "r")
		}
		w.Header().Set("Content-Type", "application/json;odata=minimalmetadata")
		fmt.Fprintf(w, `{"value":[%s]}`, a.row)
	}))
	defer server.Close()
	s := openAzure(t, state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret +
		";BlobEndpoint=" + server.URL + ";QueueEndpoint=" + server.URL + ";TableEndpoint=" + server.URL})
	for name, e := range s.Partitions(t.Context(), "kind", "b") {
		if e != nil {
			return names, queries, e
		}
		names = append(names, name)
	}
	return names, queries, nil
}

// The emulator has one server and no strangers' rows; a storage account may have
// both, and an empty page that is not the last.
func TestAzurePartitionsOnTheWire(t *testing.T) {
	names, queries, err := listened(t,
		tableAnswer{next: "c"}, tableAnswer{next: "d"}, tableAnswer{row: `{"PartitionKey":"d'e"}`, next: "f"},
		tableAnswer{row: `{"odata.etag":"x","PartitionKey":"g"}`}, tableAnswer{next: "h"})
	want(t, err, nil, "list partitions")
	if diff := cmp.Diff([]string{"d'e", "g"}, names); diff != "" {
		t.Error(diff)
	}
	asked := []string{
		"PartitionKey ge 'b'", "PartitionKey ge 'b' c", "PartitionKey ge 'b' d",
		"PartitionKey gt 'd''e'", "PartitionKey gt 'g'", "PartitionKey gt 'g' h",
	}
	if diff := cmp.Diff(asked, queries); diff != "" {
		t.Error(diff)
	}
}

func TestAzurePartitionsGoForward(t *testing.T) {
	for name, answers := range map[string][]tableAnswer{
		"before where it begins": {{row: `{"PartitionKey":"a"}`}},
		"the same again":         {{row: `{"PartitionKey":"c"}`}, {row: `{"PartitionKey":"c"}`}},
		"back":                   {{row: `{"PartitionKey":"d"}`}, {row: `{"PartitionKey":"c"}`}},
		"no name":                {{row: `{"PartitionKey":1}`}},
	} {
		names, _, err := listened(t, answers...)
		if err == nil || len(names) != len(answers)-1 {
			t.Errorf("%s: got %v, %v", name, names, err)
		}
		if fault := collect.VerdictOf(err); fault != collect.Temporary {
			t.Errorf("%s: %v", name, fault)
		}
	}
}
