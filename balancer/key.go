package balancer

// Key is what the hash policy goes by. The zero value is no key.
type Key struct {
	Hash uint64
	Ok   bool // false: the request has no key, and Hash means nothing
}

// KeyOf returns the key for s: a client's address, say. It is the same in every process, so that replicas agree. It does not defend against
// a client that chooses s to reach a certain backend.
func KeyOf(s string) Key { return Key{Hash: hashOf(s), Ok: true} }

// hashOf is FNV-1a with a finalizer: FNV alone leaves the high bits of short strings, which choose the slot, nearly equal.
func hashOf(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(h)
}

// mix spreads every bit of x over the whole word (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// stream is a sequence of pseudo-random words that follows from its seed alone, on every machine (SplitMix64).
type stream uint64

func (s *stream) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	return mix(uint64(*s))
}
