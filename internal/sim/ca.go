package sim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// An authority signs the certificates of one world. It exists in memory only,
// so that no root that anybody once trusted stays behind.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // the root as PEM, for SSL_CERT_FILE
}

func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the simulator's root key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "azcollector simulator: do not trust"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(0, 0, 90),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("sign the simulator's root: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the simulator's root back: %w", err)
	}
	a := &authority{cert: cert, key: key, file: filepath.Join(dir, "ca.pem")}
	if err := writePEM(a.file, "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return a, nil
}

// leaf makes a certificate for loopback, for a server or (mutual TLS) a client.
func (a *authority) leaf() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "127.0.0.1"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(0, 0, 90),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		DNSNames:     []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// pool holds the root, and whatever extra PEM holds.
func (a *authority) pool(extra []byte) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	pool.AppendCertsFromPEM(extra)
	return pool
}

// IssueCertificate writes a certificate for 127.0.0.1, ::1 and localhost, and
// its key, into the world's directory: for the collector's own listener.
func (w *World) IssueCertificate(name string) (certFile, keyFile string, err error) {
	pair, err := w.authority.leaf()
	if err != nil {
		return "", "", err
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return "", "", fmt.Errorf("encode a key: %w", err)
	}
	certFile = filepath.Join(w.dir, name+".pem")
	keyFile = filepath.Join(w.dir, name+".key")
	if err := writePEM(certFile, "CERTIFICATE", pair.Certificate[0]); err != nil {
		return "", "", err
	}
	return certFile, keyFile, writePEM(keyFile, "PRIVATE KEY", key)
}

// CAFile is the path of the root's PEM file, as SSL_CERT_FILE wants it.
func (w *World) CAFile() string { return w.authority.file }

func writePEM(path, kind string, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write a PEM file: %w", err)
	}
	return nil
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand does not fail (Go 1.24)
	}
	return n
}
