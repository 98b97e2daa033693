package balancer

import (
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// checkTree compares every count that the tree holds with its backend's and plays every match again.
func checkTree(t *testing.T, tree *leastConn) {
	t.Helper()
	for i, e := range tree.entrants {
		if e.requests != e.backend.InFlight() {
			t.Errorf("entrant %d: the tree has %d in flight, the backend %d", i, e.requests, e.backend.InFlight())
		}
	}
	for node := len(tree.entrants) - 1; node > 0; node-- {
		if want := tree.better(tree.winners[2*node], tree.winners[2*node+1]); tree.winners[node] != want {
			t.Errorf("node %d: entrant %d has won, want %d", node, tree.winners[node], want)
		}
	}
}

// naive is least-conn by looking at all members.
type naive struct {
	pool   *Pool
	picked map[*Backend]int
	clock  int
}

func (n *naive) pick(tried *Set) *Backend {
	var best *Backend
	for _, b := range n.pool.Backends() {
		if tried.Has(b) || n.pool.Weight(b) == 0 {
			continue
		}
		if best == nil {
			best = b
			continue
		}
		x, y := (b.InFlight()+1)*int64(n.pool.Weight(best)), (best.InFlight()+1)*int64(n.pool.Weight(b))
		if x < y || x == y && n.picked[b] < n.picked[best] {
			best = b
		}
	}
	n.clock++
	n.picked[best] = n.clock
	return best
}

func TestLeastConnPicksExactlyTheLeastLoaded(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 8, 13, 100} {
		rng := rand.New(rand.NewPCG(uint64(n), 3))
		weights := make([]int, n)
		for i := range weights {
			weights[i] = rng.IntN(5)
		}
		weights[0] = 2
		p := active(t, LeastConn, weights...)
		model := naive{pool: p, picked: map[*Backend]int{}}
		var held []Lease
		for step := range 3000 {
			switch rng.IntN(5) {
			case 0, 1:
				if len(held) > 0 {
					i := rng.IntN(len(held))
					held[i].Release()
					held[i] = held[len(held)-1]
					held = held[:len(held)-1]
				}
			case 2:
				held = append(held, mustAcquire(t, p, Want{Backend: p.Backends()[rng.IntN(n)]}))
			default:
				tried := &Set{}
				for range min(rng.IntN(4), n-1) {
					tried.Add(p.Backends()[1+rng.IntN(n-1)])
				}
				want := model.pick(tried)
				l := mustAcquire(t, p, Want{Tried: tried})
				if l.Backend != want {
					t.Fatalf("%d backends, step %d: got %s, want %s", n, step, l.Backend.ID, want.ID)
				}
				held = append(held, l)
			}
		}
		checkTree(t, p.policies[0].(*leastConn))
	}
}

func TestLeastConnGoesRoundWhenAllAreIdle(t *testing.T) {
	p := active(t, LeastConn, 1, 1, 1)
	var got string
	for range 7 {
		l := mustAcquire(t, p, Want{})
		got += l.Backend.ID[1:]
		l.Release()
	}
	if got != "0120120" {
		t.Errorf("got %s, want 0120120", got)
	}
}

func TestLeastConnFillsByWeight(t *testing.T) {
	p := active(t, LeastConn, 1, 2, 5)
	for range 80 {
		mustAcquire(t, p, Want{})
	}
	for id, want := range map[string]int64{"b0": 10, "b1": 20, "b2": 50} {
		if got := p.Backend(id).InFlight(); got != want {
			t.Errorf("%s: got %d of 80, want %d", id, got, want)
		}
	}
}

// Two requests that pick before either is counted must not pile up.
func TestPicksAheadOfTheirClaimsSpread(t *testing.T) {
	tree := active(t, LeastConn, 4, 2, 1).policies[0].(*leastConn)
	a := tree.Pick(Key{}, nil)
	b := tree.Pick(Key{}, nil)
	c := tree.Pick(Key{}, nil)
	if got := a.ID + b.ID + c.ID; got != "b0b1b0" {
		t.Errorf("got %s, want b0b1b0", got)
	}
}

func TestLeastConnIsExactOnceConcurrentRequestsRest(t *testing.T) {
	p := active(t, LeastConn, 1, 1, 1, 1, 1, 1, 1, 1)
	tree := p.policies[0].(*leastConn)
	for range 20 {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					a, _ := p.Acquire(Want{})
					b, _ := p.Acquire(Want{})
					a.Release()
					b.Release()
				}
			})
		}
		wg.Wait()
		checkTree(t, tree)
	}
	for _, b := range p.Backends() {
		if b.InFlight() != 0 {
			t.Errorf("%s: %d in flight after all were released", b.ID, b.InFlight())
		}
	}
}

// A count that was read ahead of the lock may be stored after a newer one.
func TestRefreshReadsTheCountUnderTheLock(t *testing.T) {
	tree := active(t, LeastConn, 1, 1).policies[0].(*leastConn)
	e := &tree.entrants[0]
	for range 100 {
		tree.mu.Lock()
		var wg sync.WaitGroup
		wg.Go(func() { tree.refresh(0) })
		for range 10 {
			runtime.Gosched() // lets it come to the lock
		}
		e.backend.inFlight.Add(1)
		tree.mu.Unlock()
		wg.Wait()
		if e.requests != e.backend.InFlight() {
			t.Fatalf("the tree has %d in flight, the backend %d", e.requests, e.backend.InFlight())
		}
	}
}

// The work is counted in comparisons: at most the depth of the tree for each change, and as much again for each tried backend.
func TestLeastConnWorkGrowsWithTheLogarithm(t *testing.T) {
	for _, n := range []int{2, 10, 100, 1000, 10_000} {
		p := active(t, LeastConn, even(n)...)
		tree := p.policies[0].(*leastConn)
		depth := uint64(bits.Len(uint(2*n - 1)))
		tried := &Set{}
		for range 3 {
			before := tree.matches
			l := mustAcquire(t, p, Want{Tried: tried})
			// the pick is replayed once, its claim finds the count as it is; the search passes a tried one's path twice at the most
			if got, most := tree.matches-before, depth*uint64(1+tried.Len()); got > most {
				t.Errorf("%d backends, %d tried: %d comparisons to acquire, want %d at most", n, tried.Len(), got, most)
			}
			before = tree.matches
			l.Release()
			if got := tree.matches - before; got == 0 || got > depth {
				t.Errorf("%d backends: %d comparisons to release, want 1 to %d", n, got, depth)
			}
			if tried.Len() < n-1 {
				tried.Add(l.Backend)
			}
		}
	}
}
