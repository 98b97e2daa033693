package metrics

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"usher/affinity"
	"usher/proxy"
)

// routeKey is where an exchange came in and what served it; route is empty when it was answered before it had one.
type routeKey struct{ listener, route string }

func (k routeKey) clone() routeKey {
	return routeKey{strings.Clone(k.listener), strings.Clone(k.route)}
}

type answerKey struct {
	routeKey
	method string
	status int
}

type timing struct{ duration, overhead prometheus.Observer }

type bindingKey struct {
	pool       string
	state      affinity.State
	change     affinity.Change
	byPrevious bool
}

// bindingCounters are the counters that one kind of binding adds to. key and moved may be nil.
type bindingCounters struct{ all, key, moved prometheus.Counter }

type backendKey struct{ pool, backend string }

// Observe counts an exchange that is over.
func (m *Metrics) Observe(x *proxy.Exchange) {
	route := routeKey{x.Listener, x.Route}
	m.answers.find(answerKey{route, method(x.Request.Method), x.Response.Status}, &m.mu).Inc()
	t := m.timings.find(route, &m.mu)
	t.duration.Observe(x.End.Sub(x.Start).Seconds())
	if !x.FirstByte.IsZero() {
		t.overhead.Observe(max(0, x.FirstByte.Sub(x.Start)-x.BackendWait).Seconds())
	}
	if x.Backend != "" {
		m.backends.find(backendKey{x.Pool, x.Backend}, &m.mu).Inc()
	}
	if x.Retried() > 0 {
		m.retries.Add(float64(x.Retried()))
	}
	if x.HasAffinity {
		m.bindings.find(bindingKey{x.Pool, x.Bound, x.Change, x.ByPrevious}, &m.mu).count()
	}
}

func (b bindingCounters) count() {
	b.all.Inc()
	if b.key != nil {
		b.key.Inc()
	}
	if b.moved != nil {
		b.moved.Inc()
	}
}

func (m *Metrics) newAnswer(k answerKey) (answerKey, prometheus.Counter) {
	k.routeKey, k.method = k.clone(), strings.Clone(k.method)
	return k, m.requests.WithLabelValues(k.labels()...)
}

func (m *Metrics) dropAnswer(k answerKey) { m.requests.DeleteLabelValues(k.labels()...) }

// labels are the key's, with the status as three digits: 000 for an exchange that broke off before it had one.
func (k answerKey) labels() []string {
	return []string{k.listener, k.route, k.method, fmt.Sprintf("%03d", k.status)}
}

func (m *Metrics) newTiming(k routeKey) (routeKey, timing) {
	k = k.clone()
	return k, timing{m.duration.WithLabelValues(k.listener, k.route), m.overhead.WithLabelValues(k.listener, k.route)}
}

func (m *Metrics) dropTiming(k routeKey) {
	m.duration.DeleteLabelValues(k.listener, k.route)
	m.overhead.DeleteLabelValues(k.listener, k.route)
}

func (m *Metrics) newBackend(k backendKey) (backendKey, prometheus.Counter) {
	k = backendKey{strings.Clone(k.pool), strings.Clone(k.backend)}
	return k, m.backendRequests.WithLabelValues(k.pool, k.backend)
}

func (m *Metrics) dropBackend(k backendKey) { m.backendRequests.DeleteLabelValues(k.pool, k.backend) }

func (m *Metrics) newBinding(k bindingKey) (bindingKey, bindingCounters) {
	k.pool = strings.Clone(k.pool)
	c := bindingCounters{all: m.affinity.WithLabelValues(k.pool, k.state.String(), k.change.String())}
	if secret := k.secret(); secret != "" {
		c.key = m.affinityKey.WithLabelValues(k.pool, secret)
	}
	if reason := k.reason(); reason != "" {
		c.moved = m.moved.WithLabelValues(k.pool, reason)
	}
	return k, c
}

func (m *Metrics) dropBinding(k bindingKey) {
	pool := prometheus.Labels{"pool": k.pool}
	m.affinity.DeletePartialMatch(pool)
	m.affinityKey.DeletePartialMatch(pool)
	m.moved.DeletePartialMatch(pool)
}

// secret tells which of the pool's secrets opened the cookie; empty when none did.
func (k bindingKey) secret() string {
	switch k.state {
	case affinity.Valid, affinity.Gone, affinity.Expired:
		if k.byPrevious {
			return "previous"
		}
		return "current"
	}
	return ""
}

// reason tells why the client was moved: its backend is no longer configured, or could not be reached. Empty when it was not moved.
func (k bindingKey) reason() string {
	switch {
	case k.change != affinity.Moved:
		return ""
	case k.state == affinity.Gone:
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
