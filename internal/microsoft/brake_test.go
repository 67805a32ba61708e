package microsoft_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
)

// A bubble is a world without sockets, so that time can be virtual: Entra hands
// out tokens, the API answers what its function says.
type bubble struct {
	api http.HandlerFunc

	mu    sync.Mutex
	times []time.Duration // since the start, of each request to the API
	start time.Time
}

func (b *bubble) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := &httptest.ResponseRecorder{Body: new(bytes.Buffer)}
	base := "https://login.example/" + strings.Split(r.URL.Path, "/")[1]
	switch {
	case r.URL.Host == "manage.example":
		b.mu.Lock()
		b.times = append(b.times, time.Since(b.start))
		b.mu.Unlock()
		b.api(rec, r)
	case strings.HasSuffix(r.URL.Path, "openid-configuration"):
		writeJSON(rec, 200, map[string]string{"issuer": base, "authorization_endpoint": base + "/a", "token_endpoint": base + "/token"})
	default:
		writeJSON(rec, 200, map[string]any{"token_type": "Bearer", "expires_in": 90000, "access_token": "opaque.token"})
	}
	return rec.Result(), nil
}

func (b *bubble) open(t *testing.T, perMinute int) *microsoft.Feed {
	t.Helper()
	b.start = time.Now()
	client := &http.Client{Transport: b}
	cloud := microsoft.Cloud{Name: "public", Authority: mustParse("https://login.example"), Management: mustParse("https://manage.example")}
	tokens, err := microsoft.NewTokens(cloud, microsoft.Credentials{ClientID: "the-app", ClientSecret: secret}, client)
	if err != nil {
		t.Fatal(err)
	}
	return microsoft.NewFeed(microsoft.FeedOptions{Cloud: cloud, Tokens: tokens, Tenants: []string{tenant, stranger},
		Publisher: publisher, HTTP: client, RequestsPerMinute: perMinute})
}

func TestThrottledTenantWaitsAsLongAsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{}
		throttled := true
		b.api = func(rw http.ResponseWriter, r *http.Request) {
			if throttled && strings.Contains(r.URL.Path, tenant) {
				rw.Header().Set("Retry-After", "90")
				refuse(403, "AF429", "Too many requests.")(rw, r)
				return
			}
			write(rw, "[]")
		}
		feed := b.open(t, 0)
		_, err := feed.Subscriptions(t.Context(), tenant)
		wantFault(t, err, collect.Temporary, "AF429")
		throttled = false
		if _, err := feed.Subscriptions(t.Context(), stranger); err != nil {
			t.Error(err)
		}
		if _, err := feed.Subscriptions(t.Context(), tenant); err != nil {
			t.Error(err)
		}
		if b.times[1] != 0 || b.times[2] != 90*time.Second {
			t.Errorf("requests after %v: want the other tenant at once, the throttled one after 90 s", b.times)
		}
	})
}

func TestPausesGrowUntilSomethingPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{}
		pass := false
		b.api = func(rw http.ResponseWriter, r *http.Request) {
			if pass {
				write(rw, "[]")
				return
			}
			refuse(429, "AF429", "")(rw, r)
		}
		feed := b.open(t, 0)
		ask := func() { _, _ = feed.Subscriptions(t.Context(), tenant) }
		for range 12 {
			ask()
		}
		for i, ceiling := 1, time.Second; i < 12; i, ceiling = i+1, min(2*ceiling, 5*time.Minute) {
			if pause := b.times[i] - b.times[i-1]; pause < ceiling/2 || pause > ceiling {
				t.Errorf("pause %d is %v, want %v to %v", i, pause, ceiling/2, ceiling)
			}
		}
		pass = true
		ask()
		pass = false
		ask()
		ask()
		if pause := b.times[14] - b.times[13]; pause > time.Second {
			t.Errorf("pause after a success is %v", pause)
		}
	})
}

func TestAnswersUnderWayTogetherBrakeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{}
		together := make(chan bool)
		b.api = func(rw http.ResponseWriter, r *http.Request) {
			<-together
			refuse(429, "AF429", "")(rw, r)
		}
		feed := b.open(t, 0)
		for range 10 {
			go func() { _, _ = feed.Subscriptions(t.Context(), tenant) }()
		}
		synctest.Wait()
		close(together)
		synctest.Wait()
		_, _ = feed.Subscriptions(t.Context(), tenant)
		if pause := b.times[10] - b.times[9]; pause > time.Second {
			t.Errorf("pause after ten refusals at once is %v, want the first step", pause)
		}
	})
}

func TestWaitingForTheBrakeEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{api: func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Retry-After", "600")
			refuse(429, "AF429", "")(rw, r)
		}}
		feed := b.open(t, 0)
		_, _ = feed.Subscriptions(t.Context(), tenant)
		began := time.Now()

		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := feed.Subscriptions(short, tenant)
		wantFault(t, err, collect.Temporary, "AF429")
		if !time.Now().Equal(began) || collect.RetryAfterOf(err) != 10*time.Minute {
			t.Errorf("a caller without time waited %v and was told %v", time.Since(began), collect.RetryAfterOf(err))
		}

		ctx, stop := context.WithCancelCause(t.Context())
		reason := errors.New("shutting down")
		time.AfterFunc(time.Second, func() { stop(reason) })
		if _, err := feed.Subscriptions(ctx, tenant); !errors.Is(err, reason) {
			t.Errorf("error %v", err)
		}
		if len(b.times) != 1 {
			t.Errorf("%d requests while the brake was pulled", len(b.times)-1)
		}
	})
}

func TestRatePerTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{api: func(rw http.ResponseWriter, _ *http.Request) { write(rw, "[]") }}
		feed := b.open(t, 60)
		for range 62 {
			if _, err := feed.Subscriptions(t.Context(), tenant); err != nil {
				t.Fatal(err)
			}
		}
		if b.times[59] != 0 || b.times[60] != time.Second || b.times[61] != 2*time.Second {
			t.Errorf("requests 60 to 62 after %v: want a burst of one minute, then one a second", b.times[59:])
		}
		feed.Pace(6)
		if _, err := feed.Subscriptions(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
		if pause := b.times[62] - b.times[61]; pause != 10*time.Second {
			t.Errorf("pause at 6 a minute is %v", pause)
		}
	})
}
