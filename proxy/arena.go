package proxy

import "unsafe"

// arena makes the strings of one exchange, such as forwarded fields, out of memory that serves the next exchange again. The zero value is
// ready to use.
type arena struct{ used []byte }

const (
	arenaSize = 512     // enough for a usual request
	arenaKept = 8 << 10 // what is larger is not kept from one exchange to the next
)

// room returns an empty slice with room for n bytes. What is appended to it becomes a string by keep, before room is asked for again.
func (a *arena) room(n int) []byte {
	if n > cap(a.used)-len(a.used) { // a chunk of its own: strings in the one before must not move
		a.used = make([]byte, 0, max(arenaSize, 2*cap(a.used), n))
	}
	return a.used[len(a.used):len(a.used):cap(a.used)]
}

// keep returns b, which began as room, as a string. It is valid until reset.
func (a *arena) keep(b []byte) string {
	a.used = a.used[:min(len(a.used)+len(b), cap(a.used))]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// reset makes the memory free to use again, if it may be.
func (a *arena) reset(reuse bool) {
	a.used = a.used[:0]
	if !reuse || cap(a.used) > arenaKept {
		a.used = nil
	}
}
