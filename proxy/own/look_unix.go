//go:build unix

package own

import (
	"net"
	"syscall"
)

// eye sees what a read of a connection would meet, without reading.
type eye struct {
	control syscall.RawConn
	peek    func(fd uintptr)
	seen    prospect
}

// open makes e the eye of c.
func (e *eye) open(c net.Conn) {
	raw, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	e.control, _ = raw.SyscallConn()
	e.peek = func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EAGAIN || err == syscall.EINTR:
			e.seen = quiet
		case err != nil || n == 0:
			e.seen = ended
		default:
			e.seen = bytesThere
		}
	}
}

// look says what a read would meet.
func (e *eye) look() prospect {
	switch {
	case e.control == nil:
		return quiet
	case e.control.Control(e.peek) != nil:
		return ended
	}
	return e.seen
}
