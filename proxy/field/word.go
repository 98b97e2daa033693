package field

import "math/bits"

// A word is eight bytes of text, the first one lowest. What looks for bytes of a kind in it sets their top bits, and clears all other
// bits: a sum of seven bits carries into the top bit of its byte and no further.

const (
	ones = 0x0101010101010101
	tops = 0x80 * ones
)

// word is the first eight bytes of s.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// unusual reports, at less cost than controls, whether there may be one: it has a top bit set unless all bytes are from 0x20 to 0x7e. Which
// one says nothing, as its sums carry from byte to byte.
func unusual(w uint64) uint64 { return (w + ones) | (w - ' '*ones) }

// controls finds control characters: the bytes below 0x20, and 0x7f.
func controls(w uint64) uint64 {
	low := w &^ tops
	printable := (low + (0x80-' ')*ones) ^ (low + (0x80-0x7f)*ones)
	return ^(printable | w) & tops
}

// others finds what is neither a letter nor a hyphen.
func others(w uint64) uint64 {
	low := w &^ tops
	lower := low | 0x20*ones
	letter := (lower + (0x80-'a')*ones) ^ (lower + (0x7f-'z')*ones)
	notHyphen := low ^ '-'*ones + 0x7f*ones
	return (notHyphen&^letter | w) & tops
}

// first is the place of the first byte that was found.
func first(found uint64) int { return bits.TrailingZeros64(found) / 8 }
