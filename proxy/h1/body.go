package h1

import (
	"bytes"
	"math"

	"usher/proxy/field"
)

// Body takes a body's framing off the bytes that arrive. Start it with what the head said, hand each piece of input to Next, and stop when
// it is Done. The zero value is a body that is done.
type Body struct {
	// Limits bounds the trailer section.
	Limits Limits
	// Trailer is the trailer section (RFC 9112 7.1.2), complete once the body is Done; valid until Start. Every well-formed line is in it:
	// which of them may be passed on is for others to say.
	Trailer field.Section

	kind  Kind
	state state
	left  int64 // payload bytes still to come, of the body or of the chunk
	size  int   // digits of the chunk size
	spare int   // bytes of chunk extensions that no payload has paid for
	held  []byte
	scan  scanner
}

type state uint8

const (
	inSize state = iota
	inExtension
	atSizeLF
	inData
	atDataCR
	atDataLF
	inTrailer
	ended
)

// maxSpare bounds chunk extensions, which are dropped: they may be as long as the payload and this many bytes.
const maxSpare = 2 << 10

// Start makes b ready for a body.
func (b *Body) Start(f Framing) {
	b.Trailer.Reset()
	b.scan.reset()
	*b = Body{Limits: b.Limits, Trailer: b.Trailer, held: b.held[:0], scan: b.scan, kind: f.Kind}
	if f.Kind == Length {
		b.left = f.Length
	}
}

// Done reports whether the body has ended.
func (b *Body) Done() bool {
	switch b.kind {
	case Length:
		return b.left == 0
	case Chunked:
		return b.state == ended
	}
	return b.kind == None
}

// Next takes up to one piece of payload from the front of buf, as a view, and says how many bytes it has used up, the framing around the
// payload included. Call it with the rest as long as there is one and the body is not Done: it uses at least a byte each time. Bytes
// behind the body's end are never used. An error is an *Error, and final; data is nil then.
func (b *Body) Next(buf []byte) (data []byte, n int, err error) {
	switch b.kind {
	case UntilClose:
		return buf, len(buf), nil
	case Chunked:
		return b.nextChunked(buf)
	}
	data = b.take(buf)
	return data, len(data), nil
}

// Left is the number of payload bytes that are certain to follow: of a body with a length all of them, of a chunked one the rest of the
// chunk. They need no parsing and may be moved past Next, if Skip is told.
func (b *Body) Left() int64 {
	if b.kind == Length || b.state == inData {
		return b.left
	}
	return 0
}

// Skip says that n bytes of payload, at most Left, were moved without Next.
func (b *Body) Skip(n int64) {
	b.left -= n
	if n > 0 && b.kind == Chunked && b.left == 0 {
		b.state = atDataCR
	}
}

// End is told that there is no more input. It returns nil if the body is complete, as one that lasts until the close then is, and an
// *Error otherwise.
func (b *Body) End() error {
	if b.kind == UntilClose {
		b.kind = None
	}
	if !b.Done() {
		return errCut
	}
	return nil
}

// take cuts the payload off the front of buf.
func (b *Body) take(buf []byte) []byte {
	data := buf[:min(int64(len(buf)), b.left)]
	b.Skip(int64(len(data)))
	return data
}

// nextChunked reads on until there is a second piece of payload, or nothing more.
func (b *Body) nextChunked(buf []byte) (data []byte, n int, err error) {
	for n < len(buf) && b.state != ended {
		switch {
		case b.state == inData && data != nil:
			return data, n, nil
		case b.state == inData:
			data = b.take(buf[n:])
			n += len(data)
		case b.state == inTrailer:
			var used int
			used, err = b.trailer(buf[n:])
			n += used
		default:
			err = b.step(buf[n])
			n++
		}
		if err != nil {
			return nil, n, err
		}
	}
	return data, n, nil
}

// step takes one byte of a chunk's size line, or of the line end behind its data (RFC 9112 7.1).
func (b *Body) step(c byte) error {
	switch b.state {
	case inSize:
		return b.sizeByte(c)
	case inExtension:
		return b.extensionByte(c)
	case atSizeLF:
		if c != '\n' {
			return errBareCR
		}
		b.spare = int(max(0, int64(b.spare)-b.left))
		b.state = inData
		if b.left == 0 {
			b.state = inTrailer
		}
	case atDataCR:
		if c != '\r' {
			return errChunkEnd
		}
		b.state = atDataLF
	case atDataLF:
		if c != '\n' {
			return errChunkEnd
		}
		b.state, b.size = inSize, 0
	}
	return nil
}

func (b *Body) sizeByte(c byte) error {
	switch d := hexDigit(c); {
	case d >= 0:
		if b.size == 16 || b.left > math.MaxInt64>>4 {
			return errChunkSize
		}
		b.left, b.size = b.left<<4|int64(d), b.size+1
		return nil
	case b.size == 0:
		return errChunkSize
	case c == '\r':
		b.state = atSizeLF
		return nil
	case c == ';':
		b.state = inExtension
		return b.extensionByte(c)
	}
	return errChunkSize // white space before the semicolon too, which RFC 9112 7.1.1 allows and hardly any reader does
}

// extensionByte drops a byte of a chunk extension (RFC 9112 7.1.1).
func (b *Body) extensionByte(c byte) error {
	if b.spare++; b.spare > maxSpare {
		return errPadding
	}
	switch {
	case c == '\r':
		b.state = atSizeLF
	case c < ' ' && c != '\t' || c == 0x7f:
		return errExtension
	}
	return nil
}

// trailer takes up to one line of the trailer section. The lines are copied: they may come in pieces.
func (b *Body) trailer(buf []byte) (n int, err error) {
	n = bytes.IndexByte(buf, '\n') + 1
	if n == 0 {
		n = len(buf)
	}
	n = min(n, b.Limits.bytes()+1-len(b.held)) // a byte too many is what the limit is noticed by
	b.held = append(b.held, buf[:n]...)
	text := view(b.held)
	whole, err := b.scan.section(text, b.Limits)
	if err != nil || !whole {
		return n, err
	}
	for _, f := range b.scan.fields {
		b.Trailer.Add(f.of(text))
	}
	b.state = ended
	return n, nil
}
