package own

import (
	"errors"
	"io"

	"usher/proxy"
	"usher/proxy/h1"
)

// transfer moves a body from one connection to the other, as it comes.
type transfer struct {
	body     *h1.Body
	length   bool // it comes with a length
	chunked  bool // how it is written
	trailers func(*h1.Body)
	read     func([]byte) (int, error)
	write    func([]byte) error
	moved    *int64
	out      []byte // to be written before anything else; its memory is used for what is written in pieces

	in     *buffer // what has come
	next   *buffer // for what comes when in is used up
	memory *slab   // of next
}

// run moves the body to its end, and what was in out before it.
func (t *transfer) run() error {
	for !t.body.Done() {
		if t.in.empty() {
			if err := t.flush(); err != nil {
				return err
			}
			if err := t.more(); err != nil {
				return err
			}
			continue
		}
		data, n, err := t.body.Next(t.in.bytes())
		if t.in.r += n; err != nil {
			return proxy.Because(errWire, err)
		}
		if err := t.emit(data); err != nil {
			return err
		}
	}
	if t.chunked {
		t.trailers(t.body)
		out, err := h1.AppendLastChunk(t.out, &t.body.Trailer)
		if err != nil {
			return proxy.Because(errWire, err)
		}
		t.out = out
	}
	return t.flush()
}

// errWire means that what came is not a body.
var errWire = errors.New("malformed body")

// more reads what comes next.
func (t *transfer) more() error {
	if *t.memory == nil {
		*t.memory = bodies.get()
		t.next.b = **t.memory
	}
	t.in = t.next
	t.in.r, t.in.w = 0, 0
	room := t.in.b
	if left := t.body.Left(); t.length && left < int64(len(room)) {
		room = room[:left] // what is behind the body is left for its own reader
	}
	n, err := t.read(room)
	t.in.w = n
	if err == io.EOF {
		if t.body.End() == nil {
			return nil
		}
		return io.ErrUnexpectedEOF
	}
	return err
}

// emit writes a piece of the body: small ones are gathered, so that they go out together.
func (t *transfer) emit(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	*t.moved += int64(len(data))
	if !t.chunked {
		return t.put(data)
	}
	if len(t.out)+20 > cap(t.out) {
		if err := t.flush(); err != nil {
			return err
		}
	}
	t.out = h1.AppendChunkHead(t.out, len(data))
	if err := t.put(data); err != nil {
		return err
	}
	if len(t.out)+2 > cap(t.out) {
		if err := t.flush(); err != nil {
			return err
		}
	}
	t.out = append(t.out, h1.ChunkEnd...)
	return nil
}

// put adds data to out where there is room, and else writes both.
func (t *transfer) put(data []byte) error {
	if len(t.out)+len(data) <= cap(t.out) {
		t.out = append(t.out, data...)
		return nil
	}
	if err := t.flush(); err != nil {
		return err
	}
	return t.write(data)
}

func (t *transfer) flush() error {
	if len(t.out) == 0 {
		return nil
	}
	err := t.write(t.out)
	t.out = t.out[:0]
	return err
}
