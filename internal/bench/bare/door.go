package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A ticket is a token that is asked for when there is none, or an old one.
type ticket struct {
	ask func() (token string, life time.Duration, err error)

	mu    sync.Mutex
	token string
	until time.Time
}

func (t *ticket) get() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.until) {
		return t.token, nil
	}
	token, life, err := t.ask()
	if err != nil {
		return "", err
	}
	t.token, t.until = token, time.Now().Add(life-5*time.Minute)
	return token, nil
}

func (l *loop) askEntra(address string, form url.Values) (string, time.Duration, error) {
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
		Life  int64  `json:"expires_in"` // seconds
	}
	err = l.do(req, into(&answer))
	return answer.Token, time.Duration(answer.Life) * time.Second, err
}

func (l *loop) askAIMS(api, id, secret string) (token, account string, life time.Duration, err error) {
	req, err := http.NewRequest(http.MethodPost, api+"/aims/v1/authenticate", nil)
	if err != nil {
		return "", "", 0, err
	}
	req.SetBasicAuth(id, secret)
	var answer struct {
		Authentication struct {
			Token   string `json:"token"`
			Until   int64  `json:"token_expiration"` // seconds since 1970
			Account struct {
				ID string `json:"id"`
			} `json:"account"`
		} `json:"authentication"`
	}
	err = l.do(req, into(&answer))
	a := answer.Authentication
	return a.Token, a.Account.ID, time.Until(time.Unix(a.Until, 0)), err
}

// findIngest returns where the account's records are posted to. The account is
// known once there is a token.
func (l *loop) findIngest(api string, account *string) (string, error) {
	token, err := l.aims.get()
	if err != nil {
		return "", err
	}
	req, err := http.NewRequest(http.MethodGet, api+"/endpoints/v1/"+*account+"/residency/default/services/ingest/endpoint", nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("X-Aims-Auth-Token", token)
	var answer struct {
		Ingest string `json:"ingest"`
	}
	err = l.do(req, into(&answer))
	return "https://" + answer.Ingest + "/ingest/v1/" + *account + "/data/logmsgs", err
}

func (l *loop) post(body []byte) error {
	address, err := l.ingest()
	if err != nil {
		return err
	}
	token, err := l.aims.get()
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Aims-Auth-Token", token)
	req.Header.Set("Content-Type", "alertlogic.com/lm3-protobuf")
	req.Header.Set("Content-Encoding", "deflate")
	req.Header.Set("X-Invoked-By", "azure_function")
	return l.do(req, func(io.Reader) error { return nil })
}

func into(answer any) func(io.Reader) error {
	return func(r io.Reader) error { return json.NewDecoder(r).Decode(answer) }
}
