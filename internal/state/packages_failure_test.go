package state_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

// packagesBefore are packages in whatever the handler makes of a storage account. The
// identity's token is the secret that no error may tell.
func packagesBefore(t *testing.T, limit int, h http.HandlerFunc) (*state.Packages, *atomic.Int64) {
	t.Helper()
	requests := new(atomic.Int64)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		h(w, r)
	}))
	t.Cleanup(server.Close)
	return openPackages(t, state.PackagesOptions{
		Container: parsed(t, server.URL+"/account/package"), Credential: token{}, HTTP: trusting(server), Limit: limit,
	}), requests
}

// packageCalls makes each call once; lend is set apart, because it needs another role.
func packageCalls(t *testing.T, p *state.Packages) (errs map[string]error, lend error) {
	t.Helper()
	sha, pkg := makePackage(t)
	_, get := p.Get(t.Context(), sha)
	_, deployed := p.Deployed(t.Context())
	address, lend := p.Lend(t.Context(), sha, time.Hour)
	if lend != nil && address != "" {
		t.Errorf("lends %q with an error", address)
	}
	return map[string]error{"put": p.Put(t.Context(), sha, pkg), "get": get, "deployed": deployed, "prune": p.Prune(t.Context(), sha)}, lend
}

func TestPackagesAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status      int
		code        string
		verdict     collect.Verdict
		words, lend []string // in the errors of all calls, and of Lend
	}{
		"no role": {403, "AuthorizationPermissionMismatch", collect.JudgesUs,
			[]string{"UPDATE_PACKAGE_CONTAINER", `"Storage Blob Data Contributor" on the container`, "403", "AuthorizationPermissionMismatch"},
			[]string{"UPDATE_PACKAGE_CONTAINER", `"Storage Blob Delegator" on the account`, "403", "AuthorizationPermissionMismatch"}},
		"no identity": {401, "NoAuthenticationInformation", collect.JudgesUs, []string{"UPDATE_PACKAGE_CONTAINER", "Contributor", "401"}, []string{"Delegator", "401"}},
		"no container": {404, "ContainerNotFound", collect.JudgesUs,
			[]string{"UPDATE_PACKAGE_CONTAINER", "deploy the template with selfUpdate"}, []string{"UPDATE_PACKAGE_CONTAINER"}},
		"somebody else's 404": {404, "", collect.JudgesUs, []string{"deploy the template with selfUpdate", "404"}, []string{"404"}},
		"refused":             {400, "InvalidHeaderValue", collect.JudgesUs, []string{"UPDATE_PACKAGE_CONTAINER", "400", "InvalidHeaderValue"}, []string{"400"}},
		"redirect":            {307, "", collect.JudgesUs, []string{"UPDATE_PACKAGE_CONTAINER", "redirects are not followed"}, []string{"redirects are not followed"}},
		"busy":                {503, "ServerBusy", collect.Temporary, []string{"503", "ServerBusy"}, []string{"503", "ServerBusy"}},
		"too many":            {429, "", collect.Temporary, []string{"429"}, []string{"429"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, requests := packagesBefore(t, 0, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("x-ms-error-code", c.code)
				w.Header().Set("Location", r.URL.Path+"/elsewhere?sig="+secret)
				w.WriteHeader(c.status)
				_, _ = fmt.Fprintf(w, "<html>sig=%s</html>", secret)
			})
			errs, lend := packageCalls(t, p)
			wantFaults(t, errs, c.verdict, c.words...)
			wantFaults(t, map[string]error{"lend": lend}, c.verdict, c.lend...)
			want := int64(5)
			if c.verdict == collect.Temporary {
				want *= int64(p.Retry.Attempts)
			}
			if got := requests.Load(); got != want {
				t.Errorf("%d requests for 5 calls, want %d", got, want)
			}
		})
	}
}

