package metrics

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// exchanges shows what has been counted of exchanges, as the sums of all shards.
type exchanges struct {
	shards                                                           *[shards]shard
	since                                                            time.Time
	requests, backendRequests, affinity, affinityKey, moved, retries *prometheus.Desc
	duration, overhead                                               *prometheus.Desc
}

func newExchanges(shards *[shards]shard) *exchanges {
	return &exchanges{
		shards: shards, since: time.Now(),
		requests:        desc("http_requests_total", "Requests, by the status that they were answered with.", "listener", "route", "method", "code"),
		backendRequests: desc("backend_requests_total", "Requests, by the backend that was asked last.", "pool", "backend"),
		affinity:        desc("affinity_total", "Requests to pools with affinity, by what the client's cookie said and what became of it.", "pool", "request", "response"),
		affinityKey:     desc("affinity_key_total", "Affinity cookies opened, by the secret that opened them.", "pool", "key"),
		moved:           desc("sessions_moved_total", "Clients bound to one backend and moved to another, by the reason.", "pool", "reason"),
		retries:         desc("retries_total", "Further backends asked, by what had become of the one before.", "reason"),
		duration:        desc("http_request_duration_seconds", "Time from a request's first byte to the end of its response.", "listener", "route"),
		overhead:        desc("http_overhead_seconds", "Time from a request's first byte to its response's, without the wait for the backend.", "listener", "route"),
	}
}

// Describe sends what Collect may send.
func (e *exchanges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{e.requests, e.backendRequests, e.affinity, e.affinityKey, e.moved, e.retries, e.duration, e.overhead} {
		ch <- d
	}
}

// Collect adds up the shards.
func (e *exchanges) Collect(ch chan<- prometheus.Metric) {
	routes, pools, retries := map[routeKey]*routeSum{}, map[string]*poolSum{}, uint64(0)
	for i := range e.shards {
		s := &e.shards[i]
		for k, r := range s.routes.each {
			sumOf(routes, k).add(r)
		}
		for k, p := range s.pools.each {
			sumOf(pools, k).add(p)
		}
		retries += s.retries.Load()
	}
	for k, r := range routes {
		e.route(ch, k, r)
	}
	for k, p := range pools {
		e.pool(ch, k, p)
	}
	ch <- counted(e.retries, retries, e.since, "connect")
}

func (e *exchanges) route(ch chan<- prometheus.Metric, k routeKey, r *routeSum) {
	for a, n := range r.answers { // 000 is the status of an exchange that broke off before it had one
		ch <- counted(e.requests, n, r.since, k.listener, k.route, a.method, fmt.Sprintf("%03d", a.status))
	}
	ch <- r.duration.metric(e.duration, durations, r.since, k.listener, k.route)
	ch <- r.overhead.metric(e.overhead, overheads, r.since, k.listener, k.route)
}

func (e *exchanges) pool(ch chan<- prometheus.Metric, name string, p *poolSum) {
	for id, n := range p.backends {
		ch <- counted(e.backendRequests, n, p.since, name, id)
	}
	for labels, n := range p.affinity {
		ch <- counted(e.affinity, n, p.since, name, labels[0], labels[1])
	}
	for secret, n := range p.keys {
		ch <- counted(e.affinityKey, n, p.since, name, secret)
	}
	for reason, n := range p.moved {
		ch <- counted(e.moved, n, p.since, name, reason)
	}
}

func counted(d *prometheus.Desc, n uint64, since time.Time, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetricWithCreatedTimestamp(d, prometheus.CounterValue, float64(n), since, labels...)
}
