package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"

	"azcollector/internal/state/azurite"
)

// A counter stands before the storage emulator and counts what it is asked. Every
// request is an operation that a storage account bills.
type counter struct {
	asked   atomic.Int64
	servers []*http.Server
}

// count returns a connection string that leads through the counter.
func count(connection string) (*counter, string, error) {
	c := &counter{}
	var addresses [3]string
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	for i, service := range []string{"BlobEndpoint", "QueueEndpoint", "TableEndpoint"} {
		to, err := endpoint(connection, service)
		if err != nil {
			c.close()
			return nil, "", err
		}
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			c.close()
			return nil, "", fmt.Errorf("listen before %s: %w", service, err)
		}
		proxy := &httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { c.asked.Add(1); r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host },
			Transport: transport,
			ErrorLog:  log.New(io.Discard, "", 0), // a collector that is killed hangs up
		}
		server := &http.Server{Handler: proxy}
		c.servers = append(c.servers, server)
		addresses[i] = "http://" + l.Addr().String()
		go func() { _ = server.Serve(l) }() // ends with close
	}
	return c, azurite.ConnectionString(addresses[0], addresses[1], addresses[2]), nil
}

// endpoint is a service's address in a connection string.
func endpoint(connection, service string) (*url.URL, error) {
	for part := range strings.SplitSeq(connection, ";") {
		if value, ok := strings.CutPrefix(part, service+"="); ok {
			return url.Parse(value)
		}
	}
	return nil, errors.New("read azurite's connection string: it has no " + service)
}

func (c *counter) operations() int64 {
	if c == nil {
		return 0
	}
	return c.asked.Load()
}

func (c *counter) close() {
	for _, s := range c.servers {
		_ = s.Close()
	}
}
