package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// table finds the handle for a key, without a lock or an allocation once the key has been seen. The keys are few and soon all known: a new
// one costs a copy of the whole.
type table[K comparable, V any] struct {
	// make returns the handle for a key that is seen for the first time, and the key in memory of its own.
	make func(K) (K, V)
	m    atomic.Pointer[map[K]V]
}

// find returns the handle for k. mu guards changes.
func (t *table[K, V]) find(k K, mu *sync.Mutex) V {
	if m := t.m.Load(); m != nil {
		if v, ok := (*m)[k]; ok {
			return v
		}
	}
	return t.add(k, mu)
}

func (t *table[K, V]) add(k K, mu *sync.Mutex) V {
	mu.Lock()
	defer mu.Unlock()
	next := map[K]V{}
	if m := t.m.Load(); m != nil {
		if v, ok := (*m)[k]; ok {
			return v // somebody else was faster
		}
		next = maps.Clone(*m)
	}
	k, v := t.make(k)
	next[k] = v
	t.m.Store(&next)
	return v
}

// keep forgets the keys for which wanted is false, and calls drop with each. The caller holds the mutex that guards changes.
func (t *table[K, V]) keep(wanted func(K) bool, drop func(K)) {
	m := t.m.Load()
	if m == nil {
		return
	}
	next := maps.Clone(*m)
	maps.DeleteFunc(next, func(k K, _ V) bool {
		if wanted(k) {
			return false
		}
		drop(k)
		return true
	})
	t.m.Store(&next)
}
