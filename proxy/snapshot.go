package proxy

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"usher/affinity"
	"usher/balancer"
	"usher/proxy/field"
)

// Snapshot is all that is needed to serve under one configuration. It is immutable. Exchanges hold it while they need it; Retired tells
// when none does any more.
type Snapshot struct {
	listeners map[string]*Listener
	pools     map[string]*Pool
	holds     [shards]holds
	retired   atomic.Bool
	once      sync.Once
	free      chan struct{}
}

// holds counts the exchanges of some shards that hold a snapshot. Cores that serve at the same time count in different lines of memory.
type holds struct {
	n atomic.Int64
	_ [56]byte
}

const shards = 16 // a power of two

// ListenerOptions is what serving needs to know of a listener.
type ListenerOptions struct {
	// Key is by what planes call the listener. It outlives a change of Name.
	Key, Name string
	// Trusted are the networks whose word about a client's address, scheme and host counts.
	Trusted []netip.Prefix
	// RequestID is the field that carries the request's ID, or empty.
	RequestID string
	// KeepUnderscores lets header names with an underscore through.
	KeepUnderscores bool
	// HeaderCount and HeaderBytes bound a request's header fields; 0: no bound.
	HeaderCount, HeaderBytes int
	// Body and MinRate are as in Limits.
	Body, MinRate int64
}

// Listener is a listener's options with the routes that it can reach.
type Listener struct {
	ListenerOptions
	routes []*Route
	// byHost and byPath say that some route asks for that.
	byHost, byPath bool
	// strip holds the names that no client may send to a backend: Usher's own and those that a route of the listener sets.
	strip field.Names
	// owned holds, beside them, the names that are believed from trusted proxies alone.
	owned field.Names
	// special holds every name that prepare has to look at closely: those above, the hop-by-hop ones, Host and Cookie.
	special field.Names
	// hidden holds the cookies that no backend sees.
	hidden map[string]bool
	// hiddenLengths has a bit for each length of their names: most cookies need no look into the map.
	hiddenLengths uint64
}

// Pool is a pool as exchanges see it.
type Pool struct {
	Name     string
	Balancer *balancer.Pool
	// Affinity is nil for a pool that binds nobody.
	Affinity *affinity.Binder
	// FailWhenGone answers 503 to a client whose backend is known and cannot be reached.
	FailWhenGone bool
	// HideCookie keeps the affinity cookie from the backends.
	HideCookie bool
	// KeepCaching leaves Cache-Control alone when a cookie is set.
	KeepCaching bool
	Connect     ConnectConfig
	// ResponseHeader is as in Limits.
	ResponseHeader time.Duration
	// HashOn says what the hash policy hashes; empty for every other policy.
	HashOn balancer.HashOn
}

// NewSnapshot puts a configuration together. The pools must not be used by another snapshot, though their backends may.
func NewSnapshot(listeners []ListenerOptions, routes []RouteConfig, pools []*Pool) (*Snapshot, error) {
	s := &Snapshot{listeners: map[string]*Listener{}, pools: map[string]*Pool{}, free: make(chan struct{})}
	for _, p := range pools {
		s.pools[p.Name] = p
	}
	compiled := make([]*Route, len(routes))
	for i, rc := range routes {
		r, err := newRoute(rc, i, s.pools)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", rc.Name, err)
		}
		compiled[i] = r
	}
	noteCase(compiled)
	for _, o := range listeners {
		s.listeners[o.Key] = newListener(o, compiled)
	}
	return s, nil
}

func newListener(o ListenerOptions, routes []*Route) *Listener {
	l := &Listener{ListenerOptions: o, strip: field.NewNames(internal...), hidden: map[string]bool{}}
	for _, r := range routes {
		if r.listener != "" && r.listener != o.Name {
			continue
		}
		l.routes = append(l.routes, r)
		l.byHost, l.byPath = l.byHost || len(r.hosts) > 0, l.byPath || len(r.paths) > 0
		for _, line := range r.requestSet {
			l.strip.Add(line.Name)
		}
		for _, p := range r.pools {
			if p.pool.Affinity != nil && p.pool.HideCookie {
				l.hide(p.pool.Affinity.CookieName())
			}
		}
	}
	l.owned = field.NewNames(forwardedNames...)
	l.owned.Add(o.RequestID)
	l.special = field.NewNames("Host", "Cookie")
	for _, names := range []field.Names{l.strip, l.owned, hopNames} {
		l.special.AddAll(names)
	}
	return l
}

func (l *Listener) hide(cookie string) {
	l.hidden[cookie] = true
	l.hiddenLengths |= 1 << min(len(cookie), 63)
}

// hides reports whether no backend sees a cookie of that name.
func (l *Listener) hides(cookie string) bool {
	return l.hiddenLengths>>min(len(cookie), 63)&1 != 0 && l.hidden[cookie]
}

// Pools returns the pools by name. The map is not to be changed.
func (s *Snapshot) Pools() map[string]*Pool { return s.pools }

// Activate lets the pools' policies learn of changes. Called once, when s becomes the current snapshot.
func (s *Snapshot) Activate() {
	for _, p := range s.pools {
		p.Balancer.Activate()
	}
}

// release gives back one hold of that shard.
func (s *Snapshot) release(shard int) {
	s.holds[uint(shard)%shards].n.Add(-1)
	if s.retired.Load() {
		s.freeUnlessHeld()
	}
}

// retire is called once, when s is no longer in force.
func (s *Snapshot) retire() {
	s.retired.Store(true)
	s.freeUnlessHeld()
}

// freeUnlessHeld marks s free if no exchange holds it. s is out of force: an exchange that has it counted it before, in the counter of its
// shard, and counts there until its end. So a counter that is found 0 once stays without one, and it does no harm that they are read one
// after another. Whoever gives back the last hold looks after that, or retire does: one of them finds all at 0.
func (s *Snapshot) freeUnlessHeld() {
	for i := range s.holds {
		if s.holds[i].n.Load() != 0 {
			return
		}
	}
	s.once.Do(func() { close(s.free) })
}

// current is the snapshot in force.
type current struct{ p atomic.Pointer[Snapshot] }

// hold returns the snapshot in force, counted for the shard: it is not free before its release.
//
// Load, count, look again: between the load and the count the snapshot may have been retired and found free, and the second look tells.
func (c *current) hold(shard int) *Snapshot {
	for {
		s := c.p.Load()
		s.holds[uint(shard)%shards].n.Add(1)
		if c.p.Load() == s {
			return s
		}
		s.release(shard)
	}
}

// swap makes next the snapshot in force and returns a channel that is closed once no exchange holds the one before it.
func (c *current) swap(next *Snapshot) (retired <-chan struct{}) {
	next.Activate()
	old := c.p.Swap(next)
	if old == nil {
		done := make(chan struct{})
		close(done)
		return done
	}
	old.retire()
	return old.free
}
