package state_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/state"
)

const (
	aHash     = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	keyAnswer = `<?xml version="1.0" encoding="utf-8"?><UserDelegationKey>` +
		`<SignedOid>oid</SignedOid><SignedTid>tid</SignedTid><SignedStart>%s</SignedStart><SignedExpiry>%s</SignedExpiry>` +
		`<SignedService>b</SignedService><SignedVersion>2026-02-06</SignedVersion><Value>` + secret + `</Value></UserDelegationKey>`
)

// stub is a transport that answers by itself.
type stub func(r *http.Request) *http.Response

func (s stub) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := s(r)
	answer.Request = r
	if answer.Header == nil {
		answer.Header = http.Header{}
	}
	return answer, nil
}

// TestPackagesSignature signs the same once more, by the page "Create a user delegation
// SAS", for a host as Azure's are.
func TestPackagesSignature(t *testing.T) {
	const container = "https://pkabc.blob.core.windows.net/package"
	var request, body string
	p := openPackages(t, state.PackagesOptions{Container: parsed(t, container), Credential: token{}, HTTP: &http.Client{Transport: stub(func(r *http.Request) *http.Response {
		asked, err := io.ReadAll(r.Body)
		want(t, err, nil, "read the request")
		request, body = r.Method+" "+r.URL.String()+" "+r.Host+" "+r.Header.Get("Authorization"), string(asked)
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(fmt.Sprintf(keyAnswer, "2026-11-01T10:00:00Z", "2026-11-01T12:00:00Z")))}
	})}})
	before := time.Now().Truncate(time.Second)
	address, err := p.Lend(t.Context(), aHash, time.Hour)
	after := time.Now()
	want(t, err, nil, "lend")
	if want := "POST https://pkabc.blob.core.windows.net/?comp=userdelegationkey&restype=service pkabc.blob.core.windows.net Bearer " + secret; request != want {
		t.Errorf("asked %s\nwant  %s", request, want)
	}
	query, ok := strings.CutPrefix(address, container+"/"+aHash+".zip?")
	q, err := url.ParseQuery(query)
	if !ok || err != nil {
		t.Fatalf("lent %s (%v)", address, err)
	}
	toSign := strings.Join([]string{
		"r", q.Get("st"), q.Get("se"), "/blob/pkabc/package/" + aHash + ".zip",
		"oid", "tid", "2026-11-01T10:00:00Z", "2026-11-01T12:00:00Z", "b", "2026-02-06", // the key's
		"", "", "", // authorized and unauthorized object, correlation
		"", "", // delegated user's tenant and object
		"", "https", q.Get("sv"), "b", "", "", // address range … resource, snapshot, encryption scope
		"", "", "", "", "", // headers of the answer
	}, "\n")
	key, err := base64.StdEncoding.DecodeString(secret)
	want(t, err, nil, "decode the key")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(toSign))
	if sig := base64.StdEncoding.EncodeToString(mac.Sum(nil)); q.Get("sig") != sig {
		t.Errorf("signature %q, want %q of %q", q.Get("sig"), sig, toSign)
	}
	for name, from := range map[string]time.Duration{"st": -15 * time.Minute, "se": time.Hour} {
		at, err := time.Parse(time.RFC3339, q.Get(name))
		if err != nil || at.Before(before.Add(from)) || at.After(after.Add(from)) {
			t.Errorf("%s is %s (%v), want %v from now", name, q.Get(name), err, from)
		}
		if !strings.Contains(body, q.Get(name)) {
			t.Errorf("the key was asked for as %s, which lacks %s", body, q.Get(name))
		}
	}
}

