package balancer

import "testing"

func TestSetKeepsEachMemberOnce(t *testing.T) {
	var s Set
	backends := make([]Backend, 10)
	for i := range backends {
		if s.Has(&backends[i]) || s.Len() != i {
			t.Fatalf("before adding member %d: has it %v, length %d", i, s.Has(&backends[i]), s.Len())
		}
		s.Add(&backends[i])
		s.Add(&backends[0])
		s.Add(&backends[i])
	}
	for i := range backends {
		if !s.Has(&backends[i]) {
			t.Errorf("member %d is lost", i)
		}
	}
	if s.Len() != 10 {
		t.Errorf("got length %d, want 10", s.Len())
	}
}

func TestEmptySetHasNoMembers(t *testing.T) {
	var none *Set
	for _, s := range []*Set{none, {}} {
		if s.Has(&Backend{}) || s.Has(nil) || s.Len() != 0 {
			t.Errorf("an empty set has members: %v", s)
		}
	}
}

func TestSetOfFourAllocatesNothing(t *testing.T) {
	var backends [4]Backend
	var s Set
	n := testing.AllocsPerRun(100, func() {
		s = Set{}
		for i := range backends {
			s.Add(&backends[i])
		}
	})
	if n != 0 || s.Len() != 4 {
		t.Errorf("%v allocations for %d members", n, s.Len())
	}
}
