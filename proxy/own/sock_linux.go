//go:build linux && (amd64 || arm64) && !portable

package own

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// sock is a socket of a loop. It remembers what epoll has said of it, which is said once.
type sock struct {
	loop                    *loop
	fd                      int
	serial                  uint32
	readable, writable, hup bool
	cancelled, closed       bool

	reader, writer *task  // that wait
	watcher        *task  // waits elsewhere for as long as this end is there
	watched        *sock  // whose watcher a reader of this one is
	pending        []byte // of the loop's turn: to be sent at its end
	unsent         []byte // of an earlier turn: there was no room
	lost           error  // why something pending could not be sent
	readBy         instant
	writeBy        instant

	// rest is set while the connection rests: it is called when bytes come, or the time is over (errLate).
	rest    func(error)
	timer   timer // of the rest
	release func() error
}

var _ conn = (*sock)(nil)

// adopt makes the loop the owner of a connected, non-blocking socket. release, which may be nil, is called once it has been closed.
func (l *loop) adopt(fd int, release func() error) (*sock, error) {
	l.serial++
	s := &sock{loop: l, fd: fd, serial: l.serial, writable: true, release: release}
	if err := l.register(fd, s.serial); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	for fd >= len(l.socks) {
		l.socks = append(l.socks, make([]*sock, 64)...)
	}
	l.socks[fd] = s
	return s, nil
}

// note takes in what epoll says.
func (s *sock) note(ev uint32) {
	const broken = syscall.EPOLLHUP | syscall.EPOLLERR
	s.readable = s.readable || ev&(syscall.EPOLLIN|syscall.EPOLLRDHUP|broken) != 0
	s.writable = s.writable || ev&(syscall.EPOLLOUT|broken) != 0
	s.hup = s.hup || ev&(syscall.EPOLLRDHUP|broken) != 0
}

// act resumes who has waited for what was noted.
func (s *sock) act() {
	if s.writable && s.unsent != nil && s.writer == nil {
		s.sendPending()
	}
	if s.readable && s.rest != nil {
		s.wake(nil)
		return
	}
	if s.readable && s.reader != nil {
		s.loop.resume(s.reader, nil)
	}
	if s.writable && s.writer != nil {
		s.loop.resume(s.writer, nil)
	}
	if s.hup && s.watcher != nil {
		s.loop.resume(s.watcher, errGone)
	}
}

// restUntil has f called when bytes come, with nil, or when by has passed, with errLate. It must not be called with bytes there.
func (s *sock) restUntil(by instant, f func(error)) {
	s.rest = f
	if s.timer.expire == nil {
		s.timer.expire = func() { s.wake(errLate) }
	}
	s.loop.wheel.set(&s.timer, by)
}

func (s *sock) wake(why error) {
	if f := s.rest; f != nil {
		s.rest = nil
		s.timer.due = 0
		f(why)
	}
}

func (s *sock) ReadBy(at instant)  { s.readBy = at }
func (s *sock) WriteBy(at instant) { s.writeBy = at }

// Read reads what is there.
func (s *sock) Read(p []byte) (int, error) {
	for {
		if err := s.refusal(); err != nil {
			return 0, err
		}
		if !s.readable {
			if err := s.awaitBytes(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := s.receive(p)
		if n > 0 {
			s.loop.current.spend(n)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Ready waits until a Read would not.
func (s *sock) Ready() error {
	for {
		if err := s.refusal(); err != nil {
			return err
		}
		if s.readable {
			return nil
		}
		if err := s.awaitBytes(); err != nil {
			return err
		}
	}
}

func (s *sock) refusal() error {
	switch {
	case s.closed:
		return errClosed
	case s.cancelled:
		return errCancelled
	}
	return nil
}

// receive reads without waiting: neither bytes nor an error mean that there is nothing.
func (s *sock) receive(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, io.ErrShortBuffer
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	switch {
	case errno == syscall.EAGAIN:
		s.readable = false
		return 0, nil
	case errno == syscall.EINTR:
		return 0, nil
	case errno != 0:
		s.hup = true
		return 0, os.NewSyscallError("recv", errno)
	case n == 0:
		s.hup = true
		return 0, io.EOF
	case int(n) < len(p) && !s.hup:
		s.readable = false // all of it: what comes later is another edge. But an end that was announced together with bytes is not
	}
	return int(n), nil
}

// awaitBytes waits until something is there to be read.
func (s *sock) awaitBytes() error {
	t := s.loop.current
	if w := s.watched; w != nil {
		if w.hup {
			return errGone
		}
		w.watcher = t
		defer func() { w.watcher = nil }()
	}
	s.reader = t
	err := t.park(s.readBy)
	s.reader = nil
	return err
}

// Close closes the socket. Who waits for it is told so.
func (s *sock) Close() error {
	if s.closed {
		return nil
	}
	s.last()
	s.closed, s.hup = true, true
	s.loop.wheel.unlink(&s.timer)
	s.rest = nil
	s.loop.socks[s.fd] = nil
	err := syscall.Close(s.fd)
	for _, t := range [...]*task{s.reader, s.writer} {
		if t != nil {
			s.loop.resumeSoon(t, errClosed)
		}
	}
	if s.watcher != nil {
		s.loop.resumeSoon(s.watcher, errGone)
	}
	if s.release != nil {
		s.release()
	}
	return err
}

// CloseWrite sends the end.
func (s *sock) CloseWrite() error {
	if s.closed { // and its number may be another's
		return errClosed
	}
	if err := s.Flush(); err != nil {
		return err
	}
	return os.NewSyscallError("shutdown", syscall.Shutdown(s.fd, syscall.SHUT_WR))
}

// Cancel ends the wait of the reader.
func (s *sock) Cancel(on bool) {
	s.cancelled = on
	if on && s.reader != nil {
		s.loop.resumeSoon(s.reader, errCancelled)
	}
}

// Watch ties the waits for bytes to client's being there.
func (s *sock) Watch(client conn) {
	switch c := client.(type) {
	case *sock:
		s.watched = c
	case *sealed:
		s.watched = c.sock
	default:
		s.watched = nil
	}
}

// Probe says what epoll has said. A read that took as many bytes as it had room for leaves open whether there are more.
func (s *sock) Probe() prospect {
	if s.readable && !s.hup {
		s.readable = false
		s.look()
	}
	switch {
	case s.hup || s.closed:
		return ended
	case s.readable:
		return bytesThere
	}
	return quiet
}

// reset has the other side see a reset rather than an end: what it has is not whole.
func (s *sock) reset() {
	if s.closed {
		return
	}
	s.sendPending() // of what there is room for: the client sees what was cut off
	s.pending, s.unsent = nil, nil
	syscall.SetsockoptLinger(s.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
}

// look takes in what epoll would say in the next turn.
func (s *sock) look() {
	var b [1]byte
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), 1, syscall.MSG_PEEK, 0, 0)
	switch {
	case errno == syscall.EAGAIN:
	case errno != 0, n == 0:
		s.readable, s.hup = true, true
	default:
		s.readable = true
	}
}
