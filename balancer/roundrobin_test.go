package balancer

import (
	"math"
	"testing"
)

func TestRoundRobinOrder(t *testing.T) {
	for _, test := range []struct {
		weights []int
		want    string
	}{
		{[]int{1}, "aaa"},
		{[]int{1, 1, 1}, "abcabc"},
		{[]int{5, 1, 1}, "abaacaaabaacaa"},
		{[]int{50, 10, 10}, "abaacaaabaacaa"},
		{[]int{2, 1}, "abaaba"},
		{[]int{3, 3, 2}, "abcabcababcabcab"},
		{[]int{6, 1, 1, 1, 1, 1, 1}, "abacadaeafag"},
	} {
		p := mustPool(t, config(RoundRobin, test.weights...), nil)
		var got []byte
		for range test.want {
			got = append(got, 'a'+p.policies[0].Pick(Key{}, nil).ID[1]-'0')
		}
		if string(got) != test.want {
			t.Errorf("weights %v: got %s, want %s", test.weights, got, test.want)
		}
	}
}

func TestScheduleIsNeverOffByAWholePlace(t *testing.T) {
	for _, counts := range [][]int64{{1}, {7, 3}, {5, 1, 1}, {13, 8, 5, 3, 2, 1, 1}, {1000, 999, 1}, {100, 7, 7, 7, 7, 7, 1, 1, 1, 1, 1, 1}} {
		order := schedule(counts)
		seen := make([]int64, len(counts))
		for place, i := range order {
			seen[i]++
			for j, n := range counts {
				if want := float64(place+1) * float64(n) / float64(len(order)); math.Abs(float64(seen[j])-want) >= 1 {
					t.Fatalf("%v: member %d has %d of the first %d places, want %.2f", counts, j, seen[j], place+1, want)
				}
			}
		}
		for i, n := range counts {
			if seen[i] != n {
				t.Errorf("%v: member %d has %d places", counts, i, seen[i])
			}
		}
	}
}

func TestScheduleIsBoundedAndKeepsEveryMember(t *testing.T) {
	weights := mixed(10_000)
	for i := range weights {
		weights[i] = i%MaxWeight + 1
	}
	p := mustPool(t, config(RoundRobin, weights...), nil)
	order := p.policies[0].(*roundRobin).order
	if n := len(order); n > 1<<16+17*10_000 {
		t.Errorf("the schedule has %d places", n)
	}
	seen := make([]int, len(weights))
	for _, i := range order {
		seen[i]++
	}
	for i, w := range weights {
		if want := float64(w) * float64(len(order)) / 5_005_000; seen[i] == 0 || math.Abs(float64(seen[i])-want) > 1 {
			t.Fatalf("weight %d has %d places, want %.1f", w, seen[i], want)
		}
	}
}

// One backend fails each time it is tried: its share has to go to both others, not to the next in line.
func TestRoundRobinSharesOutTheRetries(t *testing.T) {
	p := mustPool(t, config(RoundRobin, 1, 1, 1), nil)
	served := map[string]int{}
	for range 300 {
		l := mustAcquire(t, p, Want{})
		if l.Backend.ID == "b0" {
			tried := &Set{}
			tried.Add(l.Backend)
			l = mustAcquire(t, p, Want{Tried: tried})
		}
		served[l.Backend.ID]++
	}
	if served["b1"] != 150 || served["b2"] != 150 {
		t.Errorf("got %v, want 150 each for b1 and b2", served)
	}
}
