package metrics

import (
	"strings"
	"sync/atomic"
	"time"

	"usher/affinity"
	"usher/proxy"
)

// shard is what one event loop counts, and no other while there are no more loops than shards: in steady state a cache line has one writer. A
// series is the sum of all shards.
type shard struct {
	routes  table[routeKey, routeCounts]
	pools   table[string, poolCounts]
	retries atomic.Uint64
	_       [64]byte // what is behind it is on other cache lines
}

// routeKey is where an exchange came in and what served it; route is empty when it was answered before it had one.
type routeKey struct{ listener, route string }

// answerKey is a status, and a method that method has let pass.
type answerKey struct {
	method string
	status int
}

// routeCounts are the exchanges of one route on one listener.
type routeCounts struct {
	since              time.Time // when it was made
	answers            table[answerKey, count]
	duration, overhead histogram
	_                  [64]byte
}

// poolCounts are the exchanges that came to one pool.
type poolCounts struct {
	since    time.Time // when it was made
	backends table[string, count]
	bindings [bindings]atomic.Uint64
	_        [64]byte
}

// count is a cache line.
type count struct {
	atomic.Uint64
	_ [56]byte
}

// Observe counts an exchange that is over. It takes no lock and allocates nothing, once the names and the status have been seen.
func (m *Metrics) Observe(x *proxy.Exchange) {
	s := &m.shards[x.Shard&(shards-1)]
	s.routes.find(routeKey{x.Listener, x.Route}, newRoute).observe(x)
	if x.Backend != "" || x.HasAffinity {
		s.pools.find(x.Pool, newPool).observe(x)
	}
	if n := x.Retried(); n > 0 {
		s.retries.Add(uint64(n))
	}
}

func (r *routeCounts) observe(x *proxy.Exchange) {
	r.answers.find(answerKey{method(x.Request.Method), x.Response.Status}, newAnswer).Add(1)
	r.duration.observe(durations, x.End.Sub(x.Start))
	if !x.FirstByte.IsZero() {
		r.overhead.observe(overheads, x.FirstByte.Sub(x.Start)-x.BackendWait)
	}
}

func (p *poolCounts) observe(x *proxy.Exchange) {
	if x.Backend != "" {
		p.backends.find(x.Backend, newBackend).Add(1)
	}
	if x.HasAffinity {
		p.bindings[binding{x.Bound, x.Change, x.ByPrevious}.index()].Add(1)
	}
}

func newRoute(k routeKey) (routeKey, *routeCounts) {
	return routeKey{strings.Clone(k.listener), strings.Clone(k.route)}, &routeCounts{since: time.Now()}
}

func newAnswer(k answerKey) (answerKey, *count) {
	k.method = strings.Clone(k.method)
	return k, new(count)
}

func newPool(name string) (string, *poolCounts) {
	return strings.Clone(name), &poolCounts{since: time.Now()}
}

func newBackend(id string) (string, *count) { return strings.Clone(id), new(count) }

// binding is what a client's cookie said, what became of it, and whether a previous secret opened it.
type binding struct {
	state      affinity.State
	change     affinity.Change
	byPrevious bool
}

// bindings is the number of different ones.
const bindings = 2 * int(affinity.Gone+1) * int(affinity.Moved+1)

func (b binding) index() int {
	i := int(b.state)*int(affinity.Moved+1) + int(b.change)
	if b.byPrevious {
		i += bindings / 2
	}
	return i
}

// bindingAt is the one that has index i.
func bindingAt(i int) binding {
	n := i % (bindings / 2)
	return binding{affinity.State(n / int(affinity.Moved+1)), affinity.Change(n % int(affinity.Moved+1)), i >= bindings/2}
}

// secret tells which of the pool's secrets opened the cookie; empty when none did.
func (b binding) secret() string {
	switch b.state {
	case affinity.Valid, affinity.Gone, affinity.Expired:
		if b.byPrevious {
			return "previous"
		}
		return "current"
	}
	return ""
}

// reason tells why the client was moved: its backend is no longer configured, or could not be reached. Empty when it was not moved.
func (b binding) reason() string {
	switch {
	case b.change != affinity.Moved:
		return ""
	case b.state == affinity.Gone:
		return "gone"
	}
	return "unreachable"
}

// method is m if it is in the IANA registry of HTTP methods, else "other": a client must not be able to make series.
func method(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", // RFC 9110 9.3
		"PATCH", "QUERY", "LINK", "UNLINK", "SEARCH",
		"COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "UNLOCK", // WebDAV, RFC 4918 9
		"ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "LABEL", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKREDIRECTREF",
		"MKWORKSPACE", "ORDERPATCH", "REBIND", "REPORT", "UNBIND", "UNCHECKOUT", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL":
		return m
	}
	return "other"
}
