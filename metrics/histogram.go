package metrics

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// histogram counts times in cells. The zero histogram is empty; every call is given the scale that says what its cells are.
type histogram struct {
	sum   atomic.Uint64 // seconds, as the bits of a float64
	pages [maxPages]atomic.Pointer[page]
}

// page holds the counts of neighbouring cells: two cache lines, made when the first of them is needed. Times of one kind are near to each other.
type page [pageCells]atomic.Uint64

const (
	pageCells = 16
	maxPages  = ((topOctave-bottomOctave)<<schema+maxBounds)/pageCells + 1
	maxBounds = 16 // of a classic histogram
)

// The cells are those of a native histogram of schema 3, eight to an octave, and reach from what is less than a nanosecond to what is more than
// a time.Duration holds.
const (
	schema       = 3
	bottomOctave = -30 // in powers of two of a second
	topOctave    = 34
)

// observe counts d, as zero if it is less: a clock may have been set.
func (h *histogram) observe(s *scale, d time.Duration) {
	v := max(0, d).Seconds()
	h.cell(s.index(v)).Add(1)
	for {
		old := h.sum.Load()
		if h.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

func (h *histogram) cell(i int) *atomic.Uint64 {
	at := &h.pages[i/pageCells]
	p := at.Load()
	if p == nil {
		at.CompareAndSwap(nil, new(page))
		p = at.Load()
	}
	return &p[i%pageCells]
}

// scale is the cells of a histogram: a native histogram's buckets, cut where a classic bucket ends, so that one count serves both.
type scale struct {
	bounds []float64 // of the classic buckets, in seconds, ascending
	edges  []float64 // where each cell ends; that is in the cell
	cells  []cell
	// first is the cell to begin the search for a time at, by the upper bits of the float64.
	first [(topOctave - bottomOctave) << slotBits]uint16
}

// cell says which buckets a cell is in.
type cell struct {
	native  int // the key in a native histogram
	classic int // the index among the bounds, or their number for none
}

// slotBits is how many bits of a float64's mantissa choose where to search. With four, at most two cells end in what is left.
const slotBits = 4

func newScale(bounds ...float64) *scale {
	s := &scale{bounds: bounds, edges: slices.Clone(bounds)}
	for key := bottomOctave << schema; key <= topOctave<<schema; key++ {
		s.edges = append(s.edges, nativeBound(key))
	}
	slices.Sort(s.edges)
	s.edges = slices.Compact(s.edges)
	key := bottomOctave << schema
	for _, edge := range s.edges {
		for nativeBound(key) < edge {
			key++
		}
		classic, _ := slices.BinarySearch(bounds, edge)
		s.cells = append(s.cells, cell{key, classic})
	}
	for slot := range s.first {
		begin := math.Float64frombits(uint64(slot+bottomSlot) << slotShift)
		i, _ := slices.BinarySearch(s.edges, begin)
		s.first[slot] = uint16(i)
	}
	return s
}

const (
	slotShift  = 52 - slotBits
	bottomSlot = (1023 + bottomOctave) << slotBits // 1023 is the bias of a float64's exponent
)

// nativeBound is where the native bucket with that key ends.
func nativeBound(key int) float64 {
	return math.Ldexp(octave[key&(1<<schema-1)], key>>schema)
}

// octave is the powers of 2 to the eighths, as exact as the library has them.
var octave = [1 << schema]float64{
	1, 2 * 0.5452538663326288, 2 * 0.5946035575013605, 2 * 0.6484197773255048,
	2 * 0.7071067811865475, 2 * 0.7711054127039704, 2 * 0.8408964152537144, 2 * 0.9170040432046711,
}

// index is that of the cell that v seconds are in.
func (s *scale) index(v float64) int {
	if v <= s.edges[0] {
		return 0
	}
	i := int(s.first[math.Float64bits(v)>>slotShift-bottomSlot])
	for v > s.edges[i] {
		i++
	}
	return i
}

// The scales of the histograms.
var (
	durations = newScale(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60)
	overheads = newScale(.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1)
)
