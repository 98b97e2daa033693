// Package std is the net/http plane: net/http's server in front and its Transport behind. It speaks HTTP/1.1 and HTTP/2, with and without
// TLS, on every platform. It is the only package beside the admin API that knows net/http's request types.
package std

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy"
)

// Options is how clients of one listener are served. Times of 0 mean no bound.
type Options struct {
	// Name is the listener's.
	Name string
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
	stopping   atomic.Bool

	mu      sync.Mutex
	servers map[*http.Server]struct{}
	tunnels map[*tunnel]struct{}

	conns, open tally // connections of the servers; tunnels
}

// New returns a plane that serves with h. It starts nothing. log gets what net/http has to say of connections, at debug level.
func New(h *proxy.Handler, log *slog.Logger) *Plane {
	p := &Plane{handler: h, log: log, servers: map[*http.Server]struct{}{}, tunnels: map[*tunnel]struct{}{}}
	p.flights.New = func() any { return new(flight) }
	return p
}

// Serve serves the connections that l accepts until l is closed or the plane stopped. It returns nil after either.
func (p *Plane) Serve(l net.Listener, o Options) error {
	s := p.server(o)
	p.mu.Lock()
	p.servers[s] = struct{}{}
	p.mu.Unlock()
	err := s.Serve(l)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Plane) server(o Options) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(o.HTTP1)
	protocols.SetHTTP2(o.HTTP2)
	protocols.SetUnencryptedHTTP2(o.H2C)
	return &http.Server{
		Handler:                      handler{p, o.Name},
		ReadHeaderTimeout:            o.ReadHeader,
		IdleTimeout:                  o.Idle,
		MaxHeaderBytes:               o.HeaderBytes,
		Protocols:                    &protocols,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: o.Streams},
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		ConnState:                    p.count,
	}
}

func (p *Plane) count(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		p.conns.add(1)
	case http.StateClosed, http.StateHijacked:
		p.conns.add(-1)
	}
}

// handler is the plane for one listener.
type handler struct {
	plane    *Plane
	listener string
}

// ServeHTTP takes one exchange through the walk.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := h.plane.flights.Get().(*flight)
	f.begin(h.plane, h.listener, w, r)
	h.plane.handler.Serve(&f.Exchange, f)
	cut := f.end()
	h.plane.flights.Put(f)
	if cut {
		panic(http.ErrAbortHandler) // the client must see that its response is incomplete
	}
}

// idleEnd is how long an idle connection is kept after Stop, for the request that may be on its way.
const idleEnd = 5 * time.Second

// Stop ends the plane gracefully, once its listeners are closed: responses say Connection: close, idle connections end after a last
// answer or after 5 s, and what is in flight is answered until ctx ends. Then everything left is cut, which Stop reports as ctx's error.
func (p *Plane) Stop(ctx context.Context) error {
	p.stopping.Store(true)
	defer p.transports.close()
	done := make(chan error, 1)
	go func() { done <- p.drain(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		p.cut()
		<-done
		return ctx.Err()
	}
}

// drain waits for connections to end by themselves, then has net/http end the idle ones, and waits for the rest.
func (p *Plane) drain(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, idleEnd)
	defer cancel()
	p.conns.wait(wait)
	var first error
	for _, s := range p.all() {
		if err := s.Shutdown(ctx); err != nil && first == nil {
			first = err
		}
	}
	p.open.wait(ctx)
	return first
}

func (p *Plane) all() (servers []*http.Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.servers {
		servers = append(servers, s)
	}
	return servers
}

// cut closes every connection.
func (p *Plane) cut() {
	for _, s := range p.all() {
		s.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for t := range p.tunnels {
		t.close()
	}
}
