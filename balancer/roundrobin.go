package balancer

import (
	"container/heap"
	"sync/atomic"
)

// roundRobin goes through a schedule in which each member stands as often as its weight says, spread evenly.
type roundRobin struct {
	members members
	order   []int32
	_       [64]byte // the counter is written by every pick
	next    atomic.Uint64
	_       [56]byte
}

func newRoundRobin(m members) *roundRobin {
	return &roundRobin{members: m, order: schedule(tickets(m))}
}

// Pick takes the next place of the schedule, and on a retry the one after that: the places of a backend that fails are shared out among the
// others in turn.
func (r *roundRobin) Pick(_ Key, tried *Set) *Backend {
	var place uint64
	for range draws {
		place = r.next.Add(1) - 1
		b := r.members[r.order[place%uint64(len(r.order))]].backend
		if !tried.Has(b) {
			return b
		}
	}
	if i := r.members.untried(int(place%uint64(len(r.members))), tried); i >= 0 {
		return r.members[i].backend
	}
	return nil
}

// tickets returns how often each member stands in the schedule: its weight, in lowest terms. Where that makes a schedule of more than 65,536
// places and 16 for each member, the weights are rounded to fit, to one place at least.
func tickets(m members) []int64 {
	counts := make([]int64, len(m))
	var total int64
	for i := range m {
		counts[i] = m[i].weight
		total += m[i].weight
	}
	if limit := int64(1<<16 + 16*len(m)); total/gcd(counts) > limit {
		for i, n := range counts {
			counts[i] = max(1, (n*limit+total/2)/total)
		}
	}
	d := gcd(counts)
	for i := range counts {
		counts[i] /= d
	}
	return counts
}

func gcd(ns []int64) int64 {
	var d int64
	for _, n := range ns {
		for n != 0 {
			d, n = n, d%n
		}
	}
	return d
}

// schedule puts counts[i] tickets of each member i in order, so that among the first t places a member has its share of t to within one.
//
// With as many places as there are tickets in all, ticket k of n may stand from place k*places/n on and is due by (k+1)*places/n. Each
// place goes to the ticket that is due first among those that may stand there (earliest eligible deadline first).
func schedule(counts []int64) []int32 {
	var places int64
	for _, n := range counts {
		places += n
	}
	order := make([]int32, places)
	q := queue{counts: counts, used: make([]int64, len(counts))}
	for i := range counts {
		q.members = append(q.members, int32(i))
	}
	heap.Init(&q)
	waiting := make([]int32, places)       // the last member whose next ticket may stand from this place on, counted from 1
	before := make([]int32, len(counts)+1) // the one before that in the same list
	for place := range order {
		for i := waiting[place]; i != 0; i = before[i] {
			heap.Push(&q, i-1)
		}
		i := heap.Pop(&q).(int32)
		order[place] = i
		q.used[i]++
		if n := counts[i]; q.used[i] < n {
			from := (q.used[i]*places + n - 1) / n
			before[i+1], waiting[from] = waiting[from], i+1
		}
	}
	return order
}

// queue is a heap of members by when their next ticket is due.
type queue struct {
	members []int32
	counts  []int64 // tickets of each member
	used    []int64 // and how many of them stand already
}

func (q *queue) Len() int { return len(q.members) }

func (q *queue) Less(i, j int) bool {
	a, b := q.members[i], q.members[j]
	x, y := (q.used[a]+1)*q.counts[b], (q.used[b]+1)*q.counts[a]
	return x < y || x == y && a < b
}

func (q *queue) Swap(i, j int) { q.members[i], q.members[j] = q.members[j], q.members[i] }

func (q *queue) Push(x any) { q.members = append(q.members, x.(int32)) }

func (q *queue) Pop() any {
	last := len(q.members) - 1
	x := q.members[last]
	q.members = q.members[:last]
	return x
}
