package microsoft_test

import (
	"net/http"
	"net/url"
	"testing"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/wire"
)

// refused is a transport whose proxy answers CONNECT with a status.
type refused int

func (status refused) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &wire.ProxyError{Status: int(status)}
}

// A proxy's 407 judges HTTPS_PROXY; another refusal of it may pass.
func TestProxyRefusal(t *testing.T) {
	base, err := url.Parse("https://manage.example")
	if err != nil {
		t.Fatal(err)
	}
	cloud := microsoft.Cloud{Authority: base, Management: base, ResourceManager: base}
	for status, want := range map[int]collect.Verdict{407: collect.JudgesUs, 502: collect.Temporary} {
		client := &http.Client{Transport: refused(status)}
		tokens, err := microsoft.NewTokens(cloud, microsoft.Credentials{ClientID: "a", ClientSecret: "b"}, client)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tokens.Token(t.Context(), "11111111-2222-3333-4444-555555555555", base.String())
		if err == nil || collect.VerdictOf(err) != want {
			t.Errorf("proxy answers %d: %v judged %v, want %v", status, err, collect.VerdictOf(err), want)
		}
	}
}
