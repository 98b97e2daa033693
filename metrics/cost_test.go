package metrics

import (
	"fmt"
	"sync/atomic"
	"testing"
	"unsafe"

	"usher/affinity"
	"usher/proxy"
)

func TestObserveAllocatesNothing(t *testing.T) {
	m := New("", Sources{})
	all := mixed(1)
	n := testing.AllocsPerRun(1000, func() {
		for _, x := range all {
			m.Observe(x)
		}
	})
	if n != 0 && !racing {
		t.Errorf("got %v allocations, want none", n)
	}
}

func TestCountsOfTwoShardsShareNoCacheLine(t *testing.T) {
	const line = 64
	for name, size := range map[string]uintptr{
		"count": unsafe.Sizeof(count{}), "version": unsafe.Sizeof(version[string, count]{}), "page": unsafe.Sizeof(page{}),
	} {
		if size%line != 0 || size&(size-1) != 0 { // the allocator aligns such a size
			t.Errorf("%s: got %d bytes, want whole lines", name, size)
		}
	}
	for i := range 1000 {
		if _, n := newBackend(""); uintptr(unsafe.Pointer(n))%line != 0 {
			t.Fatalf("count %d is at %p", i, n)
		}
	}
}

// mixed are exchanges of which no two in a row have the same route, backend or status.
func mixed(shard int) (all []*proxy.Exchange) {
	for i := range 4 {
		all = append(all, exchange(bound(affinity.Valid, affinity.Unchanged), func(x *proxy.Exchange) {
			x.Shard, x.Route, x.Backend, x.Response.Status = shard, fmt.Sprint("route-", i), fmt.Sprint("web-", i), 200+i
		}))
	}
	return all
}

func BenchmarkObserve(b *testing.B) {
	same := func(shard int) []*proxy.Exchange {
		return []*proxy.Exchange{exchange(bound(affinity.Valid, affinity.Unchanged), func(x *proxy.Exchange) { x.Shard = shard })}
	}
	b.Run("same", func(b *testing.B) { observe(b, same) })
	b.Run("mixed", func(b *testing.B) { observe(b, mixed) })
	b.Run("one shard", func(b *testing.B) { observe(b, func(int) []*proxy.Exchange { return same(0) }) })
}

// observe has each processor observe the exchanges of its own shard, over and over.
func observe(b *testing.B, of func(shard int) []*proxy.Exchange) {
	m := New("", Sources{})
	var workers atomic.Int32
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		all := of(int(workers.Add(1)))
		for i := 0; pb.Next(); i++ {
			m.Observe(all[i%len(all)])
		}
	})
}

func BenchmarkScrape(b *testing.B) {
	m := New("", Sources{})
	for shard := range 8 {
		for _, x := range mixed(shard) {
			m.Observe(x)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		m.registry.Gather()
	}
}
