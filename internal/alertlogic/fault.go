package alertlogic

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// fault classifies an answer that is not 2xx, and closes it. Only ingest is sent
// a payload that can be at fault: elsewhere a 400 judges what we are set to.
func (c *Client) fault(resp *http.Response, r call, secrets []string) *collect.Fault {
	text := wire.ErrorText(resp, c.secrets(secrets)...)
	if text == "" {
		text = http.StatusText(resp.StatusCode)
	}
	f := &collect.Fault{
		Verdict:    collect.JudgeDestination(resp.StatusCode),
		RetryAfter: wire.RetryAfter(resp.Header, time.Now()),
		Code:       strconv.Itoa(resp.StatusCode),
	}
	switch {
	case f.Verdict == collect.JudgesPayload && r.service == "ingest":
		f.Err = errors.New(text)
	case f.Verdict == collect.Temporary:
		f.Err = fmt.Errorf("ask %s: %s", r.service, text)
	default:
		f.Verdict = collect.JudgesUs
		f.Err = fmt.Errorf("ask %s: %s; %s", r.service, text, r.advice(resp.StatusCode))
	}
	return f
}

// advice says what to do about an answer that judges us.
func (r call) advice(status int) string {
	if status == http.StatusNotFound && r.missing != "" {
		return r.missing
	}
	return "check " + suspects(status, r.service)
}

// suspects names the settings that an answer puts in doubt.
func suspects(status int, service string) string {
	switch {
	case status == http.StatusProxyAuthRequired:
		return "HTTPS_PROXY"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "APP_AL_ACCESS_KEY_ID and APP_AL_SECRET_KEY"
	case service == "ingest":
		return "APP_INGEST_ENDPOINT and APP_AL_INGEST_STREAM"
	case service == "azcollect":
		return "APP_AZCOLLECT_ENDPOINT"
	case service == "endpoints":
		return "APP_AL_API_ENDPOINT and APP_AL_RESIDENCY"
	default:
		return "APP_AL_API_ENDPOINT"
	}
}

// secrets are our own, in each form in which they travel, and these others.
func (c *Client) secrets(others []string) []string {
	basic := base64.StdEncoding.EncodeToString([]byte(c.options.AccessKeyID + ":" + c.options.SecretKey))
	return append([]string{c.options.AccessKeyID, c.options.SecretKey, basic}, others...)
}

// hush scrubs a transport error and keeps what it wraps.
func (c *Client) hush(err error, secrets []string) error {
	return &hushed{text: wire.Printable(wire.Scrub(err.Error(), c.secrets(secrets)...)), err: err}
}

type hushed struct {
	text string
	err  error
}

func (h *hushed) Error() string { return h.text }
func (h *hushed) Unwrap() error { return h.err }
