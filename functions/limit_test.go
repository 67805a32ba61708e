package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// from is a connection of a peer of our choice.
type from struct {
	net.Conn
	peer string
}

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.peer), Port: 1} }

// limiting accepts connections of pipes in a bubble.
type limiting struct {
	pipes    *pipeListener
	limited  *limitListener
	accepted chan *limitedConn
	done     chan error
}

func newLimiting(n int) *limiting {
	l := &limiting{pipes: newPipeListener(), accepted: make(chan *limitedConn, 1), done: make(chan error, 1)}
	l.limited = limitConnections(l.pipes, n)
	go func() {
		for {
			conn, err := l.limited.Accept()
			if err != nil {
				l.done <- err
				return
			}
			l.accepted <- conn.(*limitedConn)
		}
	}()
	return l
}

// knock offers a connection; nil: it has to wait.
func (l *limiting) knock(t *testing.T, peer string) *limitedConn {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = ours.Close() })
	l.pipes.conns <- from{theirs, peer}
	return l.next()
}

// next is who was let in meanwhile, if anybody was.
func (l *limiting) next() *limitedConn {
	synctest.Wait()
	select {
	case c := <-l.accepted:
		return c
	default:
		return nil
	}
}

func (l *limiting) end(t *testing.T) {
	t.Helper()
	if err := l.limited.Close(); err != nil {
		t.Error(err)
	}
	if err := <-l.done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
}

// isCut reports whether a connection was closed under the server's feet.
func isCut(c *limitedConn) bool {
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	return c.was == cut
}

func TestWhoMakesRoom(t *testing.T) {
	for _, c := range []struct {
		name  string
		open  []string // in the order of their coming: peer, and what it became if no stranger
		next  string
		loser int // -1: nobody, the next one waits
	}{
		{"the first of strangers", []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, "10.0.0.4", 0},
		{"the peer with most strangers", []string{"10.0.0.1", "10.0.0.2", "10.0.0.2"}, "10.0.0.3", 1},
		{"a crowd makes room for itself", []string{"10.0.0.1", "10.0.0.2", "10.0.0.2"}, "10.0.0.2", 1},
		{"a site of IPv6 is one peer", []string{"10.0.0.1", "2001:db8::1", "2001:db8::2:1"}, "10.0.0.3", 1},
		{"IPv4 in IPv6 is that peer", []string{"10.0.0.1", "10.0.0.2", "::ffff:10.0.0.2"}, "10.0.0.3", 1},
		{"two sites of IPv6 are two", []string{"10.0.0.1", "2001:db8::1", "2001:db8:0:1::1"}, "10.0.0.3", 0},
		{"a stranger before who is known", []string{"10.0.0.1 known", "10.0.0.1 known", "10.0.0.2"}, "10.0.0.3", 2},
		{"who is known, if there is no stranger", []string{"10.0.0.1 busy", "10.0.0.1 known", "10.0.0.2 known"}, "10.0.0.3", 1},
		{"who is known is not one of the crowd", []string{"10.0.0.2 known", "10.0.0.2 known", "10.0.0.1", "10.0.0.3"}, "10.0.0.4", 2},
		{"nobody at work", []string{"10.0.0.1 busy", "10.0.0.1 busy", "10.0.0.2 busy"}, "10.0.0.1", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiting(len(c.open))
				var open []*limitedConn
				for _, who := range c.open {
					peer, became, _ := strings.Cut(who, " ")
					conn := l.knock(t, peer)
					if became != "" {
						conn.begin()
					}
					if became == "known" {
						conn.end()
					}
					open = append(open, conn)
				}
				in := l.knock(t, c.next) != nil
				if loser := slices.IndexFunc(open, isCut); loser != c.loser || in != (c.loser >= 0) {
					t.Errorf("%d makes room, want %d; let in: %t", loser, c.loser, in)
				}
				for i, conn := range open {
					if err := conn.Conn.SetDeadline(time.Time{}); isCut(conn) != errors.Is(err, io.ErrClosedPipe) {
						t.Errorf("connection %d is cut: %t; it says %v", i, isCut(conn), err)
					}
				}
				l.end(t) // while Accept waits, in the last case
			})
		})
	}
}

// TestConnectionLimit: a place is given back once, by whoever leaves it.
func TestConnectionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiting(2)
		first, second := l.knock(t, "10.0.0.1"), l.knock(t, "10.0.0.1")
		first.begin()
		second.begin()
		if l.knock(t, "10.0.0.1") != nil {
			t.Fatal("a third connection was accepted")
		}
		_ = first.Close()
		_ = first.Close() // gives no second place back
		third := l.next()
		if third == nil {
			t.Fatal("the third connection was not accepted after one had left")
		}
		third.begin()
		if l.knock(t, "10.0.0.1") != nil {
			t.Fatal("a fourth connection was accepted")
		}
		first.begin() // is gone, and stays so
		second.end()  // rests: it can make room now
		if l.next() == nil || !isCut(second) {
			t.Fatal("the fourth connection was not accepted when one was at rest")
		}
		l.end(t)
	})
}

// TestTheCutAreBounded: what the server did not let go of so far costs memory still.
func TestTheCutAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiting(1)
		first, second := l.knock(t, "10.0.0.1"), l.knock(t, "10.0.0.1")
		if second == nil || !isCut(first) {
			t.Fatal("the second connection did not take the first one's place")
		}
		if l.knock(t, "10.0.0.1") != nil {
			t.Fatal("a third connection was accepted although the first is still held")
		}
		_ = first.Close()
		if l.next() == nil || !isCut(second) {
			t.Error("the third connection was not accepted after the first had gone")
		}
		_ = second.Close()
		l.end(t)
	})
}

// TestWhoIsAtWorkStays: a request under way, over TLS, is answered although a crowd
// wants its place, and so is another one on the same connection after it.
func TestWhoIsAtWorkStays(t *testing.T) {
	w := newWorld(t)
	cert, key, err := w.IssueCertificate("listener")
	if err != nil {
		t.Fatal(err)
	}
	working, goOn := make(chan struct{}), make(chan struct{})
	address, _ := listening(t, Settings{MaxConnections: 2, TLSCert: cert, TLSKey: key}, &rooms{
		Webhook: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body) // it has shown the secret
			working <- struct{}{}
			<-goOn
		}),
	}, quiet)
	client := clientOf(t, w, "")
	answers := make(chan string)
	for range 2 {
		go func() { answers <- post(client, "https://"+address+hostWebhookPath, "", nil) }()
		<-working
		var crowd []net.Conn
		for range 5 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			crowd = append(crowd, conn)
		}
		for i, conn := range crowd[:4] { // each made room for the next one
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Errorf("stranger %d was answered", i)
			}
			_ = conn.Close()
		}
		goOn <- struct{}{}
		if got := <-answers; got != "200" {
			t.Errorf("answered %s", got)
		}
		_ = crowd[4].Close()
	}
}

func TestConnectionLimitIsUsed(t *testing.T) {
	l, err := listen(t.Context(), Settings{Listen: "127.0.0.1:0", MaxConnections: 7}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if limited, ok := l.(*limitListener); !ok || limited.most != 7 {
		t.Errorf("got %s", fmt.Sprintf("%T", l))
	}
}
