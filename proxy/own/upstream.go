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

// target is where a connection leads, and how it is made. It is comparable: what is equal may be shared.
type target struct {
	backend *balancer.Backend
	connect proxy.ConnectConfig
}

// oldest is how long a connection to a backend is used at most, so that what stands between (a balancer, a name that moves) gets its way.
const oldest = time.Hour

// upstreams are the idle connections of one carrier.
type upstreams struct {
	// filled is called when one is put by and none was before: from then on sweep has work. It may be nil.
	filled func()

	mu   sync.Mutex
	idle map[*balancer.Backend][]*upstream
}

// take returns an idle connection to the target, the one used last, or nil.
func (u *upstreams) take(to target, now instant) *upstream {
	u.mu.Lock()
	stack := u.idle[to.backend]
	for n := len(stack); n > 0; n-- {
		last := stack[n-1]
		stack[n-1] = nil
		if last.usable(now) && last.to.connect == to.connect {
			u.idle[to.backend] = stack[:n-1]
			u.mu.Unlock()
			return last
		}
		last.Close()
	}
	if stack != nil {
		u.idle[to.backend] = stack[:0]
	}
	u.mu.Unlock()
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
	first := len(u.idle) == 0
	if u.idle == nil {
		u.idle = map[*balancer.Backend][]*upstream{}
	}
	u.idle[c.to.backend] = append(u.idle[c.to.backend], c)
	u.mu.Unlock()
	if first && u.filled != nil {
		u.filled()
	}
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
	for b, stack := range u.idle {
		kept := stack[:0]
		for i, c := range stack {
			surplus := len(stack)-i > c.to.connect.IdlePerBackend && now > c.rested.in(time.Second)
			if !surplus && c.usable(now) && (wanted == nil || wanted(c.to)) {
				kept = append(kept, c)
				continue
			}
			c.Close()
		}
		clear(stack[len(kept):])
		if u.idle[b] = kept; len(kept) == 0 {
			delete(u.idle, b)
		}
	}
	return len(u.idle) > 0
}

// close closes all of them.
func (u *upstreams) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, stack := range u.idle {
		for _, c := range stack {
			c.Close()
		}
	}
	u.idle = nil
}
