package state_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"azcollector/internal/collect"
	"azcollector/internal/state"
	"azcollector/internal/wire"
)

const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="

// attempts is one call to each service and each way of the store.
func attempts(ctx context.Context, s *state.Azure) map[string]error {
	key := collect.Key{Kind: "kind", Partition: "p", Row: "r"}
	_, get := s.Get(ctx, key)
	_, insert := s.Insert(ctx, collect.Row{Key: key})
	_, replace := s.Replace(ctx, collect.Row{Key: key, Version: `W/"x"`})
	var list error
	for _, list = range s.List(ctx, "kind", "p", "") {
	}
	_, payload := s.Payload(ctx, "name")
	var partitions error
	for _, partitions = range s.Partitions(ctx, "kind", "") {
	}
	_, receive := s.Receive(ctx, 1, time.Minute)
	_, waiting := s.Waiting(ctx)
	return map[string]error{
		"get": get, "insert": insert, "replace": replace, "list": list, "delete": s.Delete(ctx, key, ""),
		"batch":       s.Batch(ctx, []collect.Write{{Row: collect.Row{Key: key}}}),
		"put payload": s.PutPayload(ctx, "name", []byte("x")), "payload": payload, "delete payload": s.DeletePayload(ctx, "name"),
		"queue": s.CreateQueue(ctx), "wake": s.Wake(ctx, key, time.Now()), "receive": receive, "waiting": waiting,
		"partitions": partitions,
	}
}

// wantFaults fails unless every error is a fault of one line, of this verdict,
// that mentions the words and no secret.
func wantFaults(t *testing.T, errs map[string]error, verdict collect.Verdict, words ...string) {
	t.Helper()
	for doing, err := range errs {
		fault, ok := errors.AsType[*collect.Fault](err)
		if !ok || fault.Verdict != verdict {
			t.Errorf("%s: got %v, want a fault that is %v", doing, err, verdict)
			continue
		}
		text := err.Error()
		for _, word := range words {
			if !strings.Contains(text, word) {
				t.Errorf("%s: %q does not mention %q", doing, text, word)
			}
		}
		if strings.Contains(text, "\n") || strings.Contains(text, secret) || strings.Contains(text, "sig=") || len(text) > 1500 {
			t.Errorf("%s: tells too much: %q", doing, text)
		}
	}
}

func TestAzureWrongKey(t *testing.T) {
	right := connection(t)
	before, after, _ := strings.Cut(right, "AccountKey=")
	_, after, _ = strings.Cut(after, ";")
	s := openAzure(t, state.AzureOptions{ConnectionString: before + "AccountKey=" + secret + ";" + after})
	wantFaults(t, attempts(t.Context(), s), collect.JudgesUs, "AzureWebJobsStorage", "Storage ", " Data Contributor", "403")
}

func TestAzureSignatureStaysSecret(t *testing.T) {
	away := httptest.NewServer(nil)
	away.Close() // nobody listens there any more
	endpoints := ";BlobEndpoint=" + away.URL + ";QueueEndpoint=" + away.URL + ";TableEndpoint=" + away.URL
	s := openAzure(t, state.AzureOptions{ConnectionString: "SharedAccessSignature=sv=2024&sig=" + secret + endpoints})
	wantFaults(t, attempts(t.Context(), s), collect.Temporary, "connection refused")
}

