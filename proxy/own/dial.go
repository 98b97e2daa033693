package own

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"usher/proxy"
)

// swap is a transport that can be exchanged beneath a tls.Conn while nobody uses it.
type swap struct {
	net.Conn
	poll bool // reads do not wait
	eye  eye
}

func (s *swap) Read(p []byte) (int, error) {
	if s.poll && s.eye.look() == quiet {
		return 0, errEmpty
	}
	return s.Conn.Read(p)
}

// dialer connects to backends, and blocks while it does.
type dialer struct {
	mu      sync.Mutex
	configs map[proxy.BackendTLS]*tls.Config
}

// config returns what TLS is spoken with; it is read once.
func (d *dialer) config(c proxy.BackendTLS) (*tls.Config, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.configs[c]; known != nil {
		return known, nil
	}
	made, err := c.ClientConfig()
	if err != nil {
		return nil, err
	}
	if d.configs == nil {
		d.configs = map[proxy.BackendTLS]*tls.Config{}
	}
	d.configs[c] = made
	return made, nil
}

// keep forgets the configs that are not used.
func (d *dialer) keep(used map[proxy.BackendTLS]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.configs {
		if !used[c] {
			delete(d.configs, c)
		}
	}
}

// dial connects to a backend, and agrees on TLS where its scheme is https. c is base, or a tls.Conn on it.
func (d *dialer) dial(to target, by instant) (c net.Conn, base *swap, err error) {
	ctx, cancel := context.WithDeadline(context.Background(), by.time())
	defer cancel()
	nd := net.Dialer{KeepAlive: 30 * time.Second}
	raw, err := nd.DialContext(ctx, "tcp", to.backend.Address)
	if err != nil {
		return nil, nil, err
	}
	base = &swap{Conn: raw}
	if to.backend.Scheme != "https" {
		return base, base, nil
	}
	cfg, err := d.config(to.connect.TLS)
	if err != nil {
		raw.Close()
		return nil, nil, err
	}
	t := tls.Client(base, proxy.ForBackend(cfg, to.backend.Address))
	if err := t.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, nil, fmt.Errorf("TLS handshake with %s: %w", to.backend.Address, err)
	}
	return t, base, nil
}
