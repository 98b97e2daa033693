// Package own is Usher's own HTTP/1.1 plane: an engine over proxy/h1 that is written once, from top to bottom, and run by event loops where
// the system has them and by goroutines elsewhere. Begin to read at worker.serve.
package own

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"usher/balancer"
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
	// NoMore, if set, is called once the listener is closed and Other will not be called again.
	NoMore func()
}

// Plane serves exchanges. Use New.
type Plane struct {
	handler *proxy.Handler
	log     *slog.Logger
	dialer  dialer
	streams streams
	date    date
	fleet   fleet
}

// New returns a plane that serves with h on so many event loops; 0: one a core. It starts nothing. log is told of panics.
func New(h *proxy.Handler, log *slog.Logger, loops int) *Plane {
	p := &Plane{handler: h, log: log}
	p.fleet.init(p, loops)
	return p
}

// Run runs the event loops until ctx ends, which must not be before every Serve has returned. It is called once, before Serve.
func (p *Plane) Run(ctx context.Context) { p.fleet.run(ctx) }

// Prepare makes what is needed to reach the backends of the pools. An error means that a file could not be read, and changes nothing.
func (p *Plane) Prepare(pools map[string]*proxy.Pool) error {
	for name, pool := range pools {
		if _, err := p.dialer.config(pool.Connect.TLS); err != nil {
			return fmt.Errorf("pool %s: %w", name, err)
		}
	}
	return nil
}

// Prune closes the idle connections that no pool of the snapshot in force can use.
func (p *Plane) Prune(pools map[string]*proxy.Pool) {
	type use struct {
		backend *balancer.Backend
		connect proxy.ConnectConfig
	}
	used, known := map[use]bool{}, map[proxy.BackendTLS]bool{}
	for _, pool := range pools {
		known[pool.Connect.TLS] = true
		for _, b := range pool.Balancer.Backends() {
			used[use{b, pool.Connect}] = true
		}
	}
	p.dialer.keep(known)
	p.fleet.sweep(func(to target) bool { return used[use{to.backend, *to.connect}] })
}

// Close ends the idle connections to backends. Called when every Serve has returned.
func (p *Plane) Close() { p.fleet.sweep(func(target) bool { return false }) }