func TestAzureSendsSignature(t *testing.T) {
	var missing, requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Query().Get("sig") != secret {
			missing.Add(1)
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	endpoints := ";BlobEndpoint=" + server.URL + "/a/;QueueEndpoint=" + server.URL + "/a;TableEndpoint=" + server.URL + "/a"
	s := openAzure(t, state.AzureOptions{ConnectionString: "SharedAccessSignature=?sv=2024&sig=" + secret + endpoints})
	wantFaults(t, attempts(t.Context(), s), collect.JudgesUs, "403")
	if missing.Load() != 0 || requests.Load() != 14 {
		t.Errorf("%d of %d requests came without the signature", missing.Load(), requests.Load())
	}
}

func TestAzureFollowsNoRedirect(t *testing.T) {
	var followed atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL+"?sig="+secret, http.StatusTemporaryRedirect))
	defer server.Close()
	s := openAzure(t, state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret +
		";BlobEndpoint=" + server.URL + ";QueueEndpoint=" + server.URL + ";TableEndpoint=" + server.URL})
	wantFaults(t, attempts(t.Context(), s), collect.JudgesUs, "redirect", "AzureWebJobsStorage")
	if followed.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// A redirect that comes while the body is still being sent: the SDK's body has one place
// from which it is read, and whoever follows redirects rewinds it first. (Only the race
// detector sees that.)
func TestAzureRedirectsBeforeTheBodyIsRead(t *testing.T) {
	var began atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1))
		began.Add(1)
		w.Header().Set("Location", r.URL.Path)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	s := openAzure(t, state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret +
		";BlobEndpoint=" + server.URL + ";QueueEndpoint=" + server.URL + ";TableEndpoint=" + server.URL})
	for range 4 {
		err := s.PutPayload(t.Context(), "large", make([]byte, 8<<20))
		wantFaults(t, map[string]error{"put": err}, collect.JudgesUs, "redirect")
	}
	if began.Load() == 0 {
		t.Error("nothing was sent")
	}
}

func TestAzureUnreadableAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"nothing":       {http.StatusAccepted, ""},
		"no multipart":  {http.StatusAccepted, "hello"},
		"half a part":   {http.StatusAccepted, "--batch\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"},
		"a bare status": {http.StatusInternalServerError, strings.Repeat("<html>\n", 1000)},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet { // reading back finds nothing
					w.Header().Set("x-ms-error-code", "ResourceNotFound")
					w.WriteHeader(http.StatusNotFound)
					return
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			s := openAzure(t, state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret +
				";BlobEndpoint=" + server.URL + ";QueueEndpoint=" + server.URL + ";TableEndpoint=" + server.URL})
			err := s.Batch(t.Context(), rows("kind", "p", 2))
			wantFaults(t, map[string]error{"batch": err}, collect.Temporary)
		})
	}
}

func TestAzureThrottled(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-ms-error-code", "ServerBusy")
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	s := openAzure(t, state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret +
		";BlobEndpoint=" + server.URL + ";QueueEndpoint=" + server.URL + ";TableEndpoint=" + server.URL})
	errs := attempts(t.Context(), s)
	wantFaults(t, errs, collect.Temporary, "ServerBusy", "503")
	for doing, err := range errs {
		if got := collect.RetryAfterOf(err); got != 90*time.Second {
			t.Errorf("%s: Retry-After %v", doing, got)
		}
	}
}

// token is a credential as azidentity's are.
type token struct{ err error }

func (c token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: secret, ExpiresOn: time.Now().Add(time.Hour)}, c.err
}

func TestAzureIdentity(t *testing.T) {
	var bad atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+secret {
			bad.Add(1)
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	o := state.AzureOptions{TableURL: server.URL, BlobURL: server.URL, QueueURL: server.URL, HTTP: wire.Client(wire.Options{Roots: roots})}
	o.Credential = token{}
	wantFaults(t, attempts(t.Context(), openAzure(t, o)), collect.JudgesUs, "AzureWebJobsStorage", "Data Contributor")
	if bad.Load() != 0 {
		t.Errorf("%d requests had no token", bad.Load())
	}
	o.Credential = token{err: errors.New("no identity\nhere")}
	wantFaults(t, attempts(t.Context(), openAzure(t, o)), collect.Temporary, "AzureWebJobsStorage", "no identity here")
	o.Credential = token{err: &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New("no identity")}}
	wantFaults(t, attempts(t.Context(), openAzure(t, o)), collect.JudgesUs, "AzureWebJobsStorage", "no identity")
}

