package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/sirupsen/logrus"
)

// secure puts TLS on a listener. The certificate must be readable now; later it
// is read again whenever its files change.
func secure(l net.Listener, certFile, keyFile string, log *logrus.Entry) (net.Listener, error) {
	files := &certificateFiles{cert: certFile, key: keyFile, log: log}
	if err := files.load(); err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: files.get,
	}), nil
}

type certificateFiles struct {
	cert, key string
	log       *logrus.Entry

	mu     sync.Mutex
	stamp  string // what the files looked like when they were last read
	loaded *tls.Certificate
}

// get is called for each handshake. Files that cannot be read, or do not belong
// together because one of them is still to be replaced, leave the old
// certificate in use; the next change is another try.
func (c *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stampNow() != c.stamp {
		if err := c.read(); err != nil {
			c.log.WithError(err).Warning("still using the old certificate")
		} else {
			c.log.Info("using a new certificate")
		}
	}
	return c.loaded, nil
}

func (c *certificateFiles) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

func (c *certificateFiles) read() error {
	c.stamp = c.stampNow() // before the files: a change in between is seen next time
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("read TLS_CERT=%s and TLS_KEY=%s: %w", c.cert, c.key, err)
	}
	c.loaded = &pair
	return nil
}

func (c *certificateFiles) stampNow() string {
	var stamp string
	for _, name := range []string{c.cert, c.key} {
		if info, err := os.Stat(name); err == nil {
			stamp += fmt.Sprintf("%d %d ", info.ModTime().UnixNano(), info.Size())
		} else {
			stamp += "none "
		}
	}
	return stamp
}
