package balancer

import (
	"math"
	"math/bits"
)

// hash picks the owner of the slot that a key falls into.
//
// Who owns a slot is weighted rendezvous hashing: it follows from the IDs and weights alone, so that every process agrees, and a backend that
// is added takes the slots that it wins and moves nothing else. See owners.
type hash struct {
	members members
	slots   []int32 // index of the member that owns each
	keyless *leastConn
}

// The number of slots, for up to fewMembers members and beyond. A member's share of the slots varies by one part in the root of their number,
// 4 % where it has 655. Going from one size to the other moves most keys.
const (
	fewSlots   = 65_537
	manySlots  = 655_373
	fewMembers = 500
)

func newHash(m members) *hash {
	size := fewSlots
	if len(m) > fewMembers {
		size = manySlots
	}
	return &hash{members: m, slots: owners(m, size), keyless: newLeastConn(m)}
}

// Pick probes slots that follow from the key alone, so that a key whose first backend was tried goes to the same other one every time.
func (h *hash) Pick(key Key, tried *Set) *Backend {
	if !key.Ok {
		return h.keyless.Pick(key, tried)
	}
	s := stream(key.Hash)
	var i int
	for range draws {
		i = int(h.slots[slot(s.next(), len(h.slots))])
		if b := h.members[i].backend; !tried.Has(b) {
			return b
		}
	}
	if i = h.members.untried(i, tried); i >= 0 {
		return h.members[i].backend
	}
	return nil
}

// slot maps a random word to one of size slots.
func slot(r uint64, size int) int {
	hi, _ := bits.Mul64(r, uint64(size))
	return int(hi)
}

// owners returns the owner of each of size slots.
//
// Each member throws balls at random slots, at random moments, as many in a unit of time as its weight (a Poisson process), and a slot goes to
// the ball that gets there first. What a member throws follows from its ID and weight and never from the other members. It is played up
// to a horizon that is moved on until every slot has an owner; a later ball takes no slot that has one.
func owners(m members, size int) []int32 {
	owner, first, free := make([]int32, size), make([]float64, size), size
	for i := range first {
		first[i] = math.Inf(1)
	}
	players, total := newThrowers(m)
	round := float64(size) / total // the time in which as many balls are thrown as there are slots
	for horizon := round * (math.Log(float64(size)) + 2); free > 0; horizon += round {
		for i := range players {
			for p := &players[i]; p.at < horizon; p.throw() {
				target := slot(p.random.next(), size)
				if p.at >= first[target] {
					continue
				}
				if math.IsInf(first[target], 1) {
					free--
				}
				owner[target], first[target] = p.member, p.at
			}
		}
	}
	return owner
}

// thrower is a member as it throws balls; at is the time of its next one.
type thrower struct {
	member int32
	random stream
	rate   float64
	at     float64
}

// newThrowers returns the members at their first balls, and the sum of their rates.
func newThrowers(m members) (players []thrower, total float64) {
	for i := range m {
		p := thrower{member: int32(i), random: stream(hashOf(m[i].backend.ID)), rate: float64(m[i].weight)}
		p.throw()
		players = append(players, p)
		total += p.rate
	}
	return players, total
}

// throw waits for the next ball: a time that is distributed exponentially, from a random number above 0 and up to 1.
func (p *thrower) throw() {
	u := float64(p.random.next()>>11+1) / (1 << 53)
	p.at -= math.Log(u) / p.rate
}
