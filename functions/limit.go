package main

import (
	"net"
	"net/netip"
	"sync"
)

// limitConnections lets at most n connections in at a time. When so many are, a new
// one takes the place of a stranger's.
//
// To be slow costs a peer nothing: to connect and say nothing, to begin a handshake, to
// send a byte a second. If the next one waited until the deadlines of such peers pass,
// n of them would keep everybody out for seconds, and again and again. So a connection
// is a stranger's until somebody on it has shown the secret, and there is always room
// for one more: the peer with the most strangers loses the one that has waited longest.
// One peer with thousands of connections so takes places only from itself, and
// thousands of peers with one each have to come faster, n in the time in which an
// honest one shakes hands and asks. Behind a proxy all are one peer: there only the
// second holds.
//
// Nobody is cut whose request is being worked on, and who has shown the secret before
// is cut last. If all are at work, the next one waits, and those behind it stay in the
// kernel's queue, where they cost us nothing.
func limitConnections(l net.Listener, n int) *limitListener {
	return &limitListener{
		Listener: l, most: n, open: map[*limitedConn]struct{}{}, strangers: map[netip.Prefix]int{},
		freed: make(chan struct{}, 1), closed: make(chan struct{}),
	}
}

type limitListener struct {
	net.Listener
	most   int
	freed  chan struct{} // has a token when there may be room
	closed chan struct{}
	once   sync.Once

	mu        sync.Mutex
	open      map[*limitedConn]struct{} // at most so many as may be
	strangers map[netip.Prefix]int      // of these, by their peers
	cut       int                       // taken out of open, but not yet let go of by the server
	turn      int                       // grows with each wait that begins
}

// Accept makes room only for a connection that is there.
func (l *limitListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &limitedConn{Conn: conn, list: l, peer: peerOf(conn.RemoteAddr())}
	for !l.admit(c) {
		select {
		case <-l.freed:
		case <-l.closed:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
	}
	return c, nil
}

// admit reports whether there was room, or could be made.
func (l *limitListener) admit(c *limitedConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) == l.most {
		loser := l.loser()
		if loser == nil || l.cut == l.most { // that many cut ones the server has not noticed yet
			return false
		}
		l.leave(loser)
		loser.was = cut
		l.cut++
		hangUp(loser.Conn)
	}
	l.open[c] = struct{}{}
	l.stand(c, stranger)
	return true
}

// loser is who makes room for another; nil: all are at work.
func (l *limitListener) loser() *limitedConn {
	most := 0
	for _, n := range l.strangers {
		most = max(most, n)
	}
	var first *limitedConn
	for c := range l.open {
		if c.was == atWork || most > 0 && (c.was != stranger || l.strangers[c.peer] < most) {
			continue
		}
		if first == nil || c.since < first.since {
			first = c
		}
	}
	return first
}

// stand puts an open connection into another standing, from now on.
func (l *limitListener) stand(c *limitedConn, s standing) {
	l.count(c, -1)
	l.turn++
	c.was, c.since = s, l.turn
	l.count(c, +1)
}

// count keeps the numbers of the strangers.
func (l *limitListener) count(c *limitedConn, by int) {
	if c.was != stranger {
		return
	}
	if l.strangers[c.peer] += by; l.strangers[c.peer] == 0 {
		delete(l.strangers, c.peer)
	}
}

func (l *limitListener) leave(c *limitedConn) {
	l.count(c, -1)
	delete(l.open, c)
}

// tell wakes Accept, if it waits.
func (l *limitListener) tell() {
	select {
	case l.freed <- struct{}{}:
	default:
	}
}

func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// peerOf is who counts as one: an address, or in IPv6 the network of one site.
func peerOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr, bits := tcp.AddrPort().Addr().Unmap(), 32
	if addr.Is6() {
		bits = 64
	}
	peer, _ := addr.Prefix(bits) // so many bits there are
	return peer
}

// hangUp resets the connection, so that the kernel keeps nothing of it either.
func hangUp(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0) // then it takes a little longer to be forgotten
	}
	_ = c.Close()
}
