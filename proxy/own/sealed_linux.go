//go:build linux && (amd64 || arm64) && !portable

package own

import (
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// sealed is a socket with TLS on it.
//
// A tls.Conn holds a mutex while it writes, and takes the same one when it has to answer what it reads (a key update). A task that waited
// for room with the mutex held would stop the loop as soon as another wanted it. So what is written to the socket beneath it is gathered,
// and sent when the mutex is free.
type sealed struct {
	*sock
	tls *tls.Conn

	slab     slab
	out      []byte // records that are to be sent
	flushing bool
	waiter   *task // wants to write while the other task flushes
	failure  error // of a flush
	poll     bool  // reads do not wait
	torn     bool  // the end is not to look like one
	peeked   bool  // peek holds a byte that Probe has read
	peek     [1]byte
}

var _ conn = (*sealed)(nil)

// maxUnsent bounds what a client that reads nothing can make crypto/tls write in answer to what it sends.
const maxUnsent = 256 << 10

var errFlood = errors.New("too many records to answer")

// below is what the tls.Conn has for a transport.
type below struct{ s *sealed }

var _ net.Conn = below{}

func (b below) Read(p []byte) (int, error) {
	if !b.s.poll {
		return b.s.sock.Read(p)
	}
	if b.s.readable && !b.s.closed {
		if n, err := b.s.receive(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, errEmpty
}

func (b below) Write(p []byte) (int, error) {
	s := b.s
	if len(s.out)+len(p) > maxUnsent {
		return 0, errFlood
	}
	if s.out == nil {
		s.slab = outs.get()
		s.out = (*s.slab)[:0]
	}
	s.out = append(s.out, p...)
	return len(p), nil
}

func (b below) Close() error                     { return nil }
func (b below) LocalAddr() net.Addr              { return nil }
func (b below) RemoteAddr() net.Addr             { return nil }
func (b below) SetDeadline(time.Time) error      { return nil }
func (b below) SetReadDeadline(time.Time) error  { return nil }
func (b below) SetWriteDeadline(time.Time) error { return nil }

// Read reads what is there.
func (s *sealed) Read(p []byte) (int, error) {
	if s.peeked && len(p) > 0 {
		s.peeked = false
		p[0] = s.peek[0]
		return 1 + s.rest(p[1:]), nil
	}
	n, err := s.tls.Read(p)
	if lost := s.flush(); lost != nil && err == nil && n == 0 {
		err = lost
	}
	return n, err
}

// rest reads what is there behind the byte that Probe has read.
func (s *sealed) rest(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	s.poll = true
	n, _ := s.tls.Read(p) // an error comes again
	s.poll = false
	return n
}

// Ready waits until a Read would not.
func (s *sealed) Ready() error {
	for s.Probe() == quiet {
		if err := s.sock.Ready(); err != nil {
			return err
		}
	}
	return nil
}

// Write writes all of p.
func (s *sealed) Write(p []byte) (int, error) {
	const piece = 64 << 10
	for done := 0; ; {
		n, err := s.tls.Write(p[done:min(len(p), done+piece)])
		done += n
		if err == nil {
			err = s.flush()
		}
		if err != nil || done == len(p) {
			return done, err
		}
	}
}

// flush sends what was gathered. One task does so at a time: it sends what the other adds, too, and the other waits for it. An error is
// final: records are missing then.
func (s *sealed) flush() error {
	for s.flushing {
		s.waiter = s.loop.current
		s.waiter.park(0)
	}
	s.flushing = true
	for s.out != nil && s.failure == nil {
		out, memory := s.out, s.slab
		s.out, s.slab = nil, nil
		_, s.failure = s.sock.Write(out)
		outs.put(memory)
	}
	s.flushing = false
	if s.waiter != nil {
		s.loop.resumeSoon(s.waiter, nil)
		s.waiter = nil
	}
	return s.failure
}

// CloseWrite sends TLS's end (RFC 8446 6.1).
func (s *sealed) CloseWrite() error {
	if err := s.tls.CloseWrite(); err != nil {
		return err
	}
	return s.flush()
}

// Close sends TLS's end if there is room for it, and closes the socket.
func (s *sealed) Close() error {
	if s.closed {
		return nil
	}
	if !s.torn {
		s.tls.Close()
	}
	if s.out != nil && !s.flushing {
		s.last()
		s.send(s.out)
		outs.put(s.slab)
		s.out, s.slab = nil, nil
	}
	return s.sock.Close()
}

// reset has the other side see a connection that broke off.
func (s *sealed) reset() {
	s.torn = true
	s.sock.reset()
}

// Probe says what a Read would meet. Records that carry nothing for us, such as tickets, are taken in.
func (s *sealed) Probe() prospect {
	if s.peeked {
		return bytesThere
	}
	s.poll = true
	n, err := s.tls.Read(s.peek[:])
	s.poll = false
	switch {
	case n > 0:
		s.peeked = true
		return bytesThere
	case errors.Is(err, errEmpty) && !s.hup:
		return quiet
	}
	return ended
}
