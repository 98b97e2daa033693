// Package metrics counts exchanges and shows the proxy's state in the formats of Prometheus. It is the only importer of client_golang.
package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"usher/balancer"
	"usher/proxy"
)

// Metrics holds every metric of one proxy, on a registry of its own. It is safe for concurrent use.
//
// Labels are names from the configuration, methods and status codes, so that clients cannot make series without bound.
type Metrics struct {
	registry *prometheus.Registry

	requests, backendRequests, affinity, affinityKey, moved *prometheus.CounterVec
	duration, overhead                                      *prometheus.HistogramVec
	retries                                                 prometheus.Counter
	reloadOK, reloadTime                                    prometheus.Gauge

	// mu guards the making and dropping of series, so that a handle in a table never belongs to a series that is gone.
	mu       sync.Mutex
	answers  table[answerKey, prometheus.Counter]
	timings  table[routeKey, timing]
	bindings table[bindingKey, bindingCounters]
	backends table[backendKey, prometheus.Counter]
}

var _ proxy.Observer = (*Metrics)(nil)

// New returns the metrics of a proxy of that version, with nothing counted. Gauges are read from s at each scrape.
func New(version string, s Sources) *Metrics {
	m := &Metrics{
		registry:        prometheus.NewRegistry(),
		requests:        counter("http_requests_total", "Requests, by the status that they were answered with.", "listener", "route", "method", "code"),
		backendRequests: counter("backend_requests_total", "Requests, by the backend that was asked last.", "pool", "backend"),
		affinity:        counter("affinity_total", "Requests to pools with affinity, by what the client's cookie said and what became of it.", "pool", "request", "response"),
		affinityKey:     counter("affinity_key_total", "Affinity cookies opened, by the secret that opened them.", "pool", "key"),
		moved:           counter("sessions_moved_total", "Clients bound to one backend and moved to another, by the reason.", "pool", "reason"),
		duration: histogram("http_request_duration_seconds", "Time from a request's first byte to the end of its response.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60),
		overhead: histogram("http_overhead_seconds", "Time from a request's first byte to its response's, without the wait for the backend.",
			.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1),
		retries:    counter("retries_total", "Further backends asked, by what had become of the one before.", "reason").WithLabelValues("connect"),
		reloadOK:   gauge("config_last_reload_successful", "Whether the last configuration that was read is in force."),
		reloadTime: gauge("config_last_reload_success_timestamp_seconds", "When the configuration in force was read."),
	}
	m.answers.make, m.timings.make = m.newAnswer, m.newTiming
	m.bindings.make, m.backends.make = m.newBinding, m.newBackend
	m.registry.MustRegister(m.own()...)
	m.registry.MustRegister(newCollector(version, s),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// own lists the metrics that are written to, and not read at scrape.
func (m *Metrics) own() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.backendRequests, m.affinity, m.affinityKey, m.moved, m.retries, m.duration, m.overhead, m.reloadOK, m.reloadTime}
}

const namespace = "usher"

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
}

// histogram has classic buckets and native ones: a scraper takes those that it understands.
func histogram(name, help string, buckets ...float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	}, []string{"listener", "route"})
}

// Handler serves the metrics, in the format that the scraper asks for. At most four scrapes run at once; others get 503.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4})
}

// Reloaded notes that a configuration has come into force, the first one included.
func (m *Metrics) Reloaded(at time.Time) {
	m.reloadOK.Set(1)
	m.reloadTime.Set(float64(at.UnixMilli()) / 1e3)
}

// ReloadRefused notes that a configuration was read and not taken.
func (m *Metrics) ReloadRefused() { m.reloadOK.Set(0) }

// Keep drops the series of every listener, route, pool and backend that is not among those given. It is called when a reload is over and
// nothing runs on the configuration before it: an exchange that ends later, a stream say, brings its series back until the next call.
func (m *Metrics) Keep(listeners, routes []string, pools []*balancer.Pool) {
	listens, routed := setOf(listeners), setOf(routes)
	serves := map[string]*balancer.Pool{}
	for _, p := range pools {
		serves[p.Name()] = p
	}
	known := func(k routeKey) bool { return listens[k.listener] && routed[k.route] }
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers.keep(func(k answerKey) bool { return known(k.routeKey) }, m.dropAnswer)
	m.timings.keep(known, m.dropTiming)
	m.bindings.keep(func(k bindingKey) bool { return serves[k.pool] != nil }, m.dropBinding)
	m.backends.keep(func(k backendKey) bool {
		p := serves[k.pool]
		return p != nil && p.Backend(k.backend) != nil
	}, m.dropBackend)
}

// setOf is the set of names, and of the empty one: an exchange may have ended before it had a route.
func setOf(names []string) map[string]bool {
	set := map[string]bool{"": true}
	for _, n := range names {
		set[n] = true
	}
	return set
}
