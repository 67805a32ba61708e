package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/sim"
	"azcollector/webhook"
)

// TestStrangersFillNoLog: of a thousand guesses at a time some lines are written, and one
// now and then of those that follow.
func TestStrangersFillNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		h := &house{log: newLogger(&book, true), meter: &collect.Meter{}}
		guess := webhook.Notice{Method: "POST", Status: 401, Err: errors.New("header Webhook-AuthID is missing or wrong")}
		for range 1000 {
			h.reportNotice(t.Context(), guess)
		}
		some := len(book.find(t, "refused a request"))
		if some == 0 || some > 100 {
			t.Errorf("%d lines", some)
		}
		// What is said of who knows the secret is not held back.
		h.reportNotice(t.Context(), webhook.Notice{Method: "POST", Status: 413, Err: errors.New("body is larger than 1 MiB")})
		time.Sleep(time.Minute) // of the bubble's clock
		h.reportNotice(t.Context(), guess)
		if n := len(book.find(t, "refused a request")); n != some+2 {
			t.Errorf("%d lines, want 2 more than %d", n, some)
		}
	})
}

// clientOf is a client that trusts a world's certificates; from: its address on
// loopback, "" for any.
func clientOf(t *testing.T, w *sim.World, from string) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	dialer := &net.Dialer{}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// post sends a notification and returns the answer's status, or what went wrong.
func post(client *http.Client, address, body string, header map[string]string) string {
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	_ = resp.Body.Close()
	return strconv.Itoa(resp.StatusCode)
}
