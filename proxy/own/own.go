// Package own is Usher's own HTTP/1.1 plane.
package own

import (
	"context"
	"log/slog"
	"net"
	"time"

	"usher/proxy"
)

// Options is how clients of one listener are served. Times of 0 mean no bound.
type Options struct {
	// Key is the listener's, as in proxy.ListenerOptions.
	Key string
	// ReadHeader bounds the time from a request's first byte to the end of its head, Idle the time between two requests.
	ReadHeader, Idle time.Duration
	// HeaderBytes and HeaderCount bound a request's head.
	HeaderBytes, HeaderCount int
	// Sniff says that a connection may begin with the preface of HTTP/2, and then goes to Other.
	Sniff bool
	// Other takes over the connections whose protocol the engine does not speak. It owns them.
	Other func(net.Conn)
}

// Plane serves exchanges. Use New.
type Plane struct{ handler *proxy.Handler }

// New returns a plane that serves with h on so many event loops; 0: one a core. It starts nothing.
func New(h *proxy.Handler, log *slog.Logger, loops int) *Plane { return &Plane{handler: h} }

// Run runs the event loops until ctx ends. It is called once, before Serve.
func (p *Plane) Run(ctx context.Context) { <-ctx.Done() }

// Serve serves the connections that l hands out.
func (p *Plane) Serve(ctx context.Context, l net.Listener, o Options) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return nil
		}
		o.Other(c)
	}
}

// Prepare makes what is needed to reach the backends of the pools.
func (p *Plane) Prepare(pools map[string]*proxy.Pool) error { return nil }

// Prune closes the connections that no pool can use.
func (p *Plane) Prune(pools map[string]*proxy.Pool) {}

// Streams returns how many streams are open, by kind.
func (p *Plane) Streams() map[string]int64 { return map[string]int64{} }

// Close ends the idle connections to backends.
func (p *Plane) Close() {}
