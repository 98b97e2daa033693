//go:build !race

package proxy

import (
	"strings"
	"testing"
)

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

func TestChoosingARouteByAUsualPathAllocatesNothing(t *testing.T) {
	l := testListener(t, "admin /admin", "exact =/exact", "files /Files", "rest /")
	for _, path := range []string{"/", "/shop/item", "/assets/index-BxK3Qz.js", "/blog/post/", "/Files/"} {
		var a arena
		req := &Request{Method: "GET", Target: path, Host: "Shop.example"}
		if n := testing.AllocsPerRun(100, func() {
			a.reset(true)
			if _, err := l.choose(req, &a); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", path, n)
		}
	}
}

func TestAnArenaGrowsToWhatAnExchangeNeeds(t *testing.T) {
	var a arena
	text := strings.Repeat("x", 400)
	if n := testing.AllocsPerRun(100, func() {
		a.reset(true)
		for range 5 {
			a.keep(append(a.room(len(text)), text...))
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
