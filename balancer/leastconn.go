package balancer

import "sync"

// leastConn picks the member with the fewest requests in flight for its weight, and among equals the one that it picked longest ago.
//
// It is a tournament tree: each inner node holds the winner of its two children, so that the best is at the root and a change of one
// count is played again on the way from its leaf to the root alone.
type leastConn struct {
	seats []seat // one for each member, for watch to hand out

	mu       sync.Mutex
	entrants []entrant
	winners  []int32 // index of an entrant; node 1 is the root, the children of i are 2i and 2i+1, entrant i is at len(entrants)+i
	clock    uint64  // picks so far
	matches  uint64  // comparisons so far
}

// entrant is a member as the tree knows it.
type entrant struct {
	member
	requests int64  // in flight, when last read
	picked   uint64 // clock of the last pick
}

// seat is a member's place in a tree that wants to know its count.
type seat struct {
	tree  *leastConn
	index int
}

func newLeastConn(m members) *leastConn {
	t := &leastConn{
		seats:    make([]seat, len(m)),
		entrants: make([]entrant, len(m)),
		winners:  make([]int32, 2*len(m)),
	}
	for i := range m {
		t.seats[i] = seat{t, i}
		t.entrants[i] = entrant{member: m[i], requests: m[i].backend.InFlight()}
		t.winners[len(m)+i] = int32(i)
	}
	for node := len(m) - 1; node > 0; node-- {
		t.winners[node] = t.better(t.winners[2*node], t.winners[2*node+1])
	}
	return t
}

// watch has the backends tell t of changes from now on, and no other tree. Each is read again once it does: a change that came before has not
// been told.
func (t *leastConn) watch() {
	for i := range t.seats {
		t.entrants[i].backend.seat.Store(&t.seats[i])
		t.refresh(i)
	}
}

// Pick counts its choice in at once, ahead of the claim, or picks at the same time would all make the same one. Where no one tells the tree
// of changes (its pool is not active), this is also what keeps it near the truth.
func (t *leastConn) Pick(_ Key, tried *Set) *Backend {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.best(1, tried)
	if i < 0 {
		return nil
	}
	e := &t.entrants[i]
	t.clock++
	e.picked = t.clock
	e.requests = e.backend.InFlight() + 1
	t.replay(i)
	return e.backend
}

// refresh reads the count of entrant i again. Reading, and not adding, makes it right whatever order concurrent changes arrive in, but only
// under the lock: a count that was read before it may be older than the one stored.
func (t *leastConn) refresh(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &t.entrants[i]
	if n := e.backend.InFlight(); n != e.requests {
		e.requests = n
		t.replay(int32(i))
	}
}

// replay decides the matches above entrant i, as far as they may come out differently.
func (t *leastConn) replay(i int32) {
	for node := (len(t.entrants) + int(i)) / 2; node > 0; node /= 2 {
		was := t.winners[node]
		t.winners[node] = t.better(t.winners[2*node], t.winners[2*node+1])
		if was != i && t.winners[node] == was {
			return
		}
	}
}

// best returns the best entrant below node that is not in tried, or -1. It goes down only where a tried one has won: O(log n) nodes for each
// of tried.
func (t *leastConn) best(node int, tried *Set) int32 {
	i := t.winners[node]
	switch {
	case !tried.Has(t.entrants[i].backend):
		return i
	case node >= len(t.entrants):
		return -1
	}
	left, right := t.best(2*node, tried), t.best(2*node+1, tried)
	switch {
	case left < 0:
		return right
	case right < 0:
		return left
	}
	return t.better(left, right)
}

// better returns the winner of two entrants.
func (t *leastConn) better(i, j int32) int32 {
	t.matches++
	a, b := &t.entrants[i], &t.entrants[j]
	x, y := load{a.requests + 1, a.weight}, load{b.requests + 1, b.weight}
	switch {
	case x.less(y):
		return i
	case y.less(x):
		return j
	case a.picked != b.picked:
		if a.picked < b.picked {
			return i
		}
		return j
	}
	return min(i, j)
}
