package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// table finds what is counted under a key, without a lock or an allocation once the key has been seen. The keys are few and soon all known: a
// new one costs a copy of the whole. The zero table is empty.
type table[K comparable, V any] struct {
	now atomic.Pointer[version[K, V]]
	mu  sync.Mutex // guards changes of now
}

// version is a table between two changes. It remembers the key that was asked for last, because the next is mostly the same; what was
// dropped goes with the version that knew it. It is a cache line.
type version[K comparable, V any] struct {
	all  map[K]*entry[K, V]
	last atomic.Pointer[entry[K, V]]
	_    [48]byte
}

type entry[K comparable, V any] struct {
	key   K
	value *V
}

// find returns the value of k. A key that is seen for the first time is given to make, which returns it in memory of its own, with its value.
func (t *table[K, V]) find(k K, make func(K) (K, *V)) *V {
	v := t.now.Load()
	if v == nil {
		return t.add(k, make)
	}
	if e := v.last.Load(); e != nil && e.key == k {
		return e.value
	}
	if e := v.all[k]; e != nil {
		v.last.Store(e)
		return e.value
	}
	return t.add(k, make)
}

func (t *table[K, V]) add(k K, make func(K) (K, *V)) *V {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := &version[K, V]{all: map[K]*entry[K, V]{}}
	if v := t.now.Load(); v != nil {
		if e := v.all[k]; e != nil {
			return e.value // somebody else was faster
		}
		maps.Copy(next.all, v.all)
	}
	k, value := make(k)
	next.all[k] = &entry[K, V]{k, value}
	t.now.Store(next)
	return value
}

// keep forgets the keys for which wanted is false.
func (t *table[K, V]) keep(wanted func(K) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := &version[K, V]{all: map[K]*entry[K, V]{}}
	if v := t.now.Load(); v != nil {
		maps.Copy(next.all, v.all)
	}
	maps.DeleteFunc(next.all, func(k K, _ *entry[K, V]) bool { return !wanted(k) })
	t.now.Store(next)
}

// each yields what is counted, in no order.
func (t *table[K, V]) each(yield func(K, *V) bool) {
	v := t.now.Load()
	if v == nil {
		return
	}
	for k, e := range v.all {
		if !yield(k, e.value) {
			return
		}
	}
}
