// Package std is the net/http plane: net/http's server in front and its Transport behind. It speaks HTTP/1.1 and HTTP/2, with and without
// TLS, on every platform. It is the only package that knows net/http's request types, beside those whose trade is a handler: admin, metrics,
// demo.
package std

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"usher/proxy"
)

// Options is how clients of one listener are served. Times of 0 mean no bound.
type Options struct {
	// Key is the listener's, as in proxy.ListenerOptions.
	Key string
	// HTTP1, HTTP2 (over TLS) and H2C are the protocols spoken.
	HTTP1, HTTP2, H2C bool
	// ReadHeader bounds the time from a request's first byte to the end of its head, Idle the time between two requests.
	ReadHeader, Idle time.Duration
	// HeaderBytes bounds a request's head.
	HeaderBytes int
	// Streams bounds the concurrent streams of an HTTP/2 connection.
	Streams int
}

// Plane serves exchanges over net/http. Use New.
type Plane struct {
	handler    *proxy.Handler
	log        *slog.Logger
	transports transports
	flights    sync.Pool
	streams    streams
}

// New returns a plane that serves with h. It starts nothing. log gets what net/http has to say of connections, at debug level.
func New(h *proxy.Handler, log *slog.Logger) *Plane {
	p := &Plane{handler: h, log: log}
	p.flights.New = func() any { return new(flight) }
	return p
}

// Serve serves the connections that l hands out. When l is closed it ends gracefully: responses say Connection: close, idle connections
// end after a last answer or after 5 s, and what is in flight, tunnels too, is served to its end. When ctx ends, all that is left is cut.
// Serve returns when no connection is left: nil, ctx's error if it had to cut, or why l failed.
func (p *Plane) Serve(ctx context.Context, l net.Listener, o Options) error {
	s := p.newService(o)
	cut := context.AfterFunc(ctx, s.cut)
	defer cut()
	err := s.server.Serve(l)
	s.stopping.Store(true)
	if err := s.drain(ctx); err != nil {
		return err
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return ctx.Err()
}

// Close ends the idle connections to backends. Called when every Serve has returned.
func (p *Plane) Close() { p.transports.close() }

// ServeHTTP takes one exchange through the walk.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := s.plane.flights.Get().(*flight)
	f.begin(s, w, r)
	if why := f.malformed(); why != nil {
		s.plane.handler.Refuse(&f.Exchange, f, why)
	} else {
		s.plane.handler.Serve(&f.Exchange, f)
	}
	var p *proxy.Panicked
	if errors.As(f.Err, &p) {
		s.plane.log.Error("exchange ended in a panic", "error", p, "stack", string(p.Stack))
		f.cut = true
	}
	cut := f.end()
	s.plane.flights.Put(f)
	if cut {
		panic(http.ErrAbortHandler) // the client must see that its response is incomplete
	}
}
