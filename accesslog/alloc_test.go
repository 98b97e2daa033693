//go:build !race

package accesslog

import (
	"os"
	"testing"
)

// The race detector makes a sync.Pool forget on purpose.
func TestObserveAllocatesNothing(t *testing.T) {
	l, err := New(to(os.DevNull), nil)
	if err != nil {
		t.Fatal(err)
	}
	x := exchange()
	if n := testing.AllocsPerRun(1000, func() { l.Observe(x) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
	end(l)
}
