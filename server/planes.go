package server

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"sync"

	"usher/proxy"
	"usher/proxy/own"
	"usher/proxy/std"
)

// planes are the two that carry exchanges: own what it speaks, HTTP/1.1, where the listener's engine is that, and std all else.
type planes struct {
	own *own.Plane
	std *std.Plane
}

func newPlanes(h *proxy.Handler, log *slog.Logger, loops int) planes {
	return planes{own.New(h, log, loops), std.New(h, log)}
}

// options is how the clients of one listener are served: without own by std alone.
type options struct {
	own *own.Options
	std std.Options
}

// serve serves the connections that l hands out, as Serve of a plane does: both halves come to a graceful end at the same time.
func (p planes) serve(ctx context.Context, l net.Listener, o options) error {
	if o.own == nil {
		return p.std.Serve(ctx, l, o.std)
	}
	h := newHandover(l.Addr())
	mine := *o.own
	mine.Other, mine.NoMore = h.give, h.end
	var rest sync.WaitGroup
	var second error
	rest.Go(func() { second = p.std.Serve(ctx, h, o.std) })
	first := p.own.Serve(ctx, l, mine)
	rest.Wait()
	return cmp.Or(first, second)
}

// prepare makes what is needed to reach the backends of the pools. An error means that a file could not be read, and changes nothing.
func (p planes) prepare(pools map[string]*proxy.Pool) error {
	if err := p.own.Prepare(pools); err != nil {
		return err
	}
	return p.std.Prepare(pools)
}

// prune closes the idle connections that no pool of the snapshot in force can use.
func (p planes) prune(pools map[string]*proxy.Pool) {
	p.own.Prune(pools)
	p.std.Prune(pools)
}

// streams returns how many streams are open, by kind.
func (p planes) streams() map[string]int64 {
	all := p.std.Streams()
	for kind, n := range p.own.Streams() {
		all[kind] += n
	}
	return all
}

// close ends the idle connections to backends.
func (p planes) close() {
	p.own.Close()
	p.std.Close()
}

// handover is the listener of one plane for the connections that the other gives it.
type handover struct {
	address net.Addr
	conns   chan net.Conn
	ended   chan struct{}
	end     func() // ends Accept; may be called again
}

var _ net.Listener = (*handover)(nil)

func newHandover(a net.Addr) *handover {
	h := &handover{address: a, conns: make(chan net.Conn), ended: make(chan struct{})}
	h.end = sync.OnceFunc(func() { close(h.ended) })
	return h
}

// give waits until c is accepted, or closes it when that is over.
func (h *handover) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.ended:
		c.Close()
	}
}

// Accept waits for the next connection. The only error is net.ErrClosed.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.ended:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (h *handover) Close() error {
	h.end()
	return nil
}

// Addr is the address that the connections came in at.
func (h *handover) Addr() net.Addr { return h.address }
