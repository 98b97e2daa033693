package own

import "sync"

const (
	// headRoom is for the head of a request and what comes with it, answerRoom for the head of a response and the beginning of its body.
	headRoom   = 8 << 10
	answerRoom = 16 << 10
	// bodyRoom is for bodies that are longer than that, wideRoom for those that come and go fast.
	bodyRoom = 128 << 10
	wideRoom = 256 << 10
	// outRoom is for a head that is written, with what follows it at once.
	outRoom = answerRoom + 4<<10
)

// buffer holds bytes that have arrived and were not used yet: b[r:w].
type buffer struct {
	b    []byte
	r, w int
}

func (b *buffer) bytes() []byte { return b.b[b.r:b.w] }
func (b *buffer) empty() bool   { return b.r == b.w }
func (b *buffer) room() []byte  { return b.b[b.w:] }

// grow makes room for more bytes behind those that are there, which may move.
func (b *buffer) grow(size int) {
	next := make([]byte, size)
	b.w = copy(next, b.bytes())
	b.b, b.r = next, 0
}

// Memory is taken when bytes arrive, and given back when a connection rests.
var (
	messages = newPool(headRoom + outRoom) // what a worker reads heads into, and what it writes messages in
	answers  = newPool(answerRoom)
	bodies   = newPool(bodyRoom)
	wides    = newPool(wideRoom)
	outs     = newPool(outRoom)
)

// pool hands out slices of one size.
type pool struct {
	size int
	free sync.Pool
}

func newPool(size int) *pool {
	return &pool{size, sync.Pool{New: func() any { return new(make([]byte, size)) }}}
}

// slab is memory from a pool. It is kept as a pointer, because a slice that is put into an interface allocates.
type slab = *[]byte

func (p *pool) get() slab { return p.free.Get().(slab) }

// put gives s back, if it is the pool's size: what has grown is left to the collector. nil is ignored.
func (p *pool) put(s slab) {
	if s != nil && len(*s) == p.size {
		p.free.Put(s)
	}
}
