package balancer

import "fmt"

// Policy picks one backend of a fixed membership.
//
// A policy is built for a membership, off the request path, and built anew when the membership changes. It is safe for concurrent use and
// does not block beyond a short mutex. Pick is O(log n) at most and allocates nothing.
type Policy interface {
	// Pick returns a backend that is not in tried, or nil when there is none. The caller claims what it is given. tried may be nil.
	// Policies that hash use key, and fall back to least-conn without one.
	Pick(key Key, tried *Set) *Backend
}

// member is a backend and its weight in one pool, 1 to MaxWeight.
type member struct {
	backend *Backend
	weight  int64
}

// load is the weighted load of a member as a fraction: what its backend would have in flight with one request more, per unit of weight.
type load struct{ requests, weight int64 }

// less compares without dividing, so that equal loads are equal. Weights are small enough for the products not to overflow.
func (a load) less(b load) bool { return a.requests*b.weight < b.requests*a.weight }

func (m member) load() load { return load{m.backend.InFlight() + 1, m.weight} }

// members is what a policy picks from, in the order of the configuration.
type members []member

// untried returns the index of the first member from i on, round and round, whose backend is not in tried; -1 when there is none. It looks
// at one member more than tried has, at most. Policies end with it when their own way of choosing has met only tried ones.
func (m members) untried(i int, tried *Set) int {
	for range m {
		if !tried.Has(m[i].backend) {
			return i
		}
		if i++; i == len(m) {
			i = 0
		}
	}
	return -1
}

// draws is how many members a policy draws before it leaves its own way of choosing. Each draw meets an untried member with the share of
// weight that is left, so that weights are kept on a retry unless nearly all of the weight has been tried.
const draws = 16

// builder returns what builds the named policy for members, of which there is at least one.
func builder(name PolicyName) (func(members) Policy, error) {
	switch name {
	case RoundRobin:
		return func(m members) Policy { return newRoundRobin(m) }, nil
	case LeastConn:
		return func(m members) Policy { return newLeastConn(m) }, nil
	case Random:
		return func(m members) Policy { return newRandom(m) }, nil
	case P2C:
		return func(m members) Policy { return &p2c{newRandom(m)} }, nil
	case Hash:
		return func(m members) Policy { return newHash(m) }, nil
	case StickyCookie:
		return nil, fmt.Errorf("policy %s must be expanded, to %s with affinity by cookie, before the pool is built", StickyCookie, LeastConn)
	}
	return nil, fmt.Errorf("unknown policy %q", string(name))
}
