package own

import (
	"errors"
	"io"
	"time"

	"usher/proxy"
	"usher/proxy/h1"
)

// transfer moves a body from one connection to the other, as it comes.
type transfer struct {
	body     *h1.Body
	length   bool // it comes with a length
	chunked  bool // how it is written
	trailers func(*h1.Body)
	read     func([]byte) (int, error) // with nil it waits until there is something to read
	write    func([]byte) error
	moved    *int64
	out      []byte // to be written before anything else; its memory is used for what is written in pieces

	in     *buffer // what has come
	level  int     // of rooms: how much is read at once
	next   *buffer // for what comes when in is used up
	memory *slab   // of next
}

// run moves the body to its end, and what was in out before it.
func (t *transfer) run() error {
	t.level = 0
	if t.body.Left() > bodyRoom/2 {
		t.level = 1
	}
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

// rooms are the sizes in which memory is taken for a body: as much as has been of use. Whoever keeps us waiting gets the least.
var rooms = [...]*pool{answers, bodies, wides}

// more reads what comes next. Memory is taken when that is there.
func (t *transfer) more() error {
	t.giveBack()
	if _, err := t.read(nil); err != nil {
		return err
	}
	t.in = t.next
	t.in.b, t.in.r, t.in.w = t.take(), 0, 0
	n, err := t.read(t.in.b)
	t.in.w = n
	switch {
	case n == len(t.in.b):
		t.level = min(t.level+1, len(rooms)-1)
	case n < len(t.in.b)/4:
		t.level = max(t.level-1, 0)
	}
	if err == io.EOF {
		if t.body.End() == nil {
			return nil
		}
		return io.ErrUnexpectedEOF
	}
	return err
}

// take returns room for what comes. Of a body with a length it is no longer than the rest: what is behind the body is left for its own reader.
func (t *transfer) take() []byte {
	left := t.body.Left()
	level := t.level
	if t.length && left <= answerRoom {
		level = 0
	}
	*t.memory = rooms[level].get()
	room := **t.memory
	if t.length && left < int64(len(room)) {
		room = room[:left]
	}
	return room
}

// giveBack gives up what take has taken.
func (t *transfer) giveBack() {
	giveRoom(t.memory)
	t.next.b = nil
}

// giveRoom gives memory of one of the rooms back.
func giveRoom(s *slab) {
	for _, p := range rooms {
		p.put(*s) // each knows its own
	}
	*s = nil
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
	return t.send(data)
}

func (t *transfer) flush() error {
	if len(t.out) == 0 {
		return nil
	}
	err := t.send(t.out)
	t.out = t.out[:0]
	return err
}

// slow is how long a write may take before the other side counts as one that keeps us waiting.
const slow = instant(5 * time.Millisecond)

// send writes, and takes note of how long that takes.
func (t *transfer) send(p []byte) error {
	if len(p) <= answerRoom {
		return t.write(p)
	}
	before := clock()
	err := t.write(p)
	if clock()-before > slow {
		t.level = 0
	}
	return err
}