func TestAzureSettings(t *testing.T) {
	for name, c := range map[string]struct {
		o       state.AzureOptions
		mention string // "": it opens
	}{
		"nothing":               {state.AzureOptions{}, "AzureWebJobsStorage__accountName"},
		"no pairs":              {state.AzureOptions{ConnectionString: secret + "x"}, "AzureWebJobsStorage"},
		"words":                 {state.AzureOptions{ConnectionString: "hello"}, "connection string"},
		"no key":                {state.AzureOptions{ConnectionString: "AccountName=a"}, "AccountKey"},
		"a key that is none":    {state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret + "%"}, "base64"},
		"key":                   {state.AzureOptions{ConnectionString: "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + secret + ";EndpointSuffix=core.windows.net"}, ""},
		"other case, blanks":    {state.AzureOptions{ConnectionString: " accountname=a; accountkey=" + secret + ";\n"}, ""},
		"plain http":            {state.AzureOptions{ConnectionString: "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=" + secret}, "https://"},
		"plain http endpoint":   {state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret + ";QueueEndpoint=http://host.example"}, "queue endpoint"},
		"localhost by name":     {state.AzureOptions{ConnectionString: "AccountName=a;AccountKey=" + secret + ";TableEndpoint=http://localhost:1/a"}, "table endpoint"},
		"signature, one end":    {state.AzureOptions{ConnectionString: "SharedAccessSignature=sig=" + secret + ";BlobEndpoint=https://host.example"}, "table endpoint"},
		"signature, account":    {state.AzureOptions{ConnectionString: "SharedAccessSignature=sig=" + secret + ";AccountName=a"}, ""},
		"development storage":   {state.AzureOptions{ConnectionString: "UseDevelopmentStorage=true;"}, ""},
		"addresses, nobody":     {state.AzureOptions{TableURL: "https://t.example", BlobURL: "https://b.example", QueueURL: "https://q.example"}, "identity"},
		"addresses":             {state.AzureOptions{TableURL: "https://t.example", BlobURL: "https://b.example/", QueueURL: "https://q.example", Credential: token{}}, ""},
		"an address is missing": {state.AzureOptions{TableURL: "https://t.example", BlobURL: "https://b.example", Credential: token{}}, "AzureWebJobsStorage__queueServiceUri"},
		"an address over http":  {state.AzureOptions{TableURL: "http://t.example", BlobURL: "https://b.example", QueueURL: "https://q.example", Credential: token{}}, "AzureWebJobsStorage__tableServiceUri"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := state.OpenAzure(c.o)
			if c.mention == "" {
				want(t, err, nil, "open")
				want(t, s.Close(), nil, "close")
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.mention) || !strings.Contains(err.Error(), "AzureWebJobsStorage") {
				t.Fatalf("got %v, want it to mention %s", err, c.mention)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("tells the secret: %v", err)
			}
		})
	}
}

// recorder is a transport that refuses and keeps where it was asked.
type recorder struct{ hosts []string }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.hosts = append(r.hosts, req.URL.Host+strings.SplitAfter(req.URL.Path, "devstoreaccount1")[0])
	return &http.Response{StatusCode: http.StatusForbidden, Body: http.NoBody, Header: http.Header{}, Request: req}, nil
}

func TestAzureDevelopmentStorage(t *testing.T) {
	var r recorder
	s := openAzure(t, state.AzureOptions{ConnectionString: "UseDevelopmentStorage=true", HTTP: &http.Client{Transport: &r}})
	_, _ = s.Get(t.Context(), collect.Key{Kind: "kind", Partition: "p", Row: "r"})
	_, _ = s.Payload(t.Context(), "name")
	_ = s.CreateQueue(t.Context())
	want := "127.0.0.1:10002/devstoreaccount1 127.0.0.1:10000/devstoreaccount1 127.0.0.1:10001/devstoreaccount1"
	if got := strings.Join(r.hosts, " "); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}
