// Package balancer chooses which backend serves a request and counts the requests that each one has in flight. It knows nothing of HTTP.
package balancer

import (
	"errors"
	"fmt"

	"usher/conf"
)

// ErrNoBackend means that no backend of the pool may serve a request, or that all of them have been tried.
var ErrNoBackend = errors.New("no backend left to serve the request")

// Pool is a named set of backends behind a policy. Its membership never changes; what changes lives in the backends. It is safe for
// concurrent use.
type Pool struct {
	name     string
	backends []*Backend
	byID     map[string]*Backend
	weights  map[*Backend]int
	policies []Policy // asked in turn: the one configured, over the backends with a weight, and then least-conn over those without
}

// NewPool builds a pool. Backends of prev, which may be nil, with the same ID, scheme and address are taken over with all their live state.
// prev is not changed and goes on working. A configuration that does not validate, and one with policy sticky-cookie, is an error.
func NewPool(name string, cfg Config, prev *Pool) (*Pool, error) {
	p := &Pool{name: name, byID: map[string]*Backend{}, weights: map[*Backend]int{}}
	err := cfg.check()
	if err != nil {
		return nil, fmt.Errorf("pool %q: %w", name, err)
	}
	build, err := builder(cfg.Policy)
	if err != nil {
		return nil, fmt.Errorf("pool %q: %w", name, err)
	}
	for _, bc := range cfg.Backends {
		p.add(prev.same(newBackend(bc)), bc.Weight)
	}
	p.setPolicies(build)
	return p, nil
}

// check returns the first problem of the settings, those of the backends included.
func (c Config) check() error {
	ps := c.Validate()
	for i, b := range c.Backends {
		ps.Under(conf.Index("backends", i), b.Validate())
	}
	for _, p := range ps {
		if !p.Warning {
			return fmt.Errorf("%s: %s", p.Path, p.Text)
		}
	}
	return nil
}

// newBackend makes the backend that a valid configuration describes.
func newBackend(c BackendConfig) *Backend {
	b := &Backend{}
	b.Scheme, b.Address, _ = c.Endpoint() // c has been validated
	b.ID, _ = c.Identity()
	return b
}

// same returns p's own backend with the ID, scheme and address of b, else b. p may be nil.
func (p *Pool) same(b *Backend) *Backend {
	if p == nil {
		return b
	}
	if own := p.byID[b.ID]; own != nil && own.Scheme == b.Scheme && own.Address == b.Address {
		return own
	}
	return b
}

func (p *Pool) add(b *Backend, weight int) {
	p.backends = append(p.backends, b)
	p.byID[b.ID] = b
	p.weights[b] = weight
}

func (p *Pool) setPolicies(build func(members) Policy) {
	var weighted, reserve members
	for _, b := range p.backends {
		if w := p.weights[b]; w > 0 {
			weighted = append(weighted, member{b, int64(w)})
		} else {
			reserve = append(reserve, member{b, 1})
		}
	}
	if len(weighted) > 0 {
		p.policies = append(p.policies, build(weighted))
	}
	if len(reserve) > 0 {
		p.policies = append(p.policies, newLeastConn(reserve))
	}
}

// Activate makes p the pool whose policy learns of changes of its backends' counts. It is called once, when p's configuration becomes the
// current one. A pool that is not active, not yet or no longer, works on the counts that it read when it was built and when it picked.
func (p *Pool) Activate() {
	for _, b := range p.backends {
		b.seat.Store(nil)
	}
	for _, policy := range p.policies {
		switch policy := policy.(type) {
		case *leastConn:
			policy.watch()
		case *hash:
			policy.keyless.watch()
		}
	}
}

// Name is the name that the pool was built with.
func (p *Pool) Name() string { return p.name }

// Backends returns all backends in the order of the configuration. The slice is the pool's own and must not be changed.
func (p *Pool) Backends() []*Backend { return p.backends }

// Backend returns the backend with that ID, or nil.
func (p *Pool) Backend(id string) *Backend { return p.byID[id] }

// Weight returns b's share of new clients relative to the other backends: 0 for none, and for a backend that is not in the pool.
func (p *Pool) Weight(b *Backend) int { return p.weights[b] }

// Want says which backend a request should get. The zero value leaves it to the policy.
type Want struct {
	Backend *Backend // the one that the client is bound to; nil when it is bound to none
	Key     Key      // for the hash policy
	Tried   *Set     // backends that the request has been tried on, which it will not get again; nil for none
}

// Acquire claims a backend for one attempt. The caller must call Release on the lease exactly once.
//
// A backend named by w.Backend is chosen whenever it may serve: it is in the pool and has not been tried. When it may not, the policy chooses
// another, so a lost backend costs a client its affinity and not its request. A backend of weight 0 is chosen for clients that are bound to
// it, and for others when every backend with a weight has been tried. The only error is ErrNoBackend, and with it there is no lease to release.
func (p *Pool) Acquire(w Want) (Lease, error) {
	b := p.choose(w)
	if b == nil {
		return Lease{}, ErrNoBackend
	}
	b.claim()
	return Lease{Backend: b}, nil
}

func (p *Pool) choose(w Want) *Backend {
	if w.Backend != nil && p.byID[w.Backend.ID] == w.Backend && !w.Tried.Has(w.Backend) {
		return w.Backend
	}
	for _, policy := range p.policies {
		if b := policy.Pick(w.Key, w.Tried); b != nil {
			return b
		}
	}
	return nil
}
