package wire_test

import (
	"net/url"
	"testing"

	"azcollector/internal/wire"
)

func TestLoopbackIsALiteral(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:80": true, "127.255.255.254": true, "::1": true, "[::1]": true, "[::1]:8080": true, "0:0:0:0:0:0:0:1": true,
		"localhost": false, "localhost:80": false, "127.1": false, "2130706433": false, "0x7f000001": false, "0177.0.0.1": false,
		"::ffff:127.0.0.1": false, "[::ffff:127.0.0.1]:80": false, "::1%eth0": false, "[::1%25eth0]:80": false, "0.0.0.0": false, "::": false,
		"128.0.0.1": false, "126.255.255.255": false, "127.0.0.1.example": false, "": false, "[]": false, "]127.0.0.1[": false, "127.0.0.1@evil.example": false,
	} {
		if got := wire.Loopback(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestParseBase(t *testing.T) {
	for raw, want := range map[string]string{
		"https://manage.example":        "https://manage.example",
		"HTTPS://Manage.Example/":       "https://Manage.Example",
		"https://manage.example/a/b//":  "https://manage.example/a/b",
		"https://manage.example:8443":   "https://manage.example:8443",
		"http://127.0.0.1:9000":         "http://127.0.0.1:9000",
		"http://[::1]:9000/x/":          "http://[::1]:9000/x",
		"http://localhost:9000":         "",
		"http://manage.example":         "",
		"http://[::ffff:127.0.0.1]":     "",
		"http://127.1":                  "",
		"manage.example":                "",
		"//manage.example":              "",
		"https:manage.example":          "",
		"https://":                      "",
		"https://:443":                  "",
		"https://user@manage.example":   "",
		"https://user:p@manage.example": "",
		"https://manage.example?":       "",
		"https://manage.example?a=b":    "",
		"https://manage.example#":       "",
		"https://manage.example/#x":     "",
		"ftp://manage.example":          "",
		"file:///etc/passwd":            "",
		"https://manage.example/\n":     "",
		"":                              "",
	} {
		u, err := wire.ParseBase(raw)
		if (err == nil) != (want != "") || err == nil && u.String() != want {
			t.Errorf("%q: got %v, %v; want %q", raw, u, err, want)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"https://a.example", "https://a.example/path?q", true},
		{"https://a.example", "https://A.EXAMPLE:443", true},
		{"http://127.0.0.1", "http://127.0.0.1:80", true},
		{"https://[::1]:1", "https://[::1]:1", true},
		{"https://a.example", "http://a.example", false},
		{"https://a.example", "http://a.example:443", false},
		{"https://a.example", "https://a.example:8443", false},
		{"https://a.example", "https://a.example.evil.example", false},
		{"https://a.example", "https://a.example@evil.example", false},
		{"https://a.example", "https://a.example.", false},
		{"https://a.example", "/path", false},
		{"https://a.example", "https:", false},
	} {
		a, errA := url.Parse(test.a)
		b, errB := url.Parse(test.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if wire.SameOrigin(a, b) != test.want || wire.SameOrigin(b, a) != test.want {
			t.Errorf("%s and %s: want %v", a, b, test.want)
		}
	}
}
