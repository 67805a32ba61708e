package sim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"azcollector/internal/sim"
)

// Each request of a storage client meets the rule of its operation and of no other; what
// meets none goes through as it is.
func TestStorageNamesWhatIsAsked(t *testing.T) {
	w := sim.Start(t, sim.Options{Calm: true})
	account := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rw.Header().Set("x-ms-request-id", "1")
		rw.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(rw, "%s %s %s", r.Method, r.URL.RequestURI(), body)
	}))
	defer account.Close()
	s, err := w.Storage(fmt.Sprintf("AccountName=a;AccountKey=k;BlobEndpoint=%s/b;QueueEndpoint=%[1]s/q;TableEndpoint=%[1]s/t", account.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if strings.Contains(s.Connection, account.URL) || !strings.HasPrefix(s.Connection, "AccountName=a;AccountKey=k;BlobEndpoint=http://127.0.0.1:") {
		t.Fatalf("the connection string is %s", s.Connection)
	}
	at := func(service string) string {
		_, rest, _ := strings.Cut(s.Connection, service+"Endpoint=")
		address, _, _ := strings.Cut(rest, ";")
		return address
	}
	met := map[string]bool{}
	for _, c := range []struct{ op, method, service, path string }{
		{sim.OpTableCreate, "POST", "Table", "/Tables"},
		{sim.OpTableRead, "GET", "Table", "/content(PartitionKey='p',RowKey='r')?$format=json"},
		{sim.OpTableQuery, "GET", "Table", "/content()?$filter=PartitionKey%20eq%20'p'"},
		{sim.OpTableInsert, "POST", "Table", "/content"},
		{sim.OpTableWrite, "PUT", "Table", "/content(PartitionKey='p',RowKey='r')"},
		{sim.OpTableDelete, "DELETE", "Table", "/content(PartitionKey='p',RowKey='r')"},
		{sim.OpTableBatch, "POST", "Table", "/$batch"},
		{sim.OpQueueCreate, "PUT", "Queue", "/o365-content"},
		{sim.OpQueueCount, "GET", "Queue", "/o365-content?comp=metadata"},
		{sim.OpQueuePut, "POST", "Queue", "/o365-content/messages?messagettl=-1"},
		{sim.OpQueueTake, "GET", "Queue", "/o365-content/messages?numofmessages=32"},
		{sim.OpQueueDelete, "DELETE", "Queue", "/o365-content/messages/1-2?popreceipt=x"},
		{sim.OpPayloadCreate, "PUT", "Blob", "/payloads?restype=container"},
		{sim.OpPayloadPut, "PUT", "Blob", "/payloads/messages"},
		{sim.OpPayloadGet, "GET", "Blob", "/payloads/messages"},
		{sim.OpPayloadDelete, "DELETE", "Blob", "/payloads/messages"},
	} {
		met[c.op] = true
		for _, rule := range append(sim.StorageOps(), "") {
			w.Dial.Clear()
			if rule != "" {
				w.Dial.Set(sim.Rule{Op: rule, Kind: sim.Status, Status: http.StatusTeapot})
			}
			req, err := http.NewRequestWithContext(t.Context(), c.method, at(c.service)+c.path, strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			want := http.StatusAccepted
			if rule == c.op {
				want = http.StatusTeapot
			}
			if resp.StatusCode != want {
				t.Errorf("%s under a rule for %q: answered %s", c.op, rule, resp.Status)
			}
			if whole := c.method + " /" + strings.ToLower(c.service[:1]) + c.path + " body"; rule == "" && string(body) != whole {
				t.Errorf("%s: went through as %q, want %q", c.op, body, whole)
			}
		}
	}
	for _, op := range sim.StorageOps() {
		if !met[op] || slices.Contains(sim.Ops(), op) {
			t.Errorf("%s was not asked for, or is also one of the world's", op)
		}
	}
}

func TestStorageNeedsEveryService(t *testing.T) {
	w := sim.Start(t, sim.Options{Calm: true})
	if s, err := w.Storage("TableEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:2/a"); err == nil {
		s.Close()
		t.Error("nothing was said of blobs, and it was taken")
	}
}
