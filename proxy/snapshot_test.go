package proxy

import (
	"sync"
	"testing"
)

// bareSnapshot serves nothing.
func bareSnapshot(t testing.TB) *Snapshot {
	t.Helper()
	s, err := NewSnapshot(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestASnapshotIsFreeOnceItsLastExchangeHasGivenItBack(t *testing.T) {
	var c current
	if !isClosed(c.swap(bareSnapshot(t))) {
		t.Error("before the first there was none, and it is not free")
	}
	one, two := c.hold(1), c.hold(2+shards)
	retired := c.swap(bareSnapshot(t))
	for i, held := range []*Snapshot{one, two} {
		if isClosed(retired) {
			t.Fatal("free while an exchange holds it")
		}
		held.release(1 + i)
	}
	if !isClosed(retired) {
		t.Error("nobody holds it, and it is not free")
	}
	next := c.hold(0)
	next.release(0)
	if next == one || isClosed(next.free) {
		t.Error("the snapshot in force is the old one, or free")
	}
}

func TestNoExchangeRunsOnASnapshotThatIsFree(t *testing.T) {
	const swaps, exchanges = 30_000, 4
	var c current
	c.swap(bareSnapshot(t))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for shard := range exchanges {
		wg.Go(func() {
			for !isClosed(done) {
				s := c.hold(shard / 2)
				if isClosed(s.free) {
					t.Error("an exchange was given a snapshot that had been found free")
					s.release(shard / 2)
					return
				}
				s.release(shard / 2)
			}
		})
	}
	var retired []<-chan struct{}
	for range swaps {
		retired = append(retired, c.swap(bareSnapshot(t)))
	}
	close(done)
	wg.Wait()
	for i, r := range retired {
		if !isClosed(r) {
			t.Fatalf("snapshot %d of %d was never found free", i, swaps)
		}
	}
}
