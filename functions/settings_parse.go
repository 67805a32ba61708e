package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sirupsen/logrus"

	"azcollector/internal/wire"
)

// into makes a table row's setter from where its value goes and how it is read.
func into[T any](field func(*Settings) *T, parse func(string) (T, error)) func(*Settings, string) error {
	return func(s *Settings, raw string) error {
		v, err := parse(raw)
		if err == nil {
			*field(s) = v
		}
		return err
	}
}

func text(raw string) (string, error) {
	if strings.ContainsFunc(raw, unicode.IsControl) {
		return "", errors.New("must not hold control characters")
	}
	return raw, nil
}

func secret(raw string) (Secret, error) { return Secret(raw), nil }

// secretAddress is a URL whose query may hold a signature.
func secretAddress(raw string) (Secret, error) {
	if _, err := wire.ParseAddress(raw); err != nil {
		return "", err
	}
	return Secret(raw), nil
}

func matching(pattern, want string) func(string) (string, error) {
	re := regexp.MustCompile(pattern)
	return func(raw string) (string, error) {
		if !re.MatchString(raw) {
			return "", errors.New("must be " + want)
		}
		return raw, nil
	}
}

var guidShape = matching(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`,
	"a GUID like 01234567-89ab-cdef-0123-456789abcdef")

func guid(raw string) (string, error) {
	v, err := guidShape(raw)
	return strings.ToLower(v), err
}

func oneOf(names ...string) func(string) (string, error) {
	return func(raw string) (string, error) {
		if !slices.Contains(names, raw) {
			return "", errors.New("must be one of " + strings.Join(names, ", "))
		}
		return raw, nil
	}
}

func whole[T int | int64](least, most T) func(string) (T, error) {
	return func(raw string) (T, error) {
		n, err := strconv.ParseInt(raw, 10, 64)
		if err != nil || n < int64(least) || n > int64(most) {
			return 0, fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		return T(n), nil
	}
}

// span reads a Go duration such as 90m, or whole days such as 35d.
func span(least, most time.Duration) func(string) (time.Duration, error) {
	return func(raw string) (time.Duration, error) {
		d, err := time.ParseDuration(raw)
		if days, ok := strings.CutSuffix(raw, "d"); ok {
			var n int64
			n, err = strconv.ParseInt(days, 10, 64)
			if n < 0 || n > math.MaxInt64/int64(24*time.Hour) {
				n, err = 0, errors.New("out of range")
			}
			d = time.Duration(n) * 24 * time.Hour
		}
		if err != nil || d < least || d > most {
			return 0, fmt.Errorf("must be a duration from %s to %s, written like 90s, 12h or 2d", short(least), short(most))
		}
		return d, nil
	}
}

// short writes a duration without its empty units: 168h, not 168h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func yesNo(raw string) (bool, error) {
	switch strings.ToLower(raw) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, errors.New("must be true or false")
}

// endpoint takes host, host:port or a URL, and returns it as it was written: the
// door that uses it has its own reading of the first two.
func endpoint(raw string) (string, error) {
	full := raw
	if !strings.Contains(raw, "://") {
		full = "https://" + raw
	}
	if _, err := wire.ParseBase(full); err != nil {
		return "", err
	}
	return raw, nil
}

// publicURL reads the webhook's base; "none" means that there is none.
func publicURL(raw string) (*url.URL, error) {
	if strings.EqualFold(raw, "none") {
		return nil, nil
	}
	u, err := wire.ParseBase(raw)
	if err != nil {
		return nil, fmt.Errorf("%w; or none, to pull only", err)
	}
	return u, nil
}

func subscriptions(raw string) (watch bool, err error) {
	mode, err := oneOf("manage", "watch")(raw)
	return mode == "watch", err
}

// contentTypes are those that the Management Activity API knows (its reference,
// "Working with the Office 365 Management Activity API").
var contentTypes = []string{"Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All"}

func contentStreams(raw string) ([]string, error) {
	var streams []string
	if json.Unmarshal([]byte(raw), &streams) != nil || len(streams) == 0 {
		return nil, errors.New(`must be a JSON array like ["Audit.Exchange","Audit.General"]`)
	}
	for i, stream := range streams {
		if !slices.Contains(contentTypes, stream) {
			return nil, fmt.Errorf("names %q; the known types are %s", stream, strings.Join(contentTypes, ", "))
		}
		if slices.Contains(streams[:i], stream) {
			return nil, fmt.Errorf("names %q twice", stream)
		}
	}
	return streams, nil
}

// webhookPath refuses what a request's path can never be, and our own /healthz.
func webhookPath(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || !strings.HasPrefix(raw, "/") || u.Path != raw || u.Host != "" || raw == "/" || raw == healthPath {
		return "", errors.New("must begin with /, be more than that, hold no query, and not be " + healthPath)
	}
	return raw, nil
}

// certificate accepts PEM, a PFX file's bytes (from APP_CLIENT_CERTIFICATE_FILE),
// the same in base64, or the path of a file with either.
func certificate(raw string) (Secret, error) {
	const derSequence = 0x30 // every PFX file is an ASN.1 SEQUENCE (RFC 7292 §4)
	if strings.Contains(raw, "-----BEGIN") || (raw[0] == derSequence && strings.ContainsFunc(raw, unicode.IsControl)) {
		return Secret(raw), nil
	}
	if b, err := base64.StdEncoding.DecodeString(raw); err == nil && len(b) > 0 && b[0] == derSequence {
		return Secret(b), nil
	}
	content, err := readSecret(raw) // never more than such a file has: raw may name a device
	if err != nil {
		return "", errors.New("must be PEM, a PFX file in base64, or the path of a readable PEM or PFX file")
	}
	return Secret(content), nil
}

// authID is stricter than HTTP is: a header's value that needs no quoting
// anywhere. A short one works, as an existing subscription may have it, with a warning.
func authID(raw string) (Secret, error) {
	const most = 128
	if len(raw) > most || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("must be at most %d printable ASCII characters without spaces", most)
	}
	return Secret(raw), nil
}

// schedule is what the Functions host takes as well.
func schedule(raw string) (string, error) {
	if _, err := parseSchedule(raw); err != nil {
		return "", errors.New(`must be an NCRONTAB of six fields, like "0 * * * * *" for every minute`)
	}
	return raw, nil
}

// day is a date, or a date with a time.
func day(raw string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, raw); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("must be a date like 2027-05-31")
}

func connectionString(raw string) (Secret, error) {
	if !strings.Contains(raw, "=") {
		return "", errors.New("must be a connection string like AccountName=…;AccountKey=…, or UseDevelopmentStorage=true")
	}
	return Secret(raw), nil
}

func listenAddress(raw string) (string, error) {
	_, port, err := net.SplitHostPort(raw)
	if n, parsed := strconv.ParseUint(port, 10, 16); err != nil || parsed != nil || strconv.FormatUint(n, 10) != port {
		return "", errors.New("must be host:port or :port, like 127.0.0.1:8443")
	}
	return raw, nil
}

func logLevel(raw string) (logrus.Level, error) {
	level, err := logrus.ParseLevel(raw)
	if err != nil || level < logrus.ErrorLevel { // panic and fatal would silence everything
		return 0, errors.New("must be one of error, warning, info, debug, trace")
	}
	return level, nil
}
