package std

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// service is the serving of one listener: its net/http server, and the tunnels that have left it.
type service struct {
	plane    *Plane
	key      string
	server   *http.Server
	stopping atomic.Bool
	conns    tally // of server
	open     tally // tunnels

	mu      sync.Mutex
	tunnels map[*tunnel]struct{}
	ended   bool // tunnels are closed as they come
}

func (p *Plane) newService(o Options) *service {
	s := &service{plane: p, key: o.Key, tunnels: map[*tunnel]struct{}{}}
	var protocols http.Protocols
	protocols.SetHTTP1(o.HTTP1)
	protocols.SetHTTP2(o.HTTP2)
	protocols.SetUnencryptedHTTP2(o.H2C)
	s.server = &http.Server{
		Handler:                      s,
		ReadHeaderTimeout:            o.ReadHeader,
		IdleTimeout:                  o.Idle,
		MaxHeaderBytes:               o.HeaderBytes,
		Protocols:                    &protocols,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: o.Streams, MaxReadFrameSize: frameSize},
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		ConnState:                    s.count,
	}
	return s
}

// frameSize is the longest frame of HTTP/2 that clients may send, the protocol's own default (RFC 9113 4.2). net/http's is 1 MiB, and each
// connection holds a buffer as large as its longest frame.
const frameSize = 16 << 10

func (s *service) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.add(-1)
	}
}

// idleEnd is how long an idle connection is kept once its listener is closed, for the request that may be on its way.
const idleEnd = 5 * time.Second

// drain waits for connections to end by themselves, then has net/http end the idle ones, and waits for the rest.
func (s *service) drain(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, idleEnd)
	defer cancel()
	s.conns.wait(wait)
	if err := s.server.Shutdown(ctx); err != nil {
		return err
	}
	s.open.wait(ctx)
	return ctx.Err()
}

// cut closes every connection.
func (s *service) cut() {
	s.server.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for t := range s.tunnels {
		t.close()
	}
}

func (s *service) addTunnel(t *tunnel) {
	s.open.add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tunnels[t] = struct{}{}
	if s.ended {
		t.close()
	}
}

func (s *service) removeTunnel(t *tunnel) {
	s.mu.Lock()
	delete(s.tunnels, t)
	s.mu.Unlock()
	s.open.add(-1)
}
