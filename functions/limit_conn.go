package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
)

// A limitedConn is one of those that a limitListener let in.
type limitedConn struct {
	net.Conn
	list *limitListener
	peer netip.Prefix

	// Under the listener's lock:
	was   standing
	since int // the turn at which it came into its standing
}

// A standing says who makes room for others.
type standing int

const (
	nobody   standing = iota // not let in yet, or gone
	stranger                 // has shown no secret so far
	known                    // has shown it before, and asks for nothing now
	atWork                   // has shown it, and its request is not answered yet
	cut                      // had to make room; the server has not noticed yet
)

// Close gives the place back once, however often it is called.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	switch c.was {
	case nobody:
		return err
	case cut:
		c.list.cut--
	default:
		c.list.leave(c)
	}
	c.was = nobody
	c.list.tell()
	return err
}

// begin says that its peer has shown the secret.
func (c *limitedConn) begin() { c.becomes(atWork) }

// end says that a request is answered. It makes nobody known who was not.
func (c *limitedConn) end() {
	if c.becomes(known) {
		c.list.tell()
	}
}

func (c *limitedConn) becomes(s standing) bool {
	if c == nil {
		return false
	}
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	if c.was == nobody || c.was == cut || s == known && c.was != atWork {
		return false
	}
	c.list.stand(c, s)
	return true
}

type connKey struct{}

// withConn lets wary find the connection of a request, for http.Server.ConnContext.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// wary closes the connection behind the answer, unless the room has read of the
// request's body: it does so only of who has shown the secret. So a stranger never
// gets a second request onto a connection, and cannot smuggle one past a proxy that
// takes another view of where the first one ends (RFC 9112, section 11.2; net/http does
// not tell of a request with Content-Length and Transfer-Encoding, after which section
// 6.1 has us close). Neither does he keep a place, nor are we to read his body away.
func wary(room http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		conn, _ := r.Context().Value(connKey{}).(*limitedConn) // nil: a listener without a limit
		defer conn.end()
		own := r.WithContext(r.Context()) // a copy: net/http looks at the body in its own once more
		own.Body = &trusted{ReadCloser: r.Body, header: w.Header(), conn: conn}
		room.ServeHTTP(w, own)
	})
}

// A trusted body is read only of who has shown the secret.
type trusted struct {
	io.ReadCloser
	header http.Header // of the answer
	conn   *limitedConn
	read   bool
}

func (t *trusted) Read(p []byte) (int, error) {
	if !t.read {
		t.read = true
		t.header.Del("Connection")
		t.conn.begin()
	}
	return t.ReadCloser.Read(p)
}
