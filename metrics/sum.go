package metrics

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// routeSum adds up routeCounts.
type routeSum struct {
	began
	answers            map[answerKey]uint64
	duration, overhead histogramSum
}

func (sum *routeSum) add(r *routeCounts) {
	sum.earlier(r.since)
	for k, n := range r.answers.each {
		plus(&sum.answers, k, n.Load())
	}
	sum.duration.add(&r.duration)
	sum.overhead.add(&r.overhead)
}

// poolSum adds up poolCounts.
type poolSum struct {
	began
	backends, keys, moved map[string]uint64
	affinity              map[[2]string]uint64
}

func (sum *poolSum) add(p *poolCounts) {
	sum.earlier(p.since)
	for id, n := range p.backends.each {
		plus(&sum.backends, id, n.Load())
	}
	for i := range p.bindings {
		n := p.bindings[i].Load()
		if n == 0 {
			continue
		}
		b := bindingAt(i)
		plus(&sum.affinity, [2]string{b.state.String(), b.change.String()}, n)
		if secret := b.secret(); secret != "" {
			plus(&sum.keys, secret, n)
		}
		if reason := b.reason(); reason != "" {
			plus(&sum.moved, reason, n)
		}
	}
}

// began is when the first shard began to count.
type began struct{ since time.Time }

func (b *began) earlier(t time.Time) {
	if b.since.IsZero() || t.Before(b.since) {
		b.since = t
	}
}

func plus[K comparable](sums *map[K]uint64, k K, n uint64) {
	if *sums == nil {
		*sums = map[K]uint64{}
	}
	(*sums)[k] += n
}

// sumOf returns the sum under k, at first an empty one.
func sumOf[K comparable, S any](sums map[K]*S, k K) *S {
	if sums[k] == nil {
		sums[k] = new(S)
	}
	return sums[k]
}

// histogramSum adds up histograms of one scale.
type histogramSum struct {
	seconds float64
	cells   [maxPages * pageCells]uint64
}

func (sum *histogramSum) add(h *histogram) {
	sum.seconds += math.Float64frombits(h.sum.Load())
	for i := range h.pages {
		if p := h.pages[i].Load(); p != nil {
			for j := range p {
				sum.cells[i*pageCells+j] += p[j].Load()
			}
		}
	}
}

// metric is the sum as a histogram of scale s.
func (sum *histogramSum) metric(d *prometheus.Desc, s *scale, since time.Time, labels ...string) prometheus.Metric {
	total, ends, native := uint64(0), make([]uint64, len(s.bounds)+1), map[int]int64{}
	for i, c := range s.cells {
		n := sum.cells[i]
		total += n
		ends[c.classic] = total
		if i > 0 && n > 0 {
			native[c.native] += int64(n)
		}
	}
	var classic []*dto.Bucket
	for i := range s.bounds {
		classic = append(classic, &dto.Bucket{UpperBound: &s.bounds[i], CumulativeCount: &ends[i]})
	}
	native, resolution := coarse(native)
	return both{prometheus.MustNewConstNativeHistogram(d, total, sum.seconds, native, nil, sum.cells[0], resolution,
		prometheus.DefNativeHistogramZeroThreshold, since, labels...), classic}
}

// mostNative is how many native buckets a histogram shows at the most.
const mostNative = 160

// coarse halves the resolution of native buckets until they are few enough, and returns the schema that it comes to.
func coarse(buckets map[int]int64) (map[int]int64, int32) {
	s := int32(schema)
	for ; len(buckets) > mostNative; s-- {
		next := map[int]int64{}
		for k, n := range buckets {
			next[(k+1)>>1] += n
		}
		buckets = next
	}
	return buckets, s
}

// both is a histogram with native buckets and with classic ones: a scraper takes those that it understands.
type both struct {
	prometheus.Metric
	classic []*dto.Bucket
}

// Write adds the classic buckets to what the native histogram writes.
func (b both) Write(out *dto.Metric) error {
	if err := b.Metric.Write(out); err != nil {
		return err
	}
	out.Histogram.Bucket = b.classic
	return nil
}
