package balancer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var everyPolicy = []PolicyName{RoundRobin, LeastConn, Random, P2C, Hash}

// config describes backends b0, b1, ... with these weights.
func config(policy PolicyName, weights ...int) Config {
	c := Config{Policy: policy, HashOn: "client-ip"}
	for i, w := range weights {
		c.Backends = append(c.Backends, BackendConfig{
			URL: fmt.Sprintf("10.%d.%d.%d:80", i>>16, i>>8&255, i&255), ID: fmt.Sprintf("b%d", i), Weight: w,
		})
	}
	return c
}

// even is n weights of 1.
func even(n int) []int {
	weights := make([]int, n)
	for i := range weights {
		weights[i] = 1
	}
	return weights
}

func mustPool(t testing.TB, c Config, prev *Pool) *Pool {
	t.Helper()
	p, err := NewPool("web", c, prev)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// active is a pool that has been activated.
func active(t testing.TB, policy PolicyName, weights ...int) *Pool {
	t.Helper()
	p := mustPool(t, config(policy, weights...), nil)
	p.Activate()
	return p
}

func mustAcquire(t testing.TB, p *Pool, w Want) Lease {
	t.Helper()
	l, err := p.Acquire(w)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPoolListsItsBackends(t *testing.T) {
	c := config(LeastConn, 5, 0)
	c.Backends = append(c.Backends, BackendConfig{URL: "https://app.internal", Weight: 1})
	p := mustPool(t, c, nil)
	if p.Name() != "web" {
		t.Errorf("got name %q", p.Name())
	}
	var got []string
	for _, b := range p.Backends() {
		got = append(got, fmt.Sprint(b.ID, " ", b.Scheme, " ", b.Address, " ", p.Weight(b)))
		if p.Backend(b.ID) != b {
			t.Errorf("Backend(%q) is another one", b.ID)
		}
	}
	want := "b0 http 10.0.0.0:80 5; b1 http 10.0.0.1:80 0; app.internal:443 https app.internal:443 1"
	if strings.Join(got, "; ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), want)
	}
	if p.Backend("b9") != nil || p.Weight(&Backend{ID: "b0"}) != 0 {
		t.Error("a backend that is not in the pool was found")
	}
}

func TestNewPoolRefusesWhatItCannotServe(t *testing.T) {
	twice := config(LeastConn, 1, 1)
	twice.Backends[1].ID = "b0"
	bad := config(LeastConn, 1, 1)
	bad.Backends[1].URL = "10.0.0.1"
	for _, test := range []struct {
		name   string
		config Config
		want   string
	}{
		{"sticky-cookie", config(StickyCookie, 1), "policy sticky-cookie must be expanded"},
		{"a sticky pool without weights", config(StickyCookie, 0), "policy sticky-cookie must be expanded"},
		{"an unknown policy", config("fastest", 1), `unknown policy "fastest"`},
		{"no policy", config("", 1), `unknown policy ""`},
		{"no backends", config(LeastConn), "a pool needs at least one backend"},
		{"one ID twice", twice, `two backends have the ID "b0"`},
		{"no port", bad, "backends[1].url"},
		{"a negative weight", config(LeastConn, -1), "backends[0].weight"},
		{"a weight too large", config(LeastConn, MaxWeight+1), "backends[0].weight"},
	} {
		p, err := NewPool("web", test.config, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), `pool "web": `) {
			t.Errorf("%s: got error %v, want %q", test.name, err, test.want)
		}
		if p != nil {
			t.Errorf("%s: got a pool beside the error", test.name)
		}
	}
}

func TestBoundBackendIsChosenUnlessTriedOrForeign(t *testing.T) {
	for _, name := range everyPolicy {
		p := active(t, name, 1, 1, 0)
		for _, b := range p.Backends() {
			for range 5 {
				if l := mustAcquire(t, p, Want{Backend: b}); l.Backend != b {
					t.Errorf("%s: bound to %s, got %s", name, b.ID, l.Backend.ID)
				}
			}
		}
		var tried Set
		tried.Add(p.Backend("b1"))
		if l := mustAcquire(t, p, Want{Backend: p.Backend("b1"), Tried: &tried}); l.Backend.ID != "b0" {
			t.Errorf("%s: bound to a tried backend, got %s, want b0", name, l.Backend.ID)
		}
		foreign := mustPool(t, config(name, 1), nil).Backend("b0")
		if l := mustAcquire(t, p, Want{Backend: foreign}); l.Backend == foreign {
			t.Errorf("%s: got a backend that is not in the pool", name)
		}
	}
}

func TestRetriesFindEveryBackendAndThoseWithoutWeightLast(t *testing.T) {
	for _, name := range everyPolicy {
		for _, key := range []Key{{}, KeyOf("192.0.2.7")} {
			p := active(t, name, 1, 0, 1000, 3, 0, 1, 1000, 1, 1)
			var tried Set
			for n := range p.Backends() {
				l := mustAcquire(t, p, Want{Key: key, Tried: &tried})
				if tried.Has(l.Backend) {
					t.Fatalf("%s: attempt %d went to %s again", name, n, l.Backend.ID)
				}
				if last := n >= 7; last != (p.Weight(l.Backend) == 0) {
					t.Errorf("%s: attempt %d went to %s, of weight %d", name, n, l.Backend.ID, p.Weight(l.Backend))
				}
				tried.Add(l.Backend)
			}
			if _, err := p.Acquire(Want{Key: key, Tried: &tried}); !errors.Is(err, ErrNoBackend) {
				t.Errorf("%s: all tried, got error %v, want ErrNoBackend", name, err)
			}
		}
	}
}

func TestPoolWithoutAnyWeightServesEvenly(t *testing.T) {
	for _, name := range everyPolicy {
		p := active(t, name, 0, 0, 0)
		for range 9 {
			mustAcquire(t, p, Want{})
		}
		for _, b := range p.Backends() {
			if b.InFlight() != 3 {
				t.Errorf("%s: %s has %d of 9 requests", name, b.ID, b.InFlight())
			}
		}
	}
}

func TestBackendsAndTheirCountsSurviveANewPool(t *testing.T) {
	old := active(t, LeastConn, 1, 1, 1, 1)
	before := mustAcquire(t, old, Want{Backend: old.Backend("b0")})
	c := config(LeastConn, 7, 1, 1)
	c.Backends[1].URL = "10.9.9.9:80"
	c.Backends[2].URL = "https://10.0.0.2:80"
	next := mustPool(t, c, old)
	for id, same := range map[string]bool{"b0": true, "b1": false, "b2": false} {
		if got := next.Backend(id) == old.Backend(id); got != same {
			t.Errorf("%s: taken over %v, want %v", id, got, same)
		}
	}
	if next.Weight(next.Backend("b0")) != 7 || old.Weight(old.Backend("b0")) != 1 {
		t.Errorf("got weights %d and %d, want 7 in the new pool and 1 in the old", next.Weight(next.Backend("b0")), old.Weight(old.Backend("b0")))
	}
	between := mustAcquire(t, old, Want{Backend: old.Backend("b0")})
	next.Activate()
	after := mustAcquire(t, next, Want{Backend: next.Backend("b0")})
	for want, l := range []Lease{before, between, after} {
		if got := next.Backend("b0").InFlight(); got != int64(3-want) {
			t.Errorf("got %d in flight, want %d", got, 3-want)
		}
		l.Release()
	}
	if got := next.Backend("b0").InFlight(); got != 0 {
		t.Errorf("got %d in flight after all were released", got)
	}
	if l := mustAcquire(t, old, Want{Backend: old.Backend("b3")}); l.Backend.ID != "b3" {
		t.Error("the old pool no longer works")
	}
}

func TestActivateCatchesUpWithChangesSinceThePoolWasBuilt(t *testing.T) {
	for _, name := range []PolicyName{LeastConn, Hash} {
		old := active(t, name, 1, 1, 1)
		held := mustAcquire(t, old, Want{Backend: old.Backend("b0")})
		next := mustPool(t, config(name, 1, 1, 1), old)
		held.Release()
		mustAcquire(t, old, Want{Backend: old.Backend("b1")})
		mustAcquire(t, old, Want{Backend: old.Backend("b2")})
		next.Activate()
		if l := mustAcquire(t, next, Want{}); l.Backend.ID != "b0" {
			t.Errorf("%s: got %s, want b0, which alone has nothing in flight", name, l.Backend.ID)
		}
	}
}

func TestActivateTakesTheBackendsAwayFromTheOldPool(t *testing.T) {
	old := active(t, LeastConn, 1, 1)
	next := mustPool(t, config(RoundRobin, 1, 1), old)
	next.Activate()
	for _, b := range next.Backends() {
		if b.seat.Load() != nil {
			t.Errorf("%s still tells the old pool", b.ID)
		}
	}
}

// A pool that nobody tells of changes has to spread its picks nonetheless.
func TestPoolThatIsNotActiveSpreadsItsPicks(t *testing.T) {
	p := mustPool(t, config(LeastConn, 1, 1, 1), nil)
	for range 30 {
		mustAcquire(t, p, Want{})
	}
	for _, b := range p.Backends() {
		if b.InFlight() != 10 {
			t.Errorf("%s got %d of 30 requests", b.ID, b.InFlight())
		}
	}
}

// Requests come and go while the pool is replaced again and again, as in a reload under load.
func TestCountsAreExactAfterConcurrentRequestsAndReloads(t *testing.T) {
	for _, name := range everyPolicy {
		var current atomic.Pointer[Pool]
		current.Store(active(t, name, 1, 2, 3, 0))
		var wg sync.WaitGroup
		for g := range 4 {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			wg.Go(func() { churn(&current, rng) })
		}
		for range 3 {
			p := mustPool(t, config(name, 1, 2, 3, 0), current.Load())
			current.Store(p)
			p.Activate()
		}
		wg.Wait()
		p := current.Load()
		for _, b := range p.Backends() {
			if b.InFlight() != 0 {
				t.Errorf("%s: %s has %d in flight, want 0", name, b.ID, b.InFlight())
			}
		}
		for _, policy := range p.policies {
			if tree, ok := policy.(*leastConn); ok {
				checkTree(t, tree)
			}
		}
	}
}

// churn acquires and releases, with up to eight leases at a time, and ends with none.
func churn(current *atomic.Pointer[Pool], rng *rand.Rand) {
	var held []Lease
	for range 3000 {
		if len(held) == 8 || len(held) > 0 && rng.IntN(2) == 0 {
			i := rng.IntN(len(held))
			held[i].Release()
			held[i] = held[len(held)-1]
			held = held[:len(held)-1]
			continue
		}
		p, w := current.Load(), Want{}
		if rng.IntN(4) == 0 {
			w.Backend = p.Backends()[rng.IntN(4)]
		}
		l, err := p.Acquire(w)
		if err != nil {
			panic(err)
		}
		held = append(held, l)
	}
	for _, l := range held {
		l.Release()
	}
}

func TestAcquireAndReleaseAllocateNothing(t *testing.T) {
	for _, name := range everyPolicy {
		p := active(t, name, 3, 1, 2, 0)
		w := Want{Key: KeyOf("192.0.2.1"), Tried: &Set{}}
		w.Tried.Add(p.Backend("b0"))
		n := testing.AllocsPerRun(500, func() {
			l, _ := p.Acquire(w)
			l.Release()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
