//go:build unix

package own

import (
	"net"
	"syscall"
)

// look says what a read of c would meet.
func look(c net.Conn) prospect {
	if s, ok := c.(*swap); ok {
		c = s.Conn
	}
	raw, ok := c.(syscall.Conn)
	if !ok {
		return quiet
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return ended
	}
	seen := quiet
	err = control.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EAGAIN || err == syscall.EINTR:
		case err != nil || n == 0:
			seen = ended
		default:
			seen = bytesThere
		}
	})
	if err != nil {
		return ended
	}
	return seen
}
