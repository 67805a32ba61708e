package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"azcollector/internal/dsse"
	"azcollector/internal/release"
)

// makeKey returns a private key's file and its public half.
func makeKey(t *testing.T) (file, pub string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "release.pem")
	var out bytes.Buffer
	if err := (&keygen{File: file}).Run(&out); err != nil {
		t.Fatal(err)
	}
	return file, strings.TrimSpace(out.String())
}

// makePackage packs what looks like a package.
func makePackage(t *testing.T, program string) string {
	t.Helper()
	source := write(t, "source", program, 0o644, epoch)
	out := filepath.Join(t.TempDir(), "package.zip")
	if err := pack(out, []item{{"handler", source, 0o755}, {"host.json", source, 0o644}, {"pull/function.json", source, 0o644}}); err != nil {
		t.Fatal(err)
	}
	return out
}

// signing is what signs a package, unless a test changes it.
func signing(pkg string, keys ...string) sign {
	return sign{Version: "1.4.0", Minimum: "1.0.0", URL: "https://releases.example/p.zip", Released: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Package: pkg, Keys: keys}
}

func TestSignAndVerify(t *testing.T) {
	old, oldPublic := makeKey(t)
	young, youngPublic := makeKey(t)
	_, foreign := makeKey(t)
	pkg := makePackage(t, "program")
	var manifest bytes.Buffer
	c := signing(pkg, old, young)
	if err := c.Run(&manifest); err != nil {
		t.Fatal(err)
	}
	var pub bytes.Buffer
	if err := (&public{Keys: c.Keys}).Run(&pub); err != nil || strings.TrimSpace(pub.String()) != oldPublic+","+youngPublic {
		t.Errorf("public keys %q (%v), want %s and %s", pub.String(), err, oldPublic, youngPublic)
	}
	file := write(t, "manifest.json", manifest.String(), 0o644, epoch)
	unfit := write(t, "self-hosting.zip", "no archive at all", 0o644, epoch)
	for name, v := range map[string]struct {
		verify
		want string // in the error
	}{
		"by the old key":    {verify{Keys: oldPublic, Package: pkg}, ""},
		"by the new key":    {verify{Keys: youngPublic, Package: pkg}, ""},
		"no package":        {verify{Keys: oldPublic}, ""},
		"another package":   {verify{Keys: oldPublic, Package: makePackage(t, "evil")}, "sha256 is"},
		"unfit, but signed": {verify{Keys: oldPublic, Package: unfit, Manifest: signedAnyway(t, old, unfit)}, "open the package"},
		"foreign key":       {verify{Keys: foreign, Package: pkg}, "none of its 2 signatures"},
		"no key":            {verify{Keys: ","}, "--keys: key 1 of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			if v.Manifest == "" {
				v.Manifest = file
			}
			err := v.Run(&said)
			if v.want == "" && (err != nil || !strings.Contains(said.String(), "released        2026-11-22T00:00:00Z\nexpires         2027-02-20T00:00:00Z\n")) {
				t.Errorf("%v; it said %s", err, said.String())
			}
			if v.want != "" && (err == nil || !strings.Contains(err.Error(), v.want) || said.Len() > 0) {
				t.Errorf("%v; it said %q; want an error with %q", err, said.String(), v.want)
			}
		})
	}
}

// signedAnyway is the manifest of somebody who has our key and not this tool.
func signedAnyway(t *testing.T, key, file string) string {
	t.Helper()
	private, err := dsse.ReadKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	text, err := release.Sign(release.Manifest{Version: "1.4.0", Minimum: "1.0.0", Package: "https://releases.example/p.zip",
		SHA256: hashOf(pkg), Released: day, Expires: day.AddDate(1, 0, 0)}, private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "manifest.json", string(text), 0o644, epoch)
}

// What collectors would refuse is not signed. Without a package nothing is signed, but
// the rest is judged.
func TestSignRefuses(t *testing.T) {
	key, _ := makeKey(t)
	pkg := makePackage(t, "program")
	selfHosting := filepath.Join(t.TempDir(), "self-hosting.zip")
	if err := pack(selfHosting, []item{{"azcollector", pkg, 0o755}}); err != nil {
		t.Fatal(err)
	}
	large := write(t, "large.zip", "", 0o644, epoch)
	if err := os.Truncate(large, release.MaxPackage+1); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*sign)
		want   string
	}{
		"only judged":           {func(c *sign) { c.Package = "" }, ""},
		"another end":           {func(c *sign) { c.Package, c.Expires = "", c.Released.AddDate(0, 0, 1) }, ""},
		"no package":            {func(c *sign) { c.Package = selfHosting }, "needs handler and host.json"},
		"too large":             {func(c *sign) { c.Package = large }, "more than 33554432 bytes"},
		"no version":            {func(c *sign) { c.Version = "1.4" }, "version is"},
		"minimum ahead":         {func(c *sign) { c.Minimum = "2.0.0" }, "minimumVersion is"},
		"ends before it begins": {func(c *sign) { c.Expires = c.Released.AddDate(0, 0, -1) }, "expires is"},
		"judged all the same":   {func(c *sign) { c.Package, c.Version = "", "1.4" }, "version is"},
		"judged by its keys":    {func(c *sign) { c.Package, c.Keys = "", []string{pkg} }, "read the key"},
	} {
		t.Run(name, func(t *testing.T) {
			var manifest bytes.Buffer
			s := signing(pkg, key)
			c.change(&s)
			err := s.Run(&manifest)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || manifest.Len() > 0 {
				t.Errorf("%v, want %q; it signed %s", err, c.want, manifest.String())
			}
		})
	}
}

func TestPrivateKeys(t *testing.T) {
	good, _ := makeKey(t)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		mode fs.FileMode
		want string // in the error
	}{
		"as it was made":     {string(text), 0o600, ""},
		"read-only":          {string(text), 0o400, ""},
		"the group reads it": {string(text), 0o640, "mode 0640"},
		"others read it":     {string(text), 0o604, "mode 0604"},
		"others write it":    {string(text), 0o602, "mode 0602"},
		"another algorithm":  {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), 0o600, "Ed25519 key"},
		"another PEM file":   {strings.ReplaceAll(string(text), "PRIVATE", "PUBLIC"), 0o600, "PKCS#8 PEM"},
		"broken":             {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600, "PKCS#8 PEM"},
		"empty":              {"", 0o600, "PKCS#8 PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dsse.ReadKey(write(t, "key.pem", c.text, c.mode, epoch))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
	if err := (&keygen{File: good}).Run(&bytes.Buffer{}); err == nil {
		t.Error("wrote a new key over an old one")
	}
}
