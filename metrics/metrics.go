// Package metrics counts exchanges and shows the proxy's state in the formats of Prometheus. It is the only importer of client_golang.
package metrics

import (
	"net/http"
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

	shards [shards]shard

	reloadOK, reloadTime prometheus.Gauge
}

// shards is a power of two, and more than most machines have processors.
const shards = 64

var _ proxy.Observer = (*Metrics)(nil)

// New returns the metrics of a proxy of that version, with nothing counted. Gauges are read from s at each scrape.
func New(version string, s Sources) *Metrics {
	m := &Metrics{
		registry:   prometheus.NewRegistry(),
		reloadOK:   gauge("config_last_reload_successful", "Whether the last configuration that was read is in force."),
		reloadTime: gauge("config_last_reload_success_timestamp_seconds", "When the configuration in force was read."),
	}
	m.registry.MustRegister(m.own()...)
	m.registry.MustRegister(newCollector(version, s),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// own lists the metrics that are written to, and not read at scrape.
func (m *Metrics) own() []prometheus.Collector {
	return []prometheus.Collector{newExchanges(&m.shards), m.reloadOK, m.reloadTime}
}

const namespace = "usher"

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
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
	for i := range m.shards {
		s := &m.shards[i]
		s.routes.keep(func(k routeKey) bool { return listens[k.listener] && routed[k.route] })
		s.pools.keep(func(name string) bool { return serves[name] != nil })
		for name, p := range s.pools.each {
			p.backends.keep(func(id string) bool {
				now := serves[name] // nil if it has come back meanwhile
				return now != nil && now.Backend(id) != nil
			})
		}
	}
}

// setOf is the set of names, and of the empty one: an exchange may have ended before it had a route.
func setOf(names []string) map[string]bool {
	set := map[string]bool{"": true}
	for _, n := range names {
		set[n] = true
	}
	return set
}