func TestPackagesThrottled(t *testing.T) {
	p, _ := packagesBefore(t, 0, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	errs, lend := packageCalls(t, p)
	errs["lend"] = lend
	for doing, err := range errs {
		if got := collect.RetryAfterOf(err); got != 90*time.Second {
			t.Errorf("%s: Retry-After %v", doing, got)
		}
	}
}

// Once what is wrong is over, the same call succeeds.
func TestPackagesTriedAgain(t *testing.T) {
	sha, pkg := makePackage(t)
	half := func(w http.ResponseWriter, length string) {
		if length != "" {
			w.Header().Set("Content-Length", length)
		}
		_, _ = w.Write(pkg[:len(pkg)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	for name, spoil := range map[string]http.HandlerFunc{
		"busy":             func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"connection cut":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"body cut":         func(w http.ResponseWriter, _ *http.Request) { half(w, strconv.Itoa(len(pkg))) },
		"chunked body cut": func(w http.ResponseWriter, _ *http.Request) { half(w, "") },
	} {
		t.Run(name, func(t *testing.T) {
			var turn atomic.Int64
			p, _ := packagesBefore(t, 0, func(w http.ResponseWriter, r *http.Request) {
				if turn.Add(1)%2 == 1 {
					spoil(w, r)
					return
				}
				if r.Method == http.MethodPut {
					w.WriteHeader(http.StatusCreated)
					return
				}
				_, _ = w.Write(pkg)
			})
			got, err := p.Get(t.Context(), sha)
			wantPackage(t, "get", got, err, pkg)
			got, err = p.Deployed(t.Context())
			wantPackage(t, "deployed", got, err, pkg)
			if err := p.Put(t.Context(), sha, pkg); err != nil {
				t.Errorf("put: %v", err)
			}
			if turn.Load() != 6 {
				t.Errorf("%d requests, want two for each call", turn.Load())
			}
		})
	}
}

// TestPackagesPruneGoesOn: over pages, one of which fails at first, and over a package
// that somebody else deletes at the same time.
func TestPackagesPruneGoesOn(t *testing.T) {
	var failed atomic.Bool
	var deleted []string
	pages := map[string]string{
		"":       "<EnumerationResults><Blobs><Blob><Name>" + strings.Repeat("a", 64) + ".zip</Name></Blob><Blob></Blob></Blobs><NextMarker>second</NextMarker></EnumerationResults>",
		"second": "<EnumerationResults><NextMarker>third</NextMarker></EnumerationResults>",
		"third": "<EnumerationResults><Blobs><Blob><Name>" + strings.Repeat("b", 64) + ".zip</Name></Blob><Blob><Name>" + strings.Repeat("c", 64) +
			".zip</Name></Blob><Blob><Name>released-package.zip</Name></Blob></Blobs><NextMarker/></EnumerationResults>",
	}
	p, _ := packagesBefore(t, 0, func(w http.ResponseWriter, r *http.Request) {
		marker := r.URL.Query().Get("marker")
		switch {
		case r.Method == http.MethodDelete:
			deleted = append(deleted, strings.TrimPrefix(r.URL.Path, "/account/package/")[:1])
			w.Header().Set("x-ms-error-code", "BlobNotFound")
			w.WriteHeader(http.StatusNotFound)
		case marker == "third" && !failed.Swap(true):
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = fmt.Fprint(w, pages[marker])
		}
	})
	want(t, p.Prune(t.Context(), strings.Repeat("b", 64)), nil, "prune")
	if !slices.Equal(deleted, []string{"a", "c"}) || !failed.Load() {
		t.Errorf("deleted %q", deleted)
	}
}

func TestPackagesTooLarge(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"says so": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1001")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done() // who wants to read more than the header, waits for ever
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, requests := packagesBefore(t, 1000, answer)
			sha, _ := makePackage(t)
			_, get := p.Get(t.Context(), sha)
			_, deployed := p.Deployed(t.Context())
			wantFaults(t, map[string]error{"get": get, "deployed": deployed}, collect.JudgesUs, "1000 bytes")
			if requests.Load() != 2 {
				t.Errorf("%d requests, want one for each call", requests.Load())
			}
		})
	}
}

func TestPackagesNoToken(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer server.Close()
	for name, c := range map[string]struct {
		err     error
		verdict collect.Verdict
	}{
		"unclassified": {errors.New("no identity\nhere"), collect.Temporary},
		"classified":   {&collect.Fault{Verdict: collect.JudgesUs, Err: errors.New("no identity here")}, collect.JudgesUs},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPackages(t, state.PackagesOptions{Container: parsed(t, server.URL+"/account/package"), Credential: token{c.err}, HTTP: trusting(server)})
			errs, lend := packageCalls(t, p)
			errs["lend"] = lend
			wantFaults(t, errs, c.verdict, "get a token for UPDATE_PACKAGE_CONTAINER", "no identity here")
		})
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests without a token", requests.Load())
	}
}

