package server

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"usher/affinity"
	"usher/balancer"
	"usher/conf"
	"usher/config"
	"usher/listen"
	"usher/proxy"
	"usher/proxy/own"
	"usher/proxy/std"
	"usher/secret"
)

// secretFile is the file in data_dir that keeps the generated affinity secret.
const secretFile = "affinity.secret"

// secretBytes is the length of a generated secret before it is written in hexadecimal.
const secretBytes = 32

// secrets gives pools without a secret of their own the generated one. It remembers it, so that one that could not be kept lasts at least
// as long as the process.
type secrets struct {
	value conf.Secret
	note  error // why it will not survive a restart; nil if it will
	fresh bool  // made by this process
}

func (s *secrets) get(dir string) (conf.Secret, error) {
	if s.value != "" {
		return s.value, nil
	}
	value, origin, err := secret.Generated(dir, secretFile, secretBytes)
	if err != nil && !errors.Is(err, secret.ErrNotKept) {
		return "", fmt.Errorf("affinity secret in data_dir: %w", err)
	}
	s.value, s.note, s.fresh = conf.Secret(value), err, origin == secret.Made
	return s.value, nil
}

// build makes the snapshot of a configuration. It takes over the backends of prev, which may be nil and is left as it is.
func build(cfg *config.Config, prev *proxy.Snapshot, s *secrets) (*proxy.Snapshot, error) {
	var pools []*proxy.Pool
	for name, pc := range cfg.Pools {
		p, err := buildPool(name, pc, prev, cfg.DataDir, s)
		if err != nil {
			return nil, fmt.Errorf("pool %s: %w", name, err)
		}
		pools = append(pools, p)
	}
	var listeners []proxy.ListenerOptions
	for name, lc := range cfg.Listeners {
		listeners = append(listeners, listenerOptions(name, lc))
	}
	return proxy.NewSnapshot(listeners, cfg.Routes, pools)
}

func buildPool(name string, c *config.Pool, prev *proxy.Snapshot, dataDir string, s *secrets) (*proxy.Pool, error) {
	b, err := balancer.NewPool(name, c.Config, previous(prev, name))
	if err != nil {
		return nil, err
	}
	p := &proxy.Pool{
		Name: name, Balancer: b, Connect: c.Connect, ResponseHeader: c.Timeouts.ResponseHeader.D(),
		FailWhenGone: c.Affinity.OnBackendGone == "fail", HideCookie: c.Affinity.HideCookie, KeepCaching: c.Affinity.Cacheable == "keep",
	}
	if c.Policy == balancer.Hash {
		p.HashOn = c.HashOn
	}
	if c.Affinity.Mode == affinity.Cookie {
		p.Affinity, err = buildAffinity(p, c.Affinity, dataDir, s)
	}
	return p, err
}

func buildAffinity(p *proxy.Pool, c affinity.Config, dataDir string, s *secrets) (*affinity.Binder, error) {
	ring := c.Cookie.Secret
	if len(ring) == 0 {
		generated, err := s.get(dataDir)
		if err != nil {
			return nil, err
		}
		ring = []conf.Secret{generated}
	}
	var ids []string
	for _, b := range p.Balancer.Backends() {
		ids = append(ids, b.ID)
	}
	return affinity.New(c, p.Name, ids, ring)
}

func previous(prev *proxy.Snapshot, pool string) *balancer.Pool {
	if prev == nil || prev.Pools()[pool] == nil {
		return nil
	}
	return prev.Pools()[pool].Balancer
}

func listenerOptions(name string, c *listen.Config) proxy.ListenerOptions {
	var trusted []netip.Prefix
	for _, p := range c.TrustedProxies {
		trusted = append(trusted, p.Prefix)
	}
	return proxy.ListenerOptions{
		Key: entry(name, c.Address), Name: name, Trusted: trusted, RequestID: c.RequestID, KeepUnderscores: c.Underscore == "keep",
		HeaderCount: c.Limits.HeaderCount, HeaderBytes: int(c.Limits.HeaderBytes), Body: int64(c.Limits.BodyBytes), MinRate: int64(c.Limits.MinRate),
	}
}

// entry is the key of a listener: its address, so that a change of name is none of the listener. Addresses whose port the system chooses
// are told apart by the name.
func entry(name, address string) string {
	if strings.HasSuffix(address, ":0") {
		return name + " " + address
	}
	return address
}

// serving is how the clients of a listener are served.
func serving(key string, c *listen.Config) options {
	o := options{std: std.Options{
		Key: key, ReadHeader: c.Timeouts.ReadHeader.D(), Idle: c.Timeouts.Idle.D(),
		HeaderBytes: int(c.Limits.HeaderBytes), Streams: c.Limits.H2Streams,
	}}
	for _, p := range c.Protocols {
		switch p {
		case "h1":
			o.std.HTTP1 = true
		case "h2":
			o.std.HTTP2 = true
		case "h2c":
			o.std.H2C = true
		}
	}
	if c.Engine == listen.Own && o.std.HTTP1 {
		o.own = &own.Options{
			Key: key, ReadHeader: o.std.ReadHeader, Idle: o.std.Idle,
			HeaderBytes: o.std.HeaderBytes, HeaderCount: c.Limits.HeaderCount, Sniff: o.std.H2C,
		}
	}
	return o
}
