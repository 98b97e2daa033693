package balancer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// mixed is n weights from 1 to 10, and a heavy one.
func mixed(n int) []int {
	rng := rand.New(rand.NewPCG(uint64(n), 2))
	weights := make([]int, n)
	for i := range weights {
		weights[i] = 1 + rng.IntN(10)
	}
	weights[n/2] = MaxWeight
	return weights
}

func TestPickAllocatesNothing(t *testing.T) {
	for _, name := range everyPolicy {
		for _, n := range []int{1, 3, 100} {
			p := mustPool(t, config(name, mixed(n)...), nil)
			policy := p.policies[0]
			tried := &Set{}
			for i := 0; i < min(n, 3); i++ {
				tried.Add(p.Backends()[i])
			}
			for _, key := range []Key{{}, KeyOf("192.0.2.1")} {
				got := testing.AllocsPerRun(200, func() {
					policy.Pick(key, nil)
					policy.Pick(key, tried)
				})
				if got != 0 {
					t.Errorf("%s with %d backends: %v allocations", name, n, got)
				}
			}
		}
	}
}

// The bounds are six standard deviations of what each policy's randomness allows.
func TestPicksFollowTheWeights(t *testing.T) {
	weights := []int{1, 2, 3, 10, 84}
	for _, name := range []PolicyName{RoundRobin, Random, P2C} {
		p := mustPool(t, config(name, weights...), nil)
		picks := map[string]int{}
		const total = 100_000
		for range total {
			picks[p.policies[0].Pick(Key{}, nil).ID]++
		}
		for i, w := range weights {
			want := total * float64(w) / 100
			if name == P2C {
				want = idleP2C(weights, i) * total
			}
			bound := 6 * math.Sqrt(want)
			if name == RoundRobin {
				bound = 1
			}
			if got := float64(picks[fmt.Sprint("b", i)]); math.Abs(got-want) > bound {
				t.Errorf("%s: weight %d got %.0f of %d picks, want %.0f ± %.0f", name, w, got, total, want, bound)
			}
		}
	}
}

// idleP2C is the share of picks that p2c gives member i while nothing is in flight: the heavier of two different draws wins.
func idleP2C(weights []int, i int) (share float64) {
	for a, wa := range weights {
		for b, wb := range weights {
			if a != b && (a == i && wa >= wb || b == i && wb > wa) {
				share += float64(wa) / 100 * float64(wb) / float64(100-wa)
			}
		}
	}
	return share
}

func TestRetriesKeepTheWeightsOfTheRest(t *testing.T) {
	for _, name := range []PolicyName{RoundRobin, Random} {
		p := mustPool(t, config(name, 1, 1, 2), nil)
		tried := &Set{}
		tried.Add(p.Backend("b1"))
		picks := map[string]int{}
		for range 30_000 {
			picks[p.policies[0].Pick(Key{}, tried).ID]++
		}
		if n := picks["b0"]; n < 9_500 || n > 10_500 || picks["b1"] != 0 {
			t.Errorf("%s: got %v, want a third for b0 and the rest for b2", name, picks)
		}
	}
}

func TestLotteryHoldsExactlyTheWeights(t *testing.T) {
	for _, weights := range [][]int{{1}, {1, 1}, {1, 2}, {5, 1, 1}, {1000, 1, 1, 1}, even(100), mixed(1000)} {
		var m members
		total := 0
		for _, w := range weights {
			m = append(m, member{&Backend{}, int64(w)})
			total += w
		}
		l := newLottery(m)
		share := make([]float64, len(m))
		for i, c := range l {
			own := float64(c.cut) / (1 << 64)
			share[i] += own / float64(len(l))
			share[c.other] += (1 - own) / float64(len(l))
		}
		for i, w := range weights {
			if want := float64(w) / float64(total); math.Abs(share[i]-want) > 1e-12 {
				t.Errorf("%d weights: member %d has share %g, want %g", len(weights), i, share[i], want)
			}
		}
	}
}

func TestLotteryDrawsBothOwnersOfACell(t *testing.T) {
	l := lottery{{cut: 1 << 63, other: 1}, {cut: 0, other: 1}}
	for r, want := range map[uint64]int{0: 0, 1<<62 - 1: 0, 1 << 62: 1, 1<<63 - 1: 1, 1 << 63: 1, math.MaxUint64: 1} {
		if got := l.draw(r); got != want {
			t.Errorf("word %#x drew %d, want %d", r, got, want)
		}
	}
}

func TestP2CPrefersTheLessLoadedForItsWeight(t *testing.T) {
	p := active(t, P2C, 1, 1)
	for range 50 {
		mustAcquire(t, p, Want{})
	}
	if a, b := p.Backend("b0").InFlight(), p.Backend("b1").InFlight(); a != 25 || b != 25 {
		t.Errorf("got %d and %d of 50, want 25 each: of two, both are drawn every time", a, b)
	}
	p = active(t, P2C, 3, 1)
	for range 40 {
		mustAcquire(t, p, Want{})
	}
	// The draws give the heavy one alone in all of 17 times about once in a hundred requests.
	if a := p.Backend("b0").InFlight(); a < 29 || a > 33 {
		t.Errorf("the one of weight 3 of 4 got %d of 40", a)
	}
}

func BenchmarkPick(b *testing.B) {
	for _, name := range everyPolicy {
		for _, n := range []int{3, 100, 10_000} {
			policy := mustPool(b, config(name, even(n)...), nil).policies[0]
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := uint64(0); b.Loop(); i++ {
					policy.Pick(Key{Hash: mix(i), Ok: true}, nil)
				}
			})
		}
	}
}

func BenchmarkAcquire(b *testing.B) {
	for _, name := range everyPolicy {
		p := active(b, name, even(100)...)
		b.Run(string(name), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := uint64(0); pb.Next(); i++ {
					l, _ := p.Acquire(Want{Key: Key{Hash: mix(i), Ok: true}})
					l.Release()
				}
			})
		})
	}
}

func BenchmarkNewPool(b *testing.B) {
	for _, name := range everyPolicy {
		for _, n := range []int{3, 10_000} {
			c := config(name, mixed(n)...)
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					mustPool(b, c, nil)
				}
			})
		}
	}
}
