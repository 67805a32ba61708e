package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"time"

	"azcollector/internal/sim"
)

// subscription is the one on Azure that the collector says to live in.
const subscription = "1f0c8a34-0000-4000-8000-0000000c4a05"

// kinds are the content types of a cell: two, so that one can be served while the other waits.
var kinds = []string{"Audit.General", "Audit.Exchange"}

const (
	announced  = 2 // contents of a type that a notification tells of, and the list
	listedOnly = 2 // contents of a type that only the list tells of
	onAPage    = 3 // fewer than there are of a type, so that there is a second page
	inContent  = 3 // records
	afterwards = 2 // records of the content that is published when the fault has ended
)

func (t *trial) build(ctx context.Context, seed uint64) (err error) {
	t.world, err = sim.New(sim.Options{
		Seed: seed, Calm: true, Dir: t.dir, Now: t.clock.Now, Logf: func(string, ...any) {},
		PageSize: onAPage, StartPause: 15 * time.Minute, Push: sim.PushOptions{Off: true},
	})
	if err != nil {
		return err
	}
	t.stands = &furniture{}
	if t.lane.furnish != nil {
		if t.stands, err = t.lane.furnish(ctx, t.world, t.dir); err != nil {
			t.world.Close()
			return err
		}
	}
	t.dial = t.world.Dial
	public := "none"
	if t.operation.webhook {
		if public, err = t.frontDoor(); err != nil {
			t.close()
			return err
		}
	}
	t.env = t.settings(public)
	return nil
}

// settings are the collector's environment. Its patience is short, because a cell's is.
func (t *trial) settings(public string) (env []string) {
	streams, _ := json.Marshal(kinds) // strings always encode
	all := t.world.Settings()
	for name, value := range map[string]string{
		"APP_SUBSCRIPTION_ID": subscription, "APP_RESOURCE_GROUP": "chaos",
		"WEBSITE_SITE_NAME": "chaos", "WEBSITE_HOSTNAME": "chaos.example", "PUBLIC_URL": public,
		"O365_CONTENT_STREAMS": string(streams), "O365_LOOKBACK": "1h", "REQUEST_TIMEOUT": cmp.Or(t.fault.patience, patient).String(),
	} {
		all[name] = value
	}
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	return append(env, t.stands.env...)
}

// frontDoor is what Azure puts before an app: TLS, and the way to its port.
func (t *trial) frontDoor() (address string, err error) {
	certificate, key, err := t.world.IssueCertificate("front")
	if err != nil {
		return "", err
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return "", fmt.Errorf("read a certificate: %w", err)
	}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: t.process.Address})
			r.Out.Header.Set("X-Azure-Functions-InvocationId", "front")
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	below := t.stands.close
	t.stands.close = func() {
		server.Close()
		if below != nil {
			below()
		}
	}
	return server.URL, nil
}

func (t *trial) close() {
	if t.stands.close != nil {
		t.stands.close()
	}
	t.world.Close()
}

// publish offers the cell's contents and returns what is to be announced.
func (t *trial) publish() (pushed []string) {
	for _, kind := range kinds {
		for range announced {
			pushed = append(pushed, t.offer(kind, inContent, false).Pushed)
		}
		for range listedOnly {
			t.offer(kind, inContent, true)
		}
	}
	return pushed
}

// offer publishes one content. Each of its records has an Id of its own and a time: so
// none may arrive twice, whichever way it was heard of.
func (t *trial) offer(kind string, records int, listed bool) sim.Published {
	o := sim.Offer{ContentType: kind, Unpushed: listed}
	at := t.clock.Now().UTC().Format("2006-01-02T15:04:05")
	for range records {
		t.ids++
		o.Records = append(o.Records, fmt.Appendf(nil, `{"Id":%q,"CreationTime":%q,"RecordType":25,"Operation":"Tried"}`, recordID(t.ids), at))
	}
	return t.world.Offer(o)
}

// recordID is that of the n-th record; they sort like their numbers.
func recordID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012x", n) }

func idOf(record []byte) string {
	var is struct{ ID string }
	_ = json.Unmarshal(record, &is) // all are ours, and whole
	return is.ID
}
