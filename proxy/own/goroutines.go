package own

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// goroutines is the carrier of every platform: a task is a goroutine, and waiting is blocking.
type goroutines struct {
	dialer    *dialer
	upstreams upstreams
}

var _ carrier = (*goroutines)(nil)

func (g *goroutines) now() instant     { return clock() }
func (g *goroutines) wall() time.Time  { return time.Now() }
func (g *goroutines) idle() *upstreams { return &g.upstreams }
func (g *goroutines) shard() int       { return 0 }
func (g *goroutines) await(f func())   { f() }

func (g *goroutines) fork(f func()) (join func()) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		f()
	}()
	return func() { <-over }
}

func (g *goroutines) connect(to target) (conn, error) {
	c, base, err := g.dialer.dial(to, g.now().in(to.connect.Timeout.D()))
	if err != nil {
		return nil, err
	}
	return newBlocking(c, base), nil
}

// place has c served on a goroutine of its own, once start is called. It ends with c.
func (g *goroutines) place(c *client, nc net.Conn, p *Plane) (start func() bool) {
	b := newBlocking(nc, nil)
	c.conn, c.blocking = b, b
	return func() bool {
		go func() {
			w := newWorker(g, p)
			for w.carry(c) {
			}
			c.end()
		}()
		return true
	}
}

// hurry has a client that rests look again until when it may.
func (g *goroutines) hurry(c *client) {
	c.blocking.hurried.Store(true)
	c.blocking.Conn.SetReadDeadline(time.Unix(1, 0))
}

// kill ends a client's connection, whatever it is at.
func (g *goroutines) kill(c *client) { c.blocking.Conn.Close() }

// run sweeps the idle connections until ctx ends.
func (g *goroutines) run(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			g.upstreams.close()
			return
		case <-t.C:
			g.upstreams.sweep(g.now(), nil)
		}
	}
}

// blocking is a connection of Go's network library: TCP, or TLS on it.
type blocking struct {
	net.Conn
	base      *swap // beneath TLS; nil for what has no other transport than Conn
	readBy    instant
	inForce   instant // the deadline that the connection has
	cancelled atomic.Bool
	hurried   atomic.Bool // the deadline was changed for a connection that rests
	atRest    bool        // a request is waited for
	watched   *blocking
	eye       eye
	peeked    bool // peek holds a byte that Probe has read
	peek      [1]byte
}

var _ conn = (*blocking)(nil)

func newBlocking(c net.Conn, base *swap) *blocking {
	b := &blocking{Conn: c, base: base}
	transport := c
	if t, ok := c.(*tls.Conn); ok {
		transport = t.NetConn()
	}
	if base != nil {
		base.eye.open(base.Conn)
		transport = base.Conn
	}
	b.eye.open(transport)
	return b
}

func (b *blocking) ReadBy(at instant)  { b.readBy = at }
func (b *blocking) WriteBy(at instant) { b.Conn.SetWriteDeadline(at.time()) }

// glance is how often a read looks whether the client is still there.
const glance = time.Second

// Read reads what is there.
func (b *blocking) Read(p []byte) (int, error) {
	if b.peeked && len(p) > 0 {
		b.peeked = false
		p[0] = b.peek[0]
		return 1 + b.rest(p[1:]), nil
	}
	for {
		by := b.readBy
		if b.watched != nil {
			by = earlier(by, clock().in(glance))
		}
		b.bound(by)
		if b.cancelled.Load() { // after the deadline was set: Cancel does the reverse
			return 0, errCancelled
		}
		if b.atRest && b.hurried.Swap(false) { // likewise
			return 0, errLate
		}
		n, err := b.Conn.Read(p)
		switch {
		case n > 0 || !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case b.cancelled.Load():
			return 0, errCancelled
		case b.readBy != 0 && clock() >= b.readBy, b.hurried.Swap(false) && b.atRest:
			return 0, errLate
		case b.watched != nil && b.watched.over():
			return 0, errGone
		}
		b.inForce = -1 // another may have changed it
	}
}

// rest reads what is there behind the byte that Probe has read.
func (b *blocking) rest(p []byte) int {
	if len(p) == 0 || b.base == nil {
		return 0
	}
	b.base.poll = true
	n, _ := b.Conn.Read(p) // an error comes again
	b.base.poll = false
	return n
}

// Ready leaves the waiting to Read: nothing else can wait for a connection of this kind.
func (b *blocking) Ready() error { return nil }

func (b *blocking) bound(by instant) {
	if by != b.inForce {
		b.inForce = by
		b.Conn.SetReadDeadline(by.time())
	}
}

// Write writes all of p.
func (b *blocking) Write(p []byte) (int, error) {
	n, err := b.Conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errLate
	}
	return n, err
}

// Flush has nothing to do: Write keeps nothing back.
func (b *blocking) Flush() error { return nil }

// reset has the other side see a connection that broke off.
func (b *blocking) reset() {
	transport := b.Conn
	if t, ok := transport.(*tls.Conn); ok {
		transport = t.NetConn()
	}
	if c, ok := transport.(interface{ SetLinger(int) error }); ok {
		c.SetLinger(0)
	}
	transport.Close()
}

// CloseWrite sends the end.
func (b *blocking) CloseWrite() error {
	half, ok := b.Conn.(interface{ CloseWrite() error })
	if s, is := b.Conn.(*swap); is {
		half, ok = s.Conn.(interface{ CloseWrite() error })
	}
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// Cancel ends the wait of the reader.
func (b *blocking) Cancel(on bool) {
	b.cancelled.Store(on)
	if on {
		b.Conn.SetReadDeadline(time.Unix(1, 0))
		return
	}
	b.inForce = -1 // what is in force is not known
}

// Watch ties the waits for bytes to client's being there.
func (b *blocking) Watch(client conn) {
	b.watched, _ = client.(*blocking)
}

// Probe says what a Read would meet.
func (b *blocking) Probe() prospect {
	if b.peeked {
		return bytesThere
	}
	if _, ok := b.Conn.(*tls.Conn); !ok {
		return b.eye.look()
	}
	if b.base == nil {
		return quiet // a client's; nobody asks
	}
	b.bound(0)
	b.base.poll = true
	n, err := b.Conn.Read(b.peek[:])
	b.base.poll = false
	switch {
	case n > 0:
		b.peeked = true
		return bytesThere
	case errors.Is(err, errEmpty):
		return quiet
	}
	return ended
}

// over reports whether the other side has gone.
func (b *blocking) over() bool { return b.eye.look() == ended }
