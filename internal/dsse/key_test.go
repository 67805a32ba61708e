package dsse_test

import (
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"azcollector/internal/dsse"
)

func TestParseKeys(t *testing.T) {
	one, two := dsse.FormatKey(public(ours)), dsse.FormatKey(public(next))
	spki, err := x509.MarshalPKIXPublicKey(public(ours))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		keys int
		want string // in the error
	}{
		"one":                 {one, 1, ""},
		"two":                 {one + "," + two, 2, ""},
		"spaces":              {" " + one + " , " + two + "\n", 2, ""},
		"nothing":             {"", 0, "key 1 of 1: is empty"},
		"a comma too many":    {one + ",", 0, "key 2 of 2: is empty"},
		"hexadecimal":         {one + "," + strings.Repeat("a1", 32), 0, "key 2 of 2: has 48 bytes"},
		"a short key":         {base64.StdEncoding.EncodeToString(public(ours)[1:]), 0, "has 31 bytes"},
		"a private key":       {base64.StdEncoding.EncodeToString(ours), 0, "has 64 bytes"},
		"as openssl writes":   {base64.StdEncoding.EncodeToString(spki), 0, "leave out the first 12"},
		"PEM lines":           {"-----BEGIN PUBLIC KEY-----", 0, "is no base64"},
		"separated by spaces": {one + " " + two, 0, "is no base64"},
		"both are wrong":      {"?,!", 0, "key 2 of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := dsse.ParseKeys(c.text)
			if len(keys) != c.keys || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %d keys, %v; want %d, %q", len(keys), err, c.keys, c.want)
			}
			if len(keys) > 0 && !keys[0].Equal(public(ours)) {
				t.Error("it is another key")
			}
		})
	}
}

// An error never repeats the text: it could be the private key, set by mistake.
func TestKeyErrorsKeepSecrets(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString(ours)
	for _, text := range []string{secret, secret + "?"} {
		if _, err := dsse.ParseKeys(text); err == nil || strings.Contains(err.Error(), secret[:8]) {
			t.Errorf("%v", err)
		}
	}
}
