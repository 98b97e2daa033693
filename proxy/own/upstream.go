package own

import (
	"sync"
	"time"

	"usher/balancer"
	"usher/proxy"
)

// upstream is a connection to a backend.
type upstream struct {
	conn
	to target
	// since is when the connection was made, rested when it was last put by; fresh until then.
	since, rested instant
}

// fresh reports whether no exchange has used the connection yet.
func (u *upstream) fresh() bool { return u.rested == 0 }

// target is where a connection leads, and how it is made.
type target struct {
	backend *balancer.Backend
	connect *proxy.ConnectConfig
}

// oldest is how long a connection to a backend is used at most, so that what stands between (a balancer, a name that moves) gets its way.
const oldest = time.Hour

// upstreams are the idle connections of one carrier.
type upstreams struct {
	// filled is called when one is put by and none was before: from then on sweep has work. It may be nil.
	filled func()

	mu   sync.Mutex
	idle map[*balancer.Backend]*stack
}

// stack holds those of one backend: the one used last is used next.
type stack []*upstream

// take returns an idle connection to the target, or nil.
func (u *upstreams) take(to target, now instant) *upstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.idle[to.backend]
	if s == nil {
		return nil
	}
	for n := len(*s); n > 0; n-- {
		last := (*s)[n-1]
		(*s)[n-1], *s = nil, (*s)[:n-1]
		if last.usable(now) && last.serves(to) {
			return last
		}
		last.Close()
	}
	return nil
}

// put keeps a connection for the next exchange.
func (u *upstreams) put(c *upstream, now instant) {
	if c.to.connect.KeepAlive == 0 || c.to.connect.IdlePerBackend == 0 || now > c.since.in(oldest) {
		c.Close()
		return
	}
	c.rested = now
	u.mu.Lock()
	s := u.idle[c.to.backend]
	if s != nil {
		*s = append(*s, c)
	} else {
		u.first(c)
	}
	u.mu.Unlock()
}

// first keeps the first connection to a backend. The caller holds u.mu.
func (u *upstreams) first(c *upstream) {
	if u.idle == nil {
		u.idle = map[*balancer.Backend]*stack{}
	}
	u.idle[c.to.backend] = &stack{c}
	if len(u.idle) == 1 && u.filled != nil {
		u.filled()
	}
}

// serves reports whether the connection was made as this target wants it, by the same configuration or an equal one.
func (u *upstream) serves(to target) bool {
	if u.to.connect != to.connect && *u.to.connect != *to.connect {
		return false
	}
	u.to.connect = to.connect // of a snapshot that is in use
	return true
}

// usable reports whether nothing speaks against another exchange: neither age nor an end, nor bytes that nobody has asked for.
func (u *upstream) usable(now instant) bool {
	return now <= u.rested.in(u.to.connect.KeepAlive.D()) && now <= u.since.in(oldest) && u.Probe() == quiet
}

// sweep closes what is no longer of use: what has ended or rested for too long, and what is beyond the number to be kept. That number is
// held against what rests for a while, or a burst would close and open connections with every request. wanted may be nil: all are. It
// reports whether any are left.
func (u *upstreams) sweep(now instant, wanted func(target) bool) (left bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for b, s := range u.idle {
		kept := (*s)[:0]
		for i, c := range *s {
			surplus := len(*s)-i > c.to.connect.IdlePerBackend && now > c.rested.in(time.Second)
			if !surplus && c.usable(now) && (wanted == nil || wanted(c.to)) {
				kept = append(kept, c)
				continue
			}
			c.Close()
		}
		clear((*s)[len(kept):])
		*s = kept
		if len(kept) == 0 {
			delete(u.idle, b)
		}
	}
	return len(u.idle) > 0
}

// close closes all of them.
func (u *upstreams) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.idle {
		for _, c := range *s {
			c.Close()
		}
	}
	u.idle = nil
}