// asked keeps what the tokens were asked for.
type asked struct{ scopes []string }

func (a *asked) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	a.scopes = append(a.scopes, o.Scopes...)
	return azcore.AccessToken{Token: secret, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// A storage account that is none could otherwise get a token for anything.
func TestPackagesAskForStorageTokensOnly(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Bearer authorization_uri=https://login.example/t/oauth2/authorize resource_id=https://management.azure.com")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	var a asked
	p := openPackages(t, state.PackagesOptions{Container: parsed(t, server.URL+"/account/package"), Credential: &a, HTTP: trusting(server)})
	errs, lend := packageCalls(t, p)
	wantFaults(t, errs, collect.JudgesUs, "401")
	wantFaults(t, map[string]error{"lend": lend}, collect.JudgesUs, "401")
	if got := slices.Compact(a.scopes); !slices.Equal(got, []string{"https://storage.azure.com/.default"}) {
		t.Errorf("asked for tokens for %q", got)
	}
}

// What is read back from state is a stranger's word.
func TestPackagesTakeHashesOnly(t *testing.T) {
	p, requests := packagesBefore(t, 0, func(http.ResponseWriter, *http.Request) {})
	good, _ := makePackage(t)
	for _, sha := range []string{"", "released-package", strings.ToUpper("a" + good[1:]), good[1:], good + "0", good + "\n", "../" + good[3:], good[:60] + "?sig", " " + good[1:]} {
		_, get := p.Get(t.Context(), sha)
		_, lend := p.Lend(t.Context(), sha, time.Hour)
		for doing, err := range map[string]error{"put": p.Put(t.Context(), sha, nil), "get": get, "lend": lend, "prune": p.Prune(t.Context(), good, sha)} {
			if err == nil || !strings.Contains(err.Error(), "is no SHA-256") {
				t.Errorf("%s %q: %v", doing, sha, err)
			}
		}
		if got := p.Address(sha); got != "" {
			t.Errorf("the address of %q is %q", sha, got)
		}
	}
	if err := p.Put(t.Context(), good, []byte("other bytes")); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("put other bytes: %v", err)
	}
	for _, d := range []time.Duration{-time.Second, 0, 7 * 24 * time.Hour} {
		if _, err := p.Lend(t.Context(), good, d); err == nil || !strings.Contains(err.Error(), "must be above 0") {
			t.Errorf("lend for %v: %v", d, err)
		}
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests", requests.Load())
	}
}

func TestPackagesSettings(t *testing.T) {
	for address, mention := range map[string]string{
		"https://pkabc.blob.core.windows.net/package":         "",
		"https://pkabc.blob.core.windows.net/package/":        "",
		"https://127.0.0.1:1/devstoreaccount1/package":        "",
		"https://[::1]:1/devstoreaccount1/package":            "",
		"http://127.0.0.1:1/devstoreaccount1/package":         "https://",
		"https://pkabc.blob.core.windows.net":                 "one container",
		"https://pkabc.blob.core.windows.net/a/package":       "one container",
		"https://pkabc.blob.core.windows.net/Package":         "one container",
		"https://pkabc.blob.core.windows.net/pack--age":       "one container",
		"https://10.0.0.1/package":                            "one container",
		"https://127.0.0.1:1/package":                         "one container",
		"https://pkabc.blob.core.windows.net/p?sig=" + secret: "query",
		"https://u:" + secret + "@pkabc.example/package":      "user info",
		"https://pkabc.example/" + strings.Repeat("a", 64):    "one container",
	} {
		p, err := state.OpenPackages(state.PackagesOptions{Container: parsed(t, address), Credential: token{}})
		switch {
		case mention == "" && (err != nil || p == nil):
			t.Errorf("%s: %v", address, err)
		case mention != "" && (err == nil || !strings.Contains(err.Error(), mention) || !strings.Contains(err.Error(), "UPDATE_PACKAGE_CONTAINER") || strings.Contains(err.Error(), secret)):
			t.Errorf("%s: %v, want it to mention %q", address, err, mention)
		}
	}
	if _, err := state.OpenPackages(state.PackagesOptions{Credential: token{}}); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("no container: %v", err)
	}
	if _, err := state.OpenPackages(state.PackagesOptions{Container: parsed(t, "https://pkabc.blob.core.windows.net/package")}); err == nil || !strings.Contains(err.Error(), "identity") {
		t.Errorf("nobody: %v", err)
	}
}
