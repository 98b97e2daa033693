package std

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"usher/proxy"
)

// transportKey is what makes connections to backends different from others. Pools that agree on it share a Transport.
type transportKey struct {
	connect        proxy.ConnectConfig
	responseHeader time.Duration
}

// transports holds a Transport for each key in use. They outlive snapshots, so that a reload keeps the connections.
type transports struct {
	mu sync.RWMutex
	m  map[transportKey]*http.Transport
}

// Prepare makes what is needed to reach the backends of the pools. An error means that a file could not be read, and changes nothing.
func (p *Plane) Prepare(pools map[string]*proxy.Pool) error {
	for name, pool := range pools {
		if _, err := p.transports.get(keyOf(pool.Connect, pool.ResponseHeader)); err != nil {
			return fmt.Errorf("pool %s: %w", name, err)
		}
	}
	return nil
}

// Prune closes the connections that no pool of the snapshot in force can use.
func (p *Plane) Prune(pools map[string]*proxy.Pool) {
	used := map[transportKey]bool{}
	for _, pool := range pools {
		used[keyOf(pool.Connect, pool.ResponseHeader)] = true
	}
	p.transports.mu.Lock()
	defer p.transports.mu.Unlock()
	for key, t := range p.transports.m {
		if !used[key] {
			t.CloseIdleConnections()
			delete(p.transports.m, key)
		}
	}
}

func keyOf(c proxy.ConnectConfig, responseHeader time.Duration) transportKey {
	return transportKey{c, responseHeader}
}

func (ts *transports) get(key transportKey) (*http.Transport, error) {
	ts.mu.RLock()
	t := ts.m[key]
	ts.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t = ts.m[key]; t != nil {
		return t, nil
	}
	t, err := newTransport(key)
	if err != nil {
		return nil, err
	}
	if ts.m == nil {
		ts.m = map[transportKey]*http.Transport{}
	}
	ts.m[key] = t
	return t, nil
}

func (ts *transports) close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.m {
		t.CloseIdleConnections()
	}
}

// continueTimeout is how long a body is held back for a backend that does not answer an Expect: 100-continue (RFC 9110 10.1.1).
const continueTimeout = time.Second

func newTransport(key transportKey) (*http.Transport, error) {
	tlsConfig, err := key.connect.TLS.ClientConfig()
	if err != nil {
		return nil, err
	}
	d := dialer{timeout: key.connect.Timeout.D(), tls: tlsConfig, multiplexed: key.connect.Protocol == "h2c"}
	var protocols http.Protocols
	protocols.SetHTTP1(key.connect.Protocol == "h1")
	protocols.SetUnencryptedHTTP2(key.connect.Protocol == "h2c")
	return &http.Transport{
		DialContext:            d.dialPlain,
		DialTLSContext:         d.dialTLS,
		DisableCompression:     true,
		DisableKeepAlives:      key.connect.KeepAlive == 0,
		IdleConnTimeout:        key.connect.KeepAlive.D(),
		MaxIdleConnsPerHost:    max(1, key.connect.IdlePerBackend),
		ResponseHeaderTimeout:  key.responseHeader,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: 256 << 10,
		Protocols:              &protocols,
	}, nil
}

// dialer connects to backends. Its errors say that nothing was sent.
type dialer struct {
	timeout     time.Duration
	tls         *tls.Config
	multiplexed bool // HTTP/2: streams have no bytes behind their answer
}

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nd := net.Dialer{Timeout: d.timeout, KeepAlive: 30 * time.Second}
	conn, err := nd.DialContext(ctx, network, address)
	if err != nil {
		return nil, proxy.Because(proxy.ErrUnsent, err)
	}
	return conn, nil
}

// dialPlain is dial, for requests rather than a TLS handshake.
func (d dialer) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.dial(ctx, network, address)
	if err != nil || d.multiplexed {
		return conn, err
	}
	return &backendConn{Conn: conn}, nil
}

func (d dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	raw, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, proxy.ForBackend(d.tls, address))
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, proxy.Because(proxy.ErrUnsent, fmt.Errorf("TLS handshake with %s: %w", address, err))
	}
	return &backendConn{Conn: conn}, nil
}
