// Package h1 is the wire of HTTP/1.1 (RFC 9112): heads and bodies read from a caller's buffer, held against the grammar, and written anew
// from their parsed parts. What two readers could take for two different messages is refused, never repaired.
//
// Nothing here does I/O or starts anything, and nothing allocates in steady state: callers own the buffers and use the values again.
// Strings that are handed out are views into the buffer that they were parsed from, and live no longer than its bytes.
package h1

import "unsafe"

// Limits bounds a head or a trailer section. Zero values stand for the defaults.
type Limits struct {
	// HeadBytes is the most bytes, from the start line (and an empty line before it) to the empty line behind the fields, both
	// included. Default: 32 KiB.
	HeadBytes int
	// Lines is the most field lines. Default: 100.
	Lines int
}

func (l Limits) bytes() int {
	if l.HeadBytes > 0 {
		return l.HeadBytes
	}
	return 32 << 10
}

func (l Limits) lines() int {
	if l.Lines > 0 {
		return l.Lines
	}
	return 100
}

// Kind is a way in which the end of a body is found (RFC 9112 6.3).
type Kind uint8

// The kinds.
const (
	None       Kind = iota // there is no body
	Length                 // as many bytes as were announced
	Chunked                // up to the last chunk and its trailer section
	UntilClose             // up to the end of the connection; responses only
)

// Framing says how long a body is. The zero value is no body at all.
type Framing struct {
	Kind Kind
	// Length is the number of payload bytes, for the kind Length only; it may be 0.
	Length int64
}

// view is buf as a string, without a copy.
func view(buf []byte) string { return unsafe.String(unsafe.SliceData(buf), len(buf)) }
