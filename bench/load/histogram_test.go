//go:build linux

package load

import (
	"testing"
	"time"
)

func TestEveryDurationIsInTheBucketThatBeginsAtItOrBelow(t *testing.T) {
	for _, n := range []uint64{0, 1, 63, 64, 65, 127, 128, 1000, 1<<20 - 1, 1 << 20, 1<<40 + 12345, 1<<63 - 1} {
		b := bucket(n)
		if low := floor(b); low > n || n-low > n/32 || floor(b+1) <= n {
			t.Errorf("%d is in bucket %d, from %d to %d", n, b, low, floor(b+1))
		}
	}
}

func TestQuantilesAreThoseOfWhatWasAdded(t *testing.T) {
	var h histogram
	for n := range 100 {
		h.add(time.Duration(n))
	}
	if got := h.quantile(0.50); got != 50 {
		t.Errorf("got a median of %d, want 50", got)
	}
	h.add(time.Hour)
	if got := h.quantile(0.995); got < time.Hour*31/32 || got > time.Hour {
		t.Errorf("got %v for the longest, want an hour", got)
	}
}
