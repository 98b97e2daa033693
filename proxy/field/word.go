package field

import "math/bits"

// A word is eight bytes of text, the first one lowest. What tells bytes apart in a word sets the top bit of those that are of its kind and
// leaves the other bits as they come: a sum of seven bits carries into the top bit of its byte and no further.

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

// printable tells the bytes that are no control characters: from 0x20 on, but not 0x7f.
func printable(w uint64) uint64 {
	low := w &^ tops
	return (low + (0x80-' ')*ones) ^ (low + (0x80-0x7f)*ones) | w
}

// ascii tells the bytes from 0x20 to 0x7e, at less cost than printable, but only all at once: no top bit is set if all are. Else some are,
// not always those of the others.
func unusual(w uint64) uint64 { return (w + ones) | (w - ' '*ones) }

// plain tells letters and hyphens.
func plain(w uint64) uint64 {
	low := w &^ tops
	lower := low | 0x20*ones
	letter := (lower + (0x80-'a')*ones) ^ (lower + (0x7f-'z')*ones)
	notHyphen := low ^ '-'*ones + 0x7f*ones
	return (letter | ^notHyphen) &^ w
}

// targeted tells what may stand in a target: the bytes that are no control characters, spaces or number signs.
func targeted(w uint64) uint64 {
	low := w &^ tops
	visible := (low + (0x80-'!')*ones) ^ (low + (0x80-0x7f)*ones)
	notSign := low ^ '#'*ones + 0x7f*ones
	return visible&notSign | w
}

// leading is the number of bytes in front of the first one that is not told.
func leading(told uint64) int { return bits.TrailingZeros64(^told&tops) / 8 }