// A key that is none lends nothing, and ends no process.
func TestPackagesStrangeKeys(t *testing.T) {
	whole := fmt.Sprintf(keyAnswer, "2026-11-01T10:00:00Z", "2026-11-01T12:00:00Z")
	answers := map[string]string{
		"nothing": "", "no XML": "hello " + secret, "cut": whole[:len(whole)-20], "another element": "<Error><Value>" + secret + "</Value></Error>",
		"a time that is none": fmt.Sprintf(keyAnswer, "soon", "later"),
	}
	for _, field := range []string{"SignedOid", "SignedTid", "SignedStart", "SignedExpiry", "SignedService", "SignedVersion", "Value"} {
		answers["no "+field] = strings.ReplaceAll(whole, field, "Other")
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			p := openPackages(t, state.PackagesOptions{Container: parsed(t, "https://pkabc.blob.core.windows.net/package"), Credential: token{}, HTTP: &http.Client{
				Transport: stub(func(*http.Request) *http.Response {
					return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(answer))}
				}),
			}})
			address, err := p.Lend(t.Context(), aHash, time.Hour)
			if err == nil || address != "" || collect.VerdictOf(err) != collect.Temporary {
				t.Fatalf("lends %q (%v)", address, err)
			}
			if text := err.Error(); strings.Contains(text, secret) || strings.Contains(text, "\n") {
				t.Errorf("tells too much: %q", text)
			}
		})
	}
}

func TestPackagesHold(t *testing.T) {
	for container, addresses := range map[string]map[string]bool{
		"https://pkabc.blob.core.windows.net/package": {
			"https://pkabc.blob.core.windows.net/package/" + aHash + ".zip":                    true,
			"https://pkabc.blob.core.windows.net/package/" + aHash + ".zip?sp=r&sig=" + secret: true,
			"https://PKABC.blob.core.windows.net:443/package/" + aHash + ".zip":                true,
			"http://pkabc.blob.core.windows.net/package/" + aHash + ".zip":                     false,
			"https://other.blob.core.windows.net/package/" + aHash + ".zip":                    false,
			"https://pkabc.blob.core.windows.net:8443/package/" + aHash + ".zip":               false,
			"https://pkabc.blob.core.windows.net@evil.example/package/" + aHash + ".zip":       false,
			"https://u@pkabc.blob.core.windows.net/package/" + aHash + ".zip":                  false,
			"https://pkabc.blob.core.windows.net/other/" + aHash + ".zip":                      false,
			"https://pkabc.blob.core.windows.net/package/sub/" + aHash + ".zip":                false,
			"https://pkabc.blob.core.windows.net/package/../package/" + aHash + ".zip":         false,
			"https://pkabc.blob.core.windows.net/package%2F" + aHash + ".zip":                  false,
			"https://pkabc.blob.core.windows.net/package/" + aHash:                             false,
			"https://pkabc.blob.core.windows.net/package/" + aHash + ".zip/":                   false,
			"https://pkabc.blob.core.windows.net/package/" + aHash + "%2ezip":                  false,
			"https://pkabc.blob.core.windows.net/package/" + aHash + ".zip#x":                  false,
			"https://pkabc.blob.core.windows.net/package/" + strings.ToUpper(aHash) + ".zip":   false,
			"https://pkabc.blob.core.windows.net/package/released-package.zip":                 false,
			"https://pkabc.blob.core.windows.net/package/":                                     false,
			"/package/" + aHash + ".zip":                                                       false, "1": false, "": false, "\n": false,
		},
		"https://127.0.0.1:10000/devstoreaccount1/package": {
			"https://127.0.0.1:10000/devstoreaccount1/package/" + aHash + ".zip?sig=x": true,
			"https://127.0.0.1:10000/package/" + aHash + ".zip":                        false,
		},
	} {
		p := openPackages(t, state.PackagesOptions{Container: parsed(t, container), Credential: token{}})
		if got, want := p.Address(aHash), container+"/"+aHash+".zip"; got != want {
			t.Errorf("address %q, want %q", got, want)
		}
		for address, want := range addresses {
			sha, ok := p.Holds(address)
			if ok != want || ok && sha != aHash || !ok && sha != "" {
				t.Errorf("%s holds %q: %q, %v", container, address, sha, ok)
			}
		}
	}
}
