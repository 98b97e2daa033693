//go:build !race

package affinity

import "testing"

func TestOpeningAllocatesNothing(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a"}, secretB, secretA)
	values := []string{"junk", sealed(t, b, "a", start), kept(t)}
	o := newOpener(b.CookieName(), b.keys)
	if n := testing.AllocsPerRun(100, func() {
		b.Open(values, start)
		for _, v := range values {
			if o.read(v) {
				o.unseal(&b.keys[1], 1)
			}
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
