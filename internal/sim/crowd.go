package sim

import (
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Crowd is slow peers: each connects to a server on loopback, lets it wait in one of
// four ways (see [Crowd.Run]), and comes back a while after it was cut off. It knows no
// secret.
type Crowd struct {
	Address string        // of the server, which speaks TLS
	Path    string        // that they ask for
	Size    int           // how many there are
	Peers   int           // of how many addresses, 127.0.1.0 and above; 0: all of 127.0.0.1
	Pause   time.Duration // until one comes back, half of it or up to half more; 0: 5 s
	Trickle time.Duration // from byte to byte; 0: 1 s

	// What happened so far.
	Connected, Cut, Refused, Answered atomic.Int64
	open                              atomic.Int64
	most                              atomic.Int64
}

// dialling bounds how many of them shake hands at one moment: the processors are theirs
// and the server's.
const dialling = 64

// Run lets them connect until ctx ends. They come in turns: the first says nothing, the
// second begins a handshake, the third a header, and the fourth a body; what they begin
// goes on byte by byte and never ends.
func (c *Crowd) Run(ctx context.Context) {
	if c.Pause == 0 {
		c.Pause = 5 * time.Second
	}
	if c.Trickle == 0 {
		c.Trickle = time.Second
	}
	turnstile := make(chan struct{}, dialling)
	var all sync.WaitGroup
	for i := range c.Size {
		all.Go(func() {
			for ctx.Err() == nil {
				c.visit(ctx, i, turnstile)
				rest(ctx, c.Pause/2+rand.N(c.Pause))
			}
		})
	}
	all.Wait()
}

// Most is how many were connected at one moment, as far as they knew.
func (c *Crowd) Most() int64 { return c.most.Load() }

// visit connects once and stays until it is cut off.
func (c *Crowd) visit(ctx context.Context, i int, turnstile chan struct{}) {
	conn := c.enter(ctx, i, turnstile)
	if conn == nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	c.Connected.Add(1)
	now := c.open.Add(1)
	defer c.open.Add(-1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	done := make(chan struct{})
	go func() { // ends with the connection
		defer close(done)
		if n, _ := io.Copy(io.Discard, conn); n > 0 {
			c.Answered.Add(1)
		}
	}()
	for rest(ctx, c.Trickle, done) {
		if i%ways == silent {
			continue
		}
		if _, err := conn.Write([]byte("a")); err != nil {
			break
		}
	}
	_ = conn.Close()
	<-done
	if ctx.Err() == nil {
		c.Cut.Add(1)
	}
}

// The ways to be slow.
const (
	silent = iota
	handshaking
	heading
	embodying
	ways
)

// enter connects and says what comes before the waiting; nil: it was not let in.
func (c *Crowd) enter(ctx context.Context, i int, turnstile chan struct{}) net.Conn {
	select {
	case turnstile <- struct{}{}:
		defer func() { <-turnstile }()
	case <-ctx.Done():
		return nil
	}
	ctx, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	conn, err := (&net.Dialer{LocalAddr: c.peer(i)}).DialContext(ctx, "tcp4", c.Address)
	if err == nil && i%ways >= heading {
		secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // whoever it is
		if err = secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
		}
		conn = secured
	}
	if err == nil {
		if _, err = io.WriteString(conn, c.opening(i%ways)); err != nil {
			_ = conn.Close()
		}
	}
	if err != nil {
		c.Refused.Add(1)
		return nil
	}
	return conn
}

func (c *Crowd) opening(way int) string {
	switch way {
	case handshaking: // of a ClientHello of 512 bytes (RFC 8446, section 4.1.2)
		return "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
	case heading:
		return "POST " + c.Path + " HTTP/1.1\r\nHost: x\r\nX-Slow: "
	case embodying:
		return "POST " + c.Path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat(" ", 10)
	}
	return ""
}

// peer is whom the i-th one comes from.
func (c *Crowd) peer(i int) net.Addr {
	if c.Peers == 0 {
		return nil
	}
	k := 256 + i%c.Peers
	return &net.TCPAddr{IP: net.IPv4(127, byte(k>>16), byte(k>>8), byte(k))}
}

// rest reports whether the time passed before ctx or any of done ended it.
func rest(ctx context.Context, d time.Duration, done ...<-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var gone <-chan struct{}
	if len(done) > 0 {
		gone = done[0]
	}
	select {
	case <-timer.C:
		return true
	case <-gone:
	case <-ctx.Done():
	}
	return false
}
