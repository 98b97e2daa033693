package own

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// service is the serving of one listener.
type service struct {
	Options
	plane    *Plane
	stopping atomic.Bool
	stopped  atomic.Int64 // the instant of the stop
	cutting  atomic.Bool  // clients are cut as they come
	sniffing sync.WaitGroup

	mu      sync.Mutex
	n       int           // clients
	zero    chan struct{} // closed when there are none and the service stops
	clients map[*client]struct{}
}

// idleEnd is how long an idle connection is kept once its listener is closed, for the request that may be on its way.
const idleEnd = 5 * time.Second

// Serve serves the connections that l hands out. When l is closed it ends gracefully: responses say Connection: close, idle connections end
// after a last answer or after 5 s, and what is in flight, tunnels too, is served to its end. When ctx ends, all that is left is cut. Serve
// returns when no connection is left: nil, or ctx's error if it had to cut.
func (p *Plane) Serve(ctx context.Context, l net.Listener, o Options) error {
	s := &service{Options: o, plane: p, zero: make(chan struct{}), clients: map[*client]struct{}{}}
	cut := context.AfterFunc(ctx, s.cut)
	defer cut()
	err := s.accept(ctx, l)
	if o.NoMore != nil {
		o.NoMore()
	}
	s.stop()
	<-s.zero
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return ctx.Err()
}

func (s *service) accept(ctx context.Context, l net.Listener) error {
	sniff, end := context.WithCancel(ctx)
	defer end()
	defer s.sniffing.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			time.AfterFunc(idleEnd, end)
			return err
		}
		switch {
		case s.foreign(c):
			s.Other(c)
		case s.Sniff:
			s.sniffing.Go(func() { s.sniff(sniff, c) })
		default:
			s.welcome(c, nil)
		}
	}
}

// foreign reports whether another plane has to serve c: HTTP/2, a client that does not speak TLS where it should, and every connection of a
// listener that leads to backends which speak HTTP/2.
func (s *service) foreign(c net.Conn) bool {
	t, ok := c.(*tls.Conn)
	if ok && (!t.ConnectionState().HandshakeComplete || t.ConnectionState().NegotiatedProtocol == "h2") {
		return true
	}
	return s.plane.handler.Multiplexes(s.Key)
}

// preface is what a connection of HTTP/2 begins with (RFC 9113 3.4).
var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// sniff reads as much as it takes to tell HTTP/2 from HTTP/1.1.
func (s *service) sniff(ctx context.Context, c net.Conn) {
	woken := make(chan struct{})
	wake := context.AfterFunc(ctx, func() {
		defer close(woken)
		c.SetReadDeadline(time.Unix(1, 0))
	})
	stop := func() { // nothing may touch c any more when it changes hands
		if !wake() {
			<-woken
		}
	}
	if s.ReadHeader > 0 {
		c.SetReadDeadline(time.Now().Add(s.ReadHeader))
	}
	var early []byte
	for len(early) < len(preface) && bytes.HasPrefix(preface, early) {
		var b [24]byte
		n, err := c.Read(b[:len(preface)-len(early)])
		early = append(early, b[:n]...)
		if err != nil && (n == 0 || err != io.EOF) {
			c.Close()
			stop()
			return
		}
	}
	stop()
	c.SetReadDeadline(time.Time{})
	if bytes.Equal(early, preface) {
		s.Other(&opened{c, early})
		return
	}
	s.welcome(c, early)
}

// opened is a connection of which some bytes have been read already.
type opened struct {
	net.Conn
	early []byte
}

func (b *opened) Read(p []byte) (int, error) {
	if len(b.early) > 0 {
		n := copy(p, b.early)
		b.early = b.early[n:]
		return n, nil
	}
	return b.Conn.Read(p)
}

// welcome gives a new connection to a carrier.
func (s *service) welcome(nc net.Conn, early []byte) {
	c := &client{service: s, since: clock(), early: early, peer: peerOf(nc)}
	_, c.tls = nc.(*tls.Conn)
	start := s.plane.fleet.place(c, nc)
	s.enter(c)
	if !start() {
		nc.Close()
		s.leave(c)
		return
	}
	if s.cutting.Load() { // cut may have seen c before it was carried, or not at all
		s.plane.fleet.kill(c)
	}
}

// peerOf is the address of the client.
func peerOf(c net.Conn) netip.AddrPort {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if known, ok := c.(interface{ RemoteAddrPort() netip.AddrPort }); ok {
		return known.RemoteAddrPort()
	}
	a, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// enter counts c in.
func (s *service) enter(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	s.clients[c] = struct{}{}
}

// leave is called once for each client that entered, when its connection is closed.
func (s *service) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	if s.n--; s.n == 0 && s.stopping.Load() {
		close(s.zero)
	}
}

// stoppedAt is when the listener was closed.
func (s *service) stoppedAt() instant { return instant(s.stopped.Load()) }

// stop begins the graceful end.
func (s *service) stop() {
	s.mu.Lock()
	s.stopped.Store(int64(clock()))
	s.stopping.Store(true)
	if s.n == 0 {
		close(s.zero)
	}
	s.mu.Unlock()
	s.each(func(c *client) { s.plane.fleet.hurry(c) })
}

// cut ends every connection.
func (s *service) cut() {
	s.cutting.Store(true)
	s.each(func(c *client) { s.plane.fleet.kill(c) })
}

func (s *service) each(f func(*client)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		f(c)
	}
}
