//go:build !race

package proxy

import "testing"

func TestAStickyGETAllocatesNothing(t *testing.T) {
	for _, clients := range []int{1, 10_000} {
		v := newVisits(t, clients)
		ask := func() {
			if err := v.next(); err != nil {
				t.Fatal(err)
			}
		}
		for range clients {
			ask()
		}
		if n := testing.AllocsPerRun(2*clients, ask); n != 0 {
			t.Errorf("%d clients: got %v allocations a request, want 0", clients, n)
		}
	}
}
