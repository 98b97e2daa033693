//go:build linux

package load

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are 1/32 of their value wide at most.
type histogram struct {
	counts [64 * fine]uint64
	total  uint64
}

const fine = 64 // below this, a bucket has one value

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.total++
}

// quantile returns the lowest duration that falls in the same bucket as the one that the share q of all is not above, 0 when there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(h.total)), uint64(0)
	for i, n := range h.counts {
		if seen += n; seen > rank {
			return time.Duration(floor(i))
		}
	}
	return 0
}

func bucket(n uint64) int {
	if n < fine {
		return int(n)
	}
	power := bits.Len64(n) - bits.Len64(fine-1) // how many bits are dropped, at least 1
	return power*fine/2 + int(n>>power)
}

func floor(bucket int) uint64 {
	if bucket < fine {
		return uint64(bucket)
	}
	power := bucket/(fine/2) - 1
	return uint64(bucket-power*fine/2) << power
}
