package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate makes a self-signed certificate for 127.0.0.1.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestListenerTLS(t *testing.T) {
	dir := t.TempDir()
	s := Settings{TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}
	first := writeCertificate(t, s.TLSCert, s.TLSKey, 1)
	address, _ := listening(t, s, &rooms{}, quiet)
	shake := func(root *x509.Certificate, most uint16) (*tls.Conn, error) {
		roots := x509.NewCertPool()
		roots.AddCert(root)
		return tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: most, NextProtos: []string{"h2", "http/1.1"}})
	}
	conn, err := shake(first, tls.VersionTLS13)
	if err != nil {
		t.Fatal(err)
	}
	if proto := conn.ConnectionState().NegotiatedProtocol; proto != "http/1.1" {
		t.Errorf("protocol %q", proto)
	}
	_ = conn.Close()
	if conn, err := shake(first, tls.VersionTLS11); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 was accepted")
	}
	if resp, err := http.Get("http://" + address + "/healthz"); err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode == 200 {
			t.Error("plain http was answered")
		}
	}

	// A certificate whose key is still to come leaves the old one in use.
	elsewhere := filepath.Join(dir, "new-key.pem")
	second := writeCertificate(t, s.TLSCert, elsewhere, 2)
	if conn, err = shake(first, tls.VersionTLS13); err != nil {
		t.Fatalf("between the two files: %v", err)
	}
	_ = conn.Close()
	if err := os.Rename(elsewhere, s.TLSKey); err != nil {
		t.Fatal(err)
	}
	if conn, err = shake(second, tls.VersionTLS13); err != nil {
		t.Fatalf("after both files changed: %v", err)
	}
	_ = conn.Close()
}

func TestListenRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		s    Settings
		want string
	}{
		"no such certificate": {Settings{Listen: "127.0.0.1:0", TLSCert: "/nowhere", TLSKey: "/nowhere"}, "read TLS_CERT=/nowhere and TLS_KEY=/nowhere: open"},
		"not our address":     {Settings{Listen: "192.0.2.1:1"}, "listen on LISTEN=192.0.2.1:1: "}, // TEST-NET-1, RFC 5737
	} {
		t.Run(name, func(t *testing.T) {
			l, err := listen(t.Context(), c.s, quiet)
			if err == nil {
				_ = l.Close()
			}
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
