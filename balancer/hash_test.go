package balancer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const keys = 100_000

// assign returns the ID that each of the test's keys is given.
func assign(p *Pool) []string {
	ids := make([]string, keys)
	for i := range ids {
		ids[i] = p.policies[0].Pick(KeyOf(fmt.Sprint("client-", i)), nil).ID
	}
	return ids
}

func TestAddingABackendMovesOnlyItsShareOfTheKeys(t *testing.T) {
	for _, n := range []int{3, 10, 100} {
		before := assign(mustPool(t, config(Hash, even(n)...), nil))
		after := assign(mustPool(t, config(Hash, even(n+1)...), nil))
		moved, added := 0, fmt.Sprint("b", n)
		for i := range keys {
			if before[i] == after[i] {
				continue
			}
			moved++
			if after[i] != added {
				t.Fatalf("with %d backends and one more, a key moved from %s to %s", n, before[i], after[i])
			}
		}
		share := float64(keys) / float64(n+1)
		if float64(moved) > 1.15*share || float64(moved) < 0.85*share {
			t.Errorf("with %d backends and one more, %d keys moved, want about %.0f", n, moved, share)
		}
	}
}

func TestChangingAWeightMovesKeysOnlyToOrFromThatBackend(t *testing.T) {
	before := assign(mustPool(t, config(Hash, 2, 2, 2, 2), nil))
	for _, w := range []int{1, 3, 0} {
		after := assign(mustPool(t, config(Hash, 2, 2, w, 2), nil))
		for i := range keys {
			if before[i] != after[i] && (w > 2 && after[i] != "b2" || w < 2 && before[i] != "b2") {
				t.Fatalf("weight of b2 from 2 to %d: a key moved from %s to %s", w, before[i], after[i])
			}
		}
	}
}

func TestHashSharesFollowTheWeights(t *testing.T) {
	weights := []int{1, 2, 3, 4, 10}
	h := mustPool(t, config(Hash, weights...), nil).policies[0].(*hash)
	counts := make([]int, len(weights))
	for _, i := range h.slots {
		counts[i]++
	}
	for i, w := range weights {
		share := float64(w) / 20
		want := share * fewSlots
		if bound := 4 * math.Sqrt(want*(1-share)); math.Abs(float64(counts[i])-want) > bound {
			t.Errorf("weight %d owns %d slots, want %.0f ± %.0f", w, counts[i], want, bound)
		}
	}
}

func TestHashDoesNotDependOnTheOrderOfTheConfiguration(t *testing.T) {
	c := config(Hash, mixed(40)...)
	before := assign(mustPool(t, c, nil))
	rand.New(rand.NewPCG(1, 4)).Shuffle(len(c.Backends), func(i, j int) {
		c.Backends[i], c.Backends[j] = c.Backends[j], c.Backends[i]
	})
	if after := assign(mustPool(t, c, nil)); !slices.Equal(before, after) {
		t.Error("the same backends in another order own other keys")
	}
}

func TestHashGoesByIDAndNotByAddress(t *testing.T) {
	c := config(Hash, 1, 1, 1)
	before := assign(mustPool(t, c, nil))
	c.Backends[1].URL = "https://10.9.9.9:8443"
	if after := assign(mustPool(t, c, nil)); !slices.Equal(before, after) {
		t.Error("a new address moved keys")
	}
}

// Replicas of different builds have to agree, so these values are for good.
func TestHashIsTheSameInEveryProcess(t *testing.T) {
	if got := KeyOf("192.0.2.1"); got != (Key{goldenHash, true}) {
		t.Errorf("KeyOf: got %#x", got.Hash)
	}
	p := mustPool(t, config(Hash, 1, 2, 3), nil)
	var got string
	for i := range 40 {
		got += p.policies[0].Pick(KeyOf(fmt.Sprint("client-", i)), nil).ID[1:]
	}
	if got != goldenOwners {
		t.Errorf("got  %s\nwant %s", got, goldenOwners)
	}
}

const (
	goldenHash   = 0x4d0e1bc6845259f5
	goldenOwners = "2022100122212212220211210210111222202211"
)

func TestTriedOwnerGivesWayToTheSameBackendEveryTime(t *testing.T) {
	p := active(t, Hash, even(10)...)
	second := map[string]int{}
	for i := range 1000 {
		key, tried := KeyOf(fmt.Sprint("client-", i)), &Set{}
		owner := mustAcquire(t, p, Want{Key: key}).Backend
		if owner.ID != "b0" {
			continue
		}
		tried.Add(owner)
		a := mustAcquire(t, p, Want{Key: key, Tried: tried}).Backend
		b := mustAcquire(t, p, Want{Key: key, Tried: tried}).Backend
		if a != b || a == owner {
			t.Fatalf("key %d of %s went to %s and then to %s", i, owner.ID, a.ID, b.ID)
		}
		second[a.ID]++
	}
	if len(second) != 9 {
		t.Errorf("the keys of one backend went to %d others, want all 9: %v", len(second), second)
	}
}

func TestRequestsWithoutAKeyAreBalancedByLeastConn(t *testing.T) {
	p := active(t, Hash, 1, 1, 1)
	mustAcquire(t, p, Want{Backend: p.Backend("b0")})
	mustAcquire(t, p, Want{Backend: p.Backend("b2")})
	if l := mustAcquire(t, p, Want{}); l.Backend.ID != "b1" {
		t.Errorf("got %s, want b1, which alone has nothing in flight", l.Backend.ID)
	}
	checkTree(t, p.policies[0].(*hash).keyless)
}

func TestHashHasMoreSlotsForManyBackends(t *testing.T) {
	for n, want := range map[int]int{1: fewSlots, fewMembers: fewSlots, fewMembers + 1: manySlots} {
		if got := len(mustPool(t, config(Hash, even(n)...), nil).policies[0].(*hash).slots); got != want {
			t.Errorf("%d backends: %d slots, want %d", n, got, want)
		}
	}
}

// What is drawn for a slot by its definition, without a horizon, has to be what owners builds.
func TestOwnersAreTheFirstToArrive(t *testing.T) {
	const size = 50
	var m members
	for i, w := range []int64{1, 3, 0, 7} {
		if w > 0 {
			m = append(m, member{&Backend{ID: fmt.Sprint("x", i)}, w})
		}
	}
	want, first := make([]int32, size), make([]float64, size)
	players, _ := newThrowers(m)
	for i := range players {
		p := &players[i]
		for range 50_000 {
			if s := slot(p.random.next(), size); first[s] == 0 || p.at < first[s] {
				want[s], first[s] = p.member, p.at
			}
			p.throw()
		}
	}
	if got := owners(m, size); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
