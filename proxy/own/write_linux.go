//go:build linux && (amd64 || arm64) && !portable

package own

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"unsafe"
)

// Small messages are not sent where they are written, but all together when the loop's turn ends. The kernel's way through a send is long:
// many in a row find its code in the caches, and ours too.
const (
	// deferrable is how long a message may be that waits for the end of the turn.
	deferrable = 4 << 10
	// arenaRoom is for the messages of one turn.
	arenaRoom = 256 << 10
)

// sendLater has p sent at the end of the turn.
func (l *loop) sendLater(s *sock, p []byte) {
	if len(l.arena)+len(p) > cap(l.arena) {
		l.flush()
	}
	n := len(l.arena)
	l.arena = append(l.arena, p...)
	s.pending = l.arena[n:]
	l.outgoing = append(l.outgoing, s)
}

// flush sends what the turn has written.
func (l *loop) flush() {
	for i, s := range l.outgoing {
		s.sendPending()
		l.outgoing[i] = nil
	}
	l.outgoing, l.arena = l.outgoing[:0], l.arena[:0]
}

// sendPending sends what was written, as far as there is room for it. A reader learns of an error as of one of its own.
func (s *sock) sendPending() {
	p, again := s.pending, s.unsent != nil
	if again {
		p = s.unsent
	}
	s.pending, s.unsent = nil, nil
	if len(p) == 0 || s.closed {
		return
	}
	n, err := s.send(p)
	switch {
	case err != nil:
		if again {
			err = errors.Join(errPartly, err)
		}
		s.lost, s.readable = err, true
		if s.reader != nil {
			s.loop.resumeSoon(s.reader, nil)
		}
	case n < len(p):
		s.unsent = slices.Clone(p[n:])
	}
}

// Flush sends what Write has kept back, and waits until there was room for all of it.
func (s *sock) Flush() error {
	for s.pending != nil || s.unsent != nil {
		if s.sendPending(); s.unsent == nil {
			break
		}
		if err := s.awaitRoom(); err != nil {
			return err
		}
	}
	if s.closed {
		return errClosed
	}
	return s.lost
}

// last sends what Write has kept back before the socket is closed. On a task it waits for room.
func (s *sock) last() {
	if s.loop.current != nil {
		s.Flush() // an error has nobody to be told to
		return
	}
	s.sendPending()
}

// Write writes all of p.
func (s *sock) Write(p []byte) (int, error) {
	if len(p) <= deferrable && s.pending == nil && s.unsent == nil && s.writable && !s.closed && s.lost == nil {
		s.loop.sendLater(s, p)
		return len(p), nil
	}
	if err := s.Flush(); err != nil {
		return 0, err
	}
	for done := 0; ; {
		if s.closed {
			return done, errClosed
		}
		if !s.writable {
			if err := s.awaitRoom(); err != nil {
				return done, err
			}
			continue
		}
		n, err := s.send(p[done:])
		if done += n; err != nil || done == len(p) {
			return done, err
		}
	}
}

// awaitRoom waits until there is room to write.
func (s *sock) awaitRoom() error {
	t := s.loop.current
	s.writer = t
	err := t.park(s.writeBy)
	s.writer = nil
	return err
}

// send writes without waiting.
func (s *sock) send(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
	switch {
	case errno == syscall.EAGAIN:
		s.writable = false
		return 0, nil
	case errno == syscall.EINTR:
		return 0, nil
	case errno != 0:
		s.hup = true
		return 0, os.NewSyscallError("send", errno)
	}
	if int(n) < len(p) {
		s.writable = false
	}
	return int(n), nil
}
