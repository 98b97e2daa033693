package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// quiet is how long no connection may come out of the backlog before it counts as empty. A client whose handshake had begun has this
	// long to complete it.
	quiet = 100 * time.Millisecond
	// drainBound ends a drain that never finds the backlog empty, which can only be where the kernel cannot be told to refuse.
	drainBound = time.Second
)

// Run accepts connections and completes their handshakes until the listener ends, and returns when all of it has come to rest: after
// Stop, when everything was handed out; after Close or the end of ctx, at once. The socket is closed then.
func (l *Listener) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var watch, handshakes sync.WaitGroup
	watch.Go(func() {
		select {
		case <-ctx.Done():
		case <-l.closed:
		}
		cancel()
		l.Close()
	})
	l.accept(ctx, &handshakes)
	l.drain(ctx, &handshakes)
	l.socket.Close()
	handshakes.Wait()
	close(l.ready)
	cancel()
	watch.Wait()
}

// accept takes connections until Stop or Close. No error ends it.
func (l *Listener) accept(ctx context.Context, handshakes *sync.WaitGroup) {
	var b backoff
	for l.awaitRoom() {
		c, err := l.socket.AcceptTCP()
		switch {
		case err == nil:
			b = backoff{reported: b.reported}
			l.take(ctx, c, handshakes)
		case isClosed(l.stopping):
			return
		default:
			l.rest(&b, err, l.stopping)
		}
	}
}

// awaitRoom waits until another connection is within limits.connections. It returns false when the listener stops.
func (l *Listener) awaitRoom() bool {
	for l.gate.full(l.settings.Load().limits.Connections) {
		select {
		case <-l.gate.changed:
		case <-l.stopping:
			return false
		}
	}
	return !isClosed(l.stopping)
}

// drain takes what the kernel has accepted already: to those clients the connection stands, and the request may be on its way.
func (l *Listener) drain(ctx context.Context, handshakes *sync.WaitGroup) {
	finite := refuse(l.socket)
	var b backoff
	for end := time.Now().Add(drainBound); l.extend(quiet); {
		c, err := l.socket.AcceptTCP()
		late := time.Now().After(end)
		switch {
		case err == nil:
			l.take(ctx, c, handshakes)
			if late && !finite {
				return
			}
		case late || errors.Is(err, os.ErrDeadlineExceeded):
			return
		default:
			l.rest(&b, err, nil)
		}
	}
}

// extend gives the next accept d. It returns false when the listener is closed.
func (l *Listener) extend(d time.Duration) bool {
	l.mu.Lock() // Stop sets its deadline before this one
	defer l.mu.Unlock()
	return !isClosed(l.closed) && l.socket.SetDeadline(time.Now().Add(d)) == nil
}

// take brings one connection on its way to Accept.
func (l *Listener) take(ctx context.Context, raw *net.TCPConn, handshakes *sync.WaitGroup) {
	l.accepted.Add(1)
	s := l.settings.Load()
	c, ok := l.gate.admit(raw, s.limits.ConnectionsPerIP)
	switch {
	case !ok:
		raw.Close()
	case s.tls == nil:
		l.offer(c)
	default:
		handshakes.Go(func() { l.shake(ctx, tls.Server(c, s.tls), s.handshake) })
	}
}

// shake completes the handshake of c within d, if d is set, and hands c out.
func (l *Listener) shake(ctx context.Context, c *tls.Conn, d time.Duration) {
	if d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	if err := c.HandshakeContext(ctx); err != nil {
		l.failedHandshakes.Add(1)
		var plain tls.RecordHeaderError
		if !errors.As(err, &plain) || plain.Conn == nil {
			c.Close()
			return
		}
	}
	l.offer(c)
}

// offer waits until c is accepted, or closes it when the listener is closed.
func (l *Listener) offer(c net.Conn) {
	select {
	case l.ready <- c:
	case <-l.closed:
		c.Close()
	}
}

// rest waits after an error in accepting: closing a connection is what ends most of them, and that takes a while. Its wait ends early with
// cut, if that is not nil.
func (l *Listener) rest(b *backoff, err error, cut <-chan struct{}) {
	delay, report := b.next(time.Now())
	if report {
		l.report(fmt.Errorf("listener %q: %w%s", l.name, err, remedy(err)))
	}
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-cut:
	case <-l.closed:
	}
}

// backoff paces a row of errors.
type backoff struct {
	delay    time.Duration
	reported time.Time
}

// next returns how long to wait, from 5 ms in doubles to 1 s, and whether the error is to be reported.
func (b *backoff) next(now time.Time) (delay time.Duration, report bool) {
	b.delay = min(max(2*b.delay, 5*time.Millisecond), time.Second)
	report = now.Sub(b.reported) >= time.Second
	if report {
		b.reported = now
	}
	return b.delay, report
}
