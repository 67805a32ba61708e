package main

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"azcollector/internal/sim"
)

// A gatekeeper is a proxy that lets nobody through, says so in every way, and repeats
// who asked.
func gatekeeper(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var asked atomic.Int64
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				proof, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Proxy-Authorization"), "Basic "))
				status := []int{407, 502, 200, 0}[asked.Add(1)%4]
				if status == 0 {
					_, _ = fmt.Fprintf(conn, "%s %s\r\n\r\n", proof, r.Header.Get("Proxy-Authorization"))
					return
				}
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nX-You: %s\r\nContent-Length: 5\r\n\r\n%s", status, proof, proof, proof)
			}()
		}
	}()
	return listener.Addr().String()
}

// A proxy's password is in no output, not even that of an HTTPS_PROXY that is no address:
// a password with a percent sign is no URL.
func TestTheProxysPasswordIsNotTold(t *testing.T) {
	secret := newCanary("HTTPS_PROXY", "")
	at := gatekeeper(t)
	for name, proxy := range map[string]string{
		"good":          "http://user:" + secret.value + "@" + at,
		"percent":       "http://user:" + secret.head + "%zz" + secret.tail + "@" + at,
		"blank":         "http://user:" + secret.head + " " + secret.tail + "@" + at,
		"no scheme":     "user:" + secret.head + "%zz" + secret.tail + "@" + at,
		"wrong scheme":  "gopher://user:" + secret.value + "@" + at,
		"nobody there":  "http://user:" + secret.value + "@127.0.0.1:1",
		"no port":       "http://user:" + secret.value + "@127.0.0.1:" + secret.tail,
		"TLS it is not": "https://user:" + secret.value + "@" + at,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{
				"HTTPS_PROXY": proxy, "STATE_DIR": t.TempDir(), "LOG_LEVEL": "trace", "PUBLIC_URL": "none",
				"APP_TENANT_ID": "3b1d5a4e-77aa-4c52-9d0e-0f61c2a8b901", "APP_CLIENT_ID": "a86f2f3c-1c43-4a5e-8b59-5f0c9a7d2e10",
				"APP_CLIENT_SECRET": "x", "APP_AL_ACCESS_KEY_ID": "x", "APP_AL_SECRET_KEY": "x",
			}
			s := newSearch(secret)
			for _, line := range []string{"settings", "doctor", "register", "run pull", "run master", "status"} {
				_, said := say(t, env, strings.Fields(line)...)
				if line == "doctor" && !strings.Contains(said, "fail ") && !strings.Contains(said, "HTTPS_PROXY=***") {
					t.Errorf("doctor got through: %s", said)
				}
				s.add(line, said)
			}
			s.addFiles(t, "file", env["STATE_DIR"])
			s.judge(t)
		})
	}
}

// A certificate's key and its password are in no output: neither where they work nor
// where they are wrong, mixed up or cut.
func TestACertificatesKeyIsNotTold(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "canary"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	password := newCanary("APP_CLIENT_CERTIFICATE_PASSWORD", punctuation)
	pfx, err := pkcs12.Modern.Encode(key, certificate, nil, password.value)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	lines := strings.Split(text, "\n")
	secrets := []canary{password, canaryOf("the key's PEM", lines[5]), canaryOf("the key's end", lines[len(lines)-4]), canaryOf("the PFX", base64.StdEncoding.EncodeToString(pfx)[600:700])}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	file := filepath.Join(t.TempDir(), "client.pfx")
	if err := os.WriteFile(file, pfx, 0o600); err != nil {
		t.Fatal(err)
	}
	world := sim.Start(t, sim.Options{Calm: true, ClientKey: &key.PublicKey, HostID: "host", SourceID: "source", Push: sim.PushOptions{Off: true, To: "https://127.0.0.1:9/"}})
	for name, c := range map[string]struct {
		certificate, password string
		good                  bool
	}{
		"PEM":               {public + text, "", true},
		"PFX":               {base64.StdEncoding.EncodeToString(pfx), password.value, true},
		"PFX in a file":     {file, password.value, true},
		"wrong password":    {base64.StdEncoding.EncodeToString(pfx), password.value + "x", false},
		"no certificate":    {text, "", false},
		"cut":               {public + text[:len(text)/2], "", false},
		"on one line":       {strings.ReplaceAll(public+text, "\n", ""), "", false},
		"password mixed up": {password.value, text, false},
		"PFX cut":           {base64.StdEncoding.EncodeToString(pfx)[:1000], password.value, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := settingsOf(world, "APP_CLIENT_SECRET=", "PUBLIC_URL=none", "LOG_LEVEL=trace", "STATE_DIR="+t.TempDir(),
				"APP_CLIENT_CERTIFICATE="+c.certificate, "APP_CLIENT_CERTIFICATE_PASSWORD="+c.password)
			s := newSearch(secrets...)
			for _, line := range []string{"settings", "doctor", "run pull"} {
				code, said := say(t, env, strings.Fields(line)...)
				if line == "run pull" && (code == 0) != c.good {
					t.Errorf("pull ends with %d: %s", code, said)
				}
				s.add(line, said)
			}
			s.judge(t)
		})
	}
}
