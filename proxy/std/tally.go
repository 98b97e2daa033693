package std

import (
	"context"
	"sync"
)

// tally counts what is open and lets somebody wait for none to be. The zero value is ready to use.
type tally struct {
	mu   sync.Mutex
	n    int
	zero chan struct{} // closed when n falls to zero; nil while nobody waits
}

func (t *tally) add(d int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n += d
	if t.n == 0 && t.zero != nil {
		close(t.zero)
		t.zero = nil
	}
}

// wait returns when the tally is at zero, or ctx has ended.
func (t *tally) wait(ctx context.Context) {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return
	}
	if t.zero == nil {
		t.zero = make(chan struct{})
	}
	zero := t.zero
	t.mu.Unlock()
	select {
	case <-zero:
	case <-ctx.Done():
	}
}
