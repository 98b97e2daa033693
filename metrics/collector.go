package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/balancer"
)

// Sources is what gauges are read from, anew at each scrape and concurrently. A nil function stands for nothing to show. No two listeners
// and no two pools may have one name.
type Sources struct {
	// Pools returns the pools in force.
	Pools func() []*balancer.Pool
	// Listeners returns the listeners in force.
	Listeners func() []Listener
	// Certificates returns when each certificate file in use ends.
	Certificates func() map[string]time.Time
	// Streams returns how many streams of each kind are open.
	Streams func() map[string]int64
}

// Listener is what a listener has counted since it was opened.
type Listener struct {
	Name string
	// Open is the number of connections that are open now.
	Open int
	// Accepted counts connections taken, Rejected those closed at once because of a limit, HandshakeFailures those that did not get
	// through the TLS handshake.
	Accepted, Rejected, HandshakeFailures uint64
}

// collector shows what others know. It holds no values, so that none can be stale after a reload.
type collector struct {
	Sources
	version                                        string
	build, inFlight, notAfter, streams             *prometheus.Desc
	connections, accepted, rejected, badHandshakes *prometheus.Desc
}

func newCollector(version string, s Sources) *collector {
	return &collector{
		Sources: s, version: version,
		build:         desc("build_info", "Which version this is; always 1.", "version"),
		inFlight:      desc("backend_in_flight", "Requests that a backend is serving, streams included.", "pool", "backend"),
		notAfter:      desc("tls_certificate_not_after_timestamp_seconds", "When a certificate ends.", "file"),
		streams:       desc("streams_open", "Streams that are open: WebSockets, other upgraded connections, server-sent events.", "kind"),
		connections:   desc("listener_connections", "Open connections.", "listener"),
		accepted:      desc("listener_connections_accepted_total", "Connections accepted.", "listener"),
		rejected:      desc("listener_connections_rejected_total", "Connections closed at once because of a limit.", "listener"),
		badHandshakes: desc("listener_handshake_failures_total", "Connections that did not get through the TLS handshake.", "listener"),
	}
}

// Describe sends what Collect may send.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.build, c.inFlight, c.notAfter, c.streams, c.connections, c.accepted, c.rejected, c.badHandshakes} {
		ch <- d
	}
}

// Collect reads the sources.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(c.build, 1, c.version)
	if c.Pools != nil {
		for _, p := range c.Pools() {
			for _, b := range p.Backends() {
				gauge(c.inFlight, float64(b.InFlight()), p.Name(), b.ID)
			}
		}
	}
	if c.Streams != nil {
		for kind, n := range c.Streams() {
			gauge(c.streams, float64(n), kind)
		}
	}
	if c.Certificates != nil {
		for file, end := range c.Certificates() {
			gauge(c.notAfter, float64(end.Unix()), file)
		}
	}
	if c.Listeners != nil {
		for _, l := range c.Listeners() {
			gauge(c.connections, float64(l.Open), l.Name)
			c.count(ch, l)
		}
	}
}

func (c *collector) count(ch chan<- prometheus.Metric, l Listener) {
	counter := func(d *prometheus.Desc, n uint64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), l.Name)
	}
	counter(c.accepted, l.Accepted)
	counter(c.rejected, l.Rejected)
	counter(c.badHandshakes, l.HandshakeFailures)
}
