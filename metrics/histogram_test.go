package metrics

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// written is what m writes, without what depends on when and how it was made.
func written(t *testing.T, m prometheus.Metric) *dto.Histogram {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	h := out.GetHistogram()
	h.CreatedTimestamp = nil
	return h
}

// shown is what h writes.
func shown(t *testing.T, h *histogram) *dto.Histogram {
	t.Helper()
	var sum histogramSum
	sum.add(h)
	return written(t, sum.metric(desc("seconds", ""), durations, time.Now()))
}

// theirs is a histogram of the library with the bounds of durations and native buckets as factor wants them.
func theirs(factor float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "usher_seconds", Buckets: durations.bounds, NativeHistogramBucketFactor: factor})
}

// edge returns times around the ends of cells and some by chance, of every order of magnitude.
func edge() (all []time.Duration) {
	for _, v := range durations.edges {
		for _, d := range []float64{-1, 0, 1} {
			if ns := math.Round(v*1e9) + d; ns >= 0 && ns < math.MaxInt64 {
				all = append(all, time.Duration(ns))
			}
		}
	}
	for range 2000 {
		all = append(all, time.Duration(rand.Uint64()>>(1+rand.IntN(63))))
	}
	return append(all, 0, math.MaxInt64)
}

func TestAHistogramCountsAsTheLibrarysDoes(t *testing.T) {
	for _, d := range edge() {
		var ours histogram
		ours.observe(durations, d)
		library := theirs(1.1)
		library.Observe(d.Seconds())
		if got, want := shown(t, &ours).String(), written(t, library).String(); got != want {
			t.Fatalf("%d ns:\ngot  %s\nwant %s", d, got, want)
		}
	}
}

func TestAHistogramAddsUpAsTheLibrarysDoes(t *testing.T) {
	var ours histogram
	library := theirs(1.1)
	for range 10000 {
		d := time.Duration(rand.ExpFloat64() * 1e6)
		ours.observe(durations, d)
		library.Observe(d.Seconds())
	}
	if got, want := shown(t, &ours).String(), written(t, library).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNativeBucketsAreFew(t *testing.T) {
	var ours histogram
	library := theirs(1.5) // schema 0
	for _, d := range edge() {
		ours.observe(durations, d)
		library.Observe(d.Seconds())
	}
	got, want := shown(t, &ours), written(t, library)
	if n := len(got.GetPositiveDelta()); n > mostNative || got.GetSchema() >= schema {
		t.Errorf("got %d buckets of schema %d", n, got.GetSchema())
	}
	got.SampleSum, want.SampleSum = nil, nil // in another order
	if got.String() != want.String() {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTimesBeforeZeroAreZero(t *testing.T) {
	var h histogram
	h.observe(durations, -time.Second)
	if got := shown(t, &h); got.GetZeroCount() != 1 || got.GetSampleSum() != 0 {
		t.Errorf("got %s", got)
	}
}

func TestHistogramsAddUp(t *testing.T) {
	var sum histogramSum
	for _, d := range []time.Duration{time.Second, 2 * time.Second} {
		var h histogram
		h.observe(durations, d)
		sum.add(&h)
	}
	got := written(t, sum.metric(desc("seconds", ""), durations, time.Now()))
	if got.GetSampleCount() != 2 || got.GetSampleSum() != 3 {
		t.Errorf("got %s", got)
	}
}

func TestConcurrentTimesAreAllCounted(t *testing.T) {
	const workers, each = 4, 50_000
	var busy histogram
	fresh := make([]histogram, each) // each makes its page anew
	var observing sync.WaitGroup
	for range workers {
		observing.Go(func() {
			for i := range fresh {
				fresh[i].observe(durations, time.Second)
				busy.observe(durations, time.Second)
			}
		})
	}
	observing.Wait()
	if got := shown(t, &busy); got.GetSampleCount() != workers*each || got.GetSampleSum() != workers*each {
		t.Errorf("got %d times and %v seconds, want %d", got.GetSampleCount(), got.GetSampleSum(), workers*each)
	}
	for i := range fresh {
		if got := fresh[i].cell(durations.index(1)).Load(); got != workers {
			t.Fatalf("got %d times, want %d", got, workers)
		}
	}
}
