package affinity

import (
	"hash/maphash"
	"math/rand/v2"
	"sync"
)

// memo remembers what opened cookies hold, so that a client's next request costs a look-up and no cryptography. It knows nothing that
// changes: dates are judged, and backends looked up, each time. It holds 16384 cookies at most, of those that have been found genuine, and
// takes memory as it fills. It is safe for concurrent use.
type memo struct {
	seed   maphash.Seed
	shards [memoShards]memoShard
}

const (
	memoShards = 16
	memoSets   = 256 // in a shard
	memoWays   = 4   // in a set
)

type memoShard struct {
	mu   sync.Mutex
	sets *[memoSets]*memoSet // nil, and nil, until there is a cookie
	_    [48]byte            // each core's lock in a line of its own
}

// memoSet holds cookies whose hashes are alike.
type memoSet struct {
	marks   [memoWays]uint32 // from the hash: nearly all comparisons are with the right cookie. 0: free
	entries [memoWays]memoEntry
}

// memoEntry is a cookie with its payload, and the index of the key that has sealed it.
type memoEntry struct {
	value   [sealedLength]byte
	payload payload
	key     int32
}

// sealedLength is what the value of a cookie has until the year 2286.
const sealedLength = 152

func newMemo() *memo { return &memo{seed: maphash.MakeSeed()} }

// get returns what put was told of value.
func (m *memo) get(value string) (p payload, key int, ok bool) {
	if len(value) != sealedLength {
		return payload{}, 0, false
	}
	hash := maphash.String(m.seed, value)
	s := &m.shards[hash%memoShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.set(hash)
	if set == nil {
		return payload{}, 0, false
	}
	for i, mark := range set.marks {
		if e := &set.entries[i]; mark == markOf(hash) && string(e.value[:]) == value {
			return e.payload, int(e.key), true
		}
	}
	return payload{}, 0, false
}

// put remembers value, which key has sealed, in place of another one if there is no room.
func (m *memo) put(value string, p payload, key int) {
	if len(value) != sealedLength {
		return
	}
	hash := maphash.String(m.seed, value)
	s := &m.shards[hash%memoShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets == nil {
		s.sets = new([memoSets]*memoSet)
	}
	at := &s.sets[setOf(hash)]
	if *at == nil {
		*at = new(memoSet)
	}
	i := (*at).way()
	(*at).marks[i] = markOf(hash)
	e := &(*at).entries[i]
	copy(e.value[:], value)
	e.payload, e.key = p, int32(key)
}

// way returns a place that is free, or one at random: in turn, cookies that come round and round would push each other out before each
// visit.
func (s *memoSet) way() int {
	for i, mark := range s.marks {
		if mark == 0 {
			return i
		}
	}
	return rand.IntN(memoWays)
}

func (s *memoShard) set(hash uint64) *memoSet {
	if s.sets == nil {
		return nil
	}
	return s.sets[setOf(hash)]
}

func setOf(hash uint64) uint64 { return hash >> 32 % memoSets }

// markOf is never 0.
func markOf(hash uint64) uint32 { return uint32(hash) | 1 }
