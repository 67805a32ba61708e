// Command bare is the yardstick of scripts/bench: what it costs at the least to
// carry records from the Management Activity API to ingest in Go. It fetches each
// announced content, splits it, appends protobuf, deflates, posts, and then answers.
//
// Its one promise: the same bytes on the wire as the collector's, and nothing else.
// It validates nothing, remembers nothing, retries nothing and bounds nothing, so it
// is of no use for anything real. It was written once, and is not to be optimised:
// measurements of different days are compared with it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

// What the collector's sink keeps to: APP_AL_MAX_PAYLOAD and its batches' size
// before compression.
const (
	maxPayload = 700_000
	maxBatch   = 4 << 20
)

type loop struct {
	client *http.Client
	entra  *ticket
	aims   *ticket
	ingest func() (string, error)
	sender sender
	level  int
}

func main() {
	l, err := newLoop(os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /api/o365/webhook", l.notified)
	http.HandleFunc("/", func(http.ResponseWriter, *http.Request) {}) // the host's ping
	log.Fatal(http.ListenAndServe(net.JoinHostPort("127.0.0.1", os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT")), nil))
}

func newLoop(env func(string) string) (*loop, error) {
	l := &loop{
		// As many idle connections as anything here keeps busy.
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		sender: sender{host: env("COLLECTOR_HOST_ID"), source: env("COLLECTOR_SOURCE_ID"), name: env("WEBSITE_HOSTNAME")},
		level:  6,
	}
	if level := env("DEFLATE_LEVEL"); level != "" {
		var err error
		if l.level, err = strconv.Atoi(level); err != nil {
			return nil, fmt.Errorf("read DEFLATE_LEVEL: %w", err)
		}
	}
	l.entra = &ticket{ask: func() (string, time.Duration, error) {
		return l.askEntra(env("AZURE_AUTHORITY_HOST")+"/"+env("APP_TENANT_ID")+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {env("APP_CLIENT_ID")},
			"client_secret": {env("APP_CLIENT_SECRET")}, "scope": {env("O365_MANAGEMENT_URL") + "/.default"},
		})
	}}
	api, account := "https://"+env("APP_AL_API_ENDPOINT"), ""
	l.aims = &ticket{ask: func() (token string, life time.Duration, err error) {
		token, account, life, err = l.askAIMS(api, env("APP_AL_ACCESS_KEY_ID"), env("APP_AL_SECRET_KEY"))
		return token, life, err
	}}
	l.ingest = sync.OnceValues(func() (string, error) { return l.findIngest(api, &account) })
	return l, nil
}

// notified answers 200 once all that was announced is delivered.
func (l *loop) notified(w http.ResponseWriter, r *http.Request) {
	var entries []struct {
		ContentURI string `json:"contentUri"`
	}
	if err := json.NewDecoder(r.Body).Decode(&entries); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, entry := range entries { // one after another: it is a loop
		if err := l.carry(entry.ContentURI); err != nil {
			log.Print(err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// carry brings one content to ingest.
func (l *loop) carry(uri string) error {
	body := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(body)
	body.Reset()
	if err := l.fetch(uri, body); err != nil {
		return err
	}
	b := batches.Get().(*batch)
	defer batches.Put(b)
	b.reset()
	err := split(body.Bytes(), func(record, created, kind []byte) error {
		if len(b.messages) > 0 && len(b.messages)+len(record)+messageOverhead > maxBatch {
			if err := l.send(b, 0, len(b.ends)); err != nil {
				return err
			}
			b.reset()
		}
		b.add(record, created, kind)
		return nil
	})
	if err != nil || len(b.ends) == 0 {
		return err
	}
	return l.send(b, 0, len(b.ends))
}

// send posts the messages from one to another, in halves if they are too large together.
func (l *loop) send(b *batch, from, to int) error {
	z := l.deflater()
	defer deflaters.Put(z)
	z.deflate(l.sender, b.run(from, to))
	if z.out.Len() > maxPayload && to-from > 1 {
		half := (from + to) / 2
		return errors.Join(l.send(b, from, half), l.send(b, half, to))
	}
	return l.post(z.out.Bytes())
}

func (l *loop) fetch(uri string, into *bytes.Buffer) error {
	token, err := l.entra.get()
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodGet, uri+"?PublisherIdentifier="+os.Getenv("APP_TENANT_ID"), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return l.do(req, func(r io.Reader) error { // the transport asks for gzip and undoes it
		_, err := into.ReadFrom(r)
		return err
	})
}

// do makes a request whose 2xx answer is read to its end.
func (l *loop) do(req *http.Request, read func(io.Reader) error) error {
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, resp.Status)
	}
	if err := read(resp.Body); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	return err
}
