package alertlogic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"unicode/utf8"

	"azcollector/internal/wire"
)

const (
	// maxAnswer bounds what is read of an answer; the longest is a registration, 1 KB.
	maxAnswer = 1 << 20
	// maxKept bounds an answer that is handed on to be kept: the state's rows are
	// small, and eight times the longest known is room enough.
	maxKept = 8 << 10
)

// A reader takes what it wants from a 2xx answer to a request that held these secrets.
type reader func(resp *http.Response, secrets []string) error

// into reads a JSON answer into v.
func into(service string, v any) reader {
	return func(resp *http.Response, _ []string) error {
		b, err := readBody(resp, service)
		if err != nil {
			return err
		}
		return decode(b, service, v)
	}
}

// answer turns a status into nil or a fault and closes the answer.
func (c *Client) answer(resp *http.Response, r call, read reader, secrets ...string) error {
	switch {
	case resp.StatusCode/100 != 2:
		if resp.StatusCode == http.StatusNotFound {
			c.doubt(r.service)
		}
		return c.fault(resp, r, secrets)
	case read == nil:
		wire.Discard(resp) // a 2xx is the acknowledgement, even if its body breaks off
		return nil
	}
	defer wire.Discard(resp)
	return read(resp, secrets)
}

func readBody(resp *http.Response, service string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", service, wire.Redact(err))
	}
	return b, nil
}

// decode reads JSON into v. What cannot be read may be whole next time.
func decode(b []byte, service string, v any) error {
	// A syntax error of encoding/json shows one character at most: no token leaks.
	if err := json.Unmarshal(b, v); err != nil {
		if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fmt.Errorf("read the answer of %s: %q is no %s", service, kind.Field, kind.Type)
		}
		return fmt.Errorf("read the answer of %s: %w", service, err)
	}
	return nil
}

// keepable is an answer fit to be kept and shown: JSON in UTF-8 of bounded size
// that tells none of our secrets. nil: it is not, which is no error, since
// nothing hangs on what the service says beyond its acknowledgement.
func (c *Client) keepable(body []byte, secrets []string) []byte {
	body = bytes.TrimSpace(body)
	if len(body) > maxKept || !utf8.Valid(body) || !json.Valid(body) || tells(body, c.secrets(secrets)) {
		return nil
	}
	return body
}

// tells reports whether a string or a member's name in valid JSON holds a secret,
// however its characters are escaped.
func tells(body []byte, secrets []string) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // a number too large for a float64 would end the search
	for {
		token, err := d.Token()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		if wire.Tells(fmt.Sprint(token), secrets...) {
			return true
		}
	}
}
