package accesslog

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

func TestObserveAllocatesNothing(t *testing.T) {
	for _, format := range []Format{JSON, Common} {
		cfg := to(os.DevNull)
		cfg.Format = format
		l, err := New(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := exchange()
		if n := testing.AllocsPerRun(1000, func() { l.Observe(x) }); n != 0 && !racing {
			t.Errorf("%s: got %v allocations, want none", format, n)
		}
		end(l)
	}
}

func BenchmarkObserve(b *testing.B) {
	off, rare, json, common := Config{}, to(os.DevNull), to(os.DevNull), to(os.DevNull)
	rare.Sample, common.Format = 0, Common
	b.Run("off", func(b *testing.B) { observe(b, off, 1) })
	b.Run("not sampled", func(b *testing.B) { observe(b, rare, 1) })
	b.Run("json", func(b *testing.B) { observe(b, json, 1) })
	b.Run("json, one shard", func(b *testing.B) { observe(b, json, 0) })
	b.Run("common", func(b *testing.B) { observe(b, common, 1) })
}

// observe has each processor observe an exchange over and over; its shard is the processor's number times apart.
func observe(b *testing.B, cfg Config, apart int) {
	l, err := New(cfg, func(error) {})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	var workers atomic.Int32
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		x := exchange()
		x.Shard = int(workers.Add(1)) * apart
		for pb.Next() {
			l.Observe(x)
		}
	})
	cancel()
	running.Wait()
}
