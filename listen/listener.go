// Package listen stands between the kernel and a plane: it accepts connections within limits, completes TLS, and hands out what is
// ready to be read from.
package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Listener is a TCP address that a plane serves from. It implements net.Listener.
//
// It outlives the configuration that opened it: Update puts the next one in force without closing the socket. Run must be called once,
// and Accept hands out nothing before that. All methods are safe for concurrent use.
type Listener struct {
	name     string
	report   func(error)
	settings atomic.Pointer[settings]
	gate     *gate
	ready    chan net.Conn // closed by Run when nothing more will come
	stopping chan struct{} // closed by Stop
	closed   chan struct{} // closed by Close

	accepted, failedHandshakes atomic.Uint64

	mu     sync.Mutex // orders the deadlines of Stop and of drain
	socket socket
}

var _ net.Listener = (*Listener)(nil)

// socket is what is used of a *net.TCPListener.
type socket interface {
	AcceptTCP() (*net.TCPConn, error)
	SetDeadline(time.Time) error
	Addr() net.Addr
	Close() error
}

// settings are the rules for one connection, taken when it is accepted. They are never changed.
type settings struct {
	limits    Limits
	handshake time.Duration
	protocols []Protocol
	certs     *Certificates
	tls       *tls.Config // nil: plain HTTP
}

// Stats is a snapshot of a Listener's counters.
type Stats struct {
	Accepted          uint64 // connections taken from the kernel, rejected ones included
	RejectedPerIP     uint64 // closed at once because of limits.connections_per_ip
	HandshakeFailures uint64 // TLS handshakes that failed or took too long
	Open              int    // connections now open, those still in their handshake included
}

// Listen opens the TCP address of cfg, IPv4 and IPv6 where it names no address of either; port 0 takes a free port. The name shows up in
// errors. Without certs the listener speaks plain HTTP, whatever cfg.TLS says. From cfg it takes the address, protocols, the handshake
// timeout (0: no bound) and the limits of connections.
//
// report is told of errors in accepting that passed, at most once a second, from a goroutine of Run; it may be nil. Errors of single
// clients are counted and not reported.
func Listen(name string, cfg Config, certs *Certificates, report func(error)) (*Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // Go's default; a multipath socket costs more and takes no filter, which drain needs
	l, err := lc.Listen(context.Background(), "tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("listener %q: %w%s", name, err, remedy(err))
	}
	return newListener(name, l.(*net.TCPListener), cfg, certs, report), nil
}

func newListener(name string, s socket, cfg Config, certs *Certificates, report func(error)) *Listener {
	if report == nil {
		report = func(error) {}
	}
	l := &Listener{
		name: name, socket: s, report: report, gate: newGate(),
		ready: make(chan net.Conn), stopping: make(chan struct{}), closed: make(chan struct{}),
	}
	l.Update(cfg, certs)
	return l
}

// Update puts cfg and certs in force for connections accepted from now on; those that are open keep what they have. The address of cfg is
// not looked at. With the same certs and protocols as before, TLS sessions of earlier connections can still be resumed.
func (l *Listener) Update(cfg Config, certs *Certificates) {
	next := &settings{limits: cfg.Limits, handshake: cfg.Timeouts.Handshake.D(), protocols: slices.Clone(cfg.Protocols), certs: certs}
	last := l.settings.Load()
	switch {
	case certs == nil:
	case last != nil && last.certs == certs && slices.Equal(last.protocols, next.protocols):
		next.tls = last.tls // it holds the ticket keys
	default:
		next.tls = certs.TLSConfig(next.protocols)
	}
	l.settings.Store(next)
	l.gate.poke()
}

// Addr is the address that was opened, with the port that was taken for port 0.
func (l *Listener) Addr() net.Addr { return l.socket.Addr() }

// Accept waits for the next connection that is ready: a *Conn, or a *tls.Conn on one whose handshake is done. The caller owns it and must
// close it. A *tls.Conn whose client did not speak TLS is handed out too, so that the plane can
// tell it so: Handshake returns the tls.RecordHeaderError again.
//
// The only error is net.ErrClosed, after Close, or after Stop once everything has been handed out.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c, ok := <-l.ready:
		if ok {
			return c, nil
		}
	case <-l.closed:
	}
	return nil, net.ErrClosed
}

// Stop begins a graceful end and returns at once. Run takes the connections that the kernel has established, beyond limits.connections if
// need be, closes the socket, and returns when each of them is handed out; then Accept returns net.ErrClosed.
func (l *Listener) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
}

// stop makes the accept loop look at l.stopping. The caller holds l.mu.
func (l *Listener) stop() {
	if isClosed(l.stopping) {
		return
	}
	close(l.stopping)
	l.socket.SetDeadline(time.Unix(1, 0))
}

// Close ends the listener at once. Connections that were not handed out are closed, those that were stay with their owner.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if isClosed(l.closed) {
		return nil
	}
	l.stop()
	close(l.closed)
	if err := l.socket.Close(); !errors.Is(err, net.ErrClosed) { // drain may have closed it
		return err
	}
	return nil
}

// Stats returns the counters as they are now.
func (l *Listener) Stats() Stats {
	open, rejected := l.gate.counts()
	return Stats{
		Accepted: l.accepted.Load(), RejectedPerIP: rejected, HandshakeFailures: l.failedHandshakes.Load(), Open: open,
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// remedy says what an operator can do about err, or nothing.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EACCES):
		return ": a port below 1024 takes the capability CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRINUSE):
		return ": stop what listens there, or choose another address"
	case errors.Is(err, syscall.EMFILE):
		return ": raise the limit of open files (ulimit -n, LimitNOFILE)"
	}
	return ""
}
