package balancer

import (
	"math/bits"
	"math/rand/v2"
)

// random draws a member with the probability that its weight gives it.
type random struct {
	members members
	lottery lottery
}

func newRandom(m members) *random { return &random{m, newLottery(m)} }

// Pick draws until it meets a backend that is not in tried.
func (r *random) Pick(_ Key, tried *Set) *Backend {
	if i := r.draw(tried); i >= 0 {
		return r.members[i].backend
	}
	return nil
}

// draw returns the index of a member that is not in tried, or -1.
func (r *random) draw(tried *Set) int {
	for range draws {
		if i := r.lottery.draw(rand.Uint64()); !tried.Has(r.members[i].backend) {
			return i
		}
	}
	return r.members.untried(rand.IntN(len(r.members)), tried)
}

// lottery is an alias table (Walker; built as Vose does): as many cells as members, each of one size and shared by two members at most, so
// that a draw is one cell and one comparison.
type lottery []cell

// cell belongs to the member of its index below cut, in units of 2^-64 of the cell, and to other from there on.
type cell struct {
	cut   uint64
	other int32
}

// draw returns the index of a member. r is a random word.
func (l lottery) draw(r uint64) int {
	i, within := bits.Mul64(r, uint64(len(l)))
	if c := l[i]; within >= c.cut {
		return int(c.other)
	}
	return int(i)
}

// newLottery counts in units of which a cell holds the sum of the weights, so that all is whole numbers: a member fills its weight times the
// number of cells.
func newLottery(m members) lottery {
	l := make(lottery, len(m))
	var size int64
	for i := range m {
		size += m[i].weight
	}
	left := make([]int64, len(m)) // what each member has still to fill
	var poor, rich []int32        // those with less than a cell, and the others
	for i := range m {
		left[i] = m[i].weight * int64(len(m))
		if l[i].other = int32(i); left[i] < size {
			poor = append(poor, int32(i))
		} else {
			rich = append(rich, int32(i))
		}
	}
	for len(poor) > 0 {
		p, r := poor[len(poor)-1], rich[len(rich)-1]
		poor = poor[:len(poor)-1]
		cut, _ := bits.Div64(uint64(left[p]), 0, uint64(size))
		l[p] = cell{cut, r}
		if left[r] -= size - left[p]; left[r] < size {
			rich, poor = rich[:len(rich)-1], append(poor, r)
		}
	}
	return l
}
