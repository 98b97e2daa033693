package balancer

import "sync/atomic"

// Backend is one server that requests are forwarded to.
//
// A Backend outlives the Pool it is in: when a reload keeps its ID, scheme and address, the new Pool takes over the same *Backend, so that
// its requests in flight survive the reload. The exported fields never change. It is safe for concurrent use.
type Backend struct {
	ID      string // unique in its pool
	Scheme  string // http or https
	Address string // host:port to connect to

	seat atomic.Pointer[seat] // where the active pool keeps its count; nil when that pool's policy does not ask

	_        [64]byte // the count is written by every request, what is above is only read
	inFlight atomic.Int64
	_        [56]byte
}

// InFlight is the number of leases on b that have not been released, over all pools that b has been in.
func (b *Backend) InFlight() int64 { return b.inFlight.Load() }

// claim counts a request in. It comes first in an attempt: whoever takes b out of service, and reads the count after that, finds the
// request there and can wait for it.
func (b *Backend) claim() { b.count(1) }

// count changes the count and then tells the active pool. The order matters: the pool reads the count, and is told after every change, so
// that it is right once nothing changes.
func (b *Backend) count(delta int64) {
	b.inFlight.Add(delta)
	if s := b.seat.Load(); s != nil {
		s.tree.refresh(s.index)
	}
}

// Lease is the claim that one attempt holds on a backend. It holds the Backend and never the Pool, so that a long stream does not keep a
// retired configuration alive.
type Lease struct {
	Backend *Backend
}

// Release counts the request out. It must be called exactly once on each Lease that Acquire returned without an error.
func (l Lease) Release() { l.Backend.count(-1) }
