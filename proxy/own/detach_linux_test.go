//go:build linux && (amd64 || arm64) && !portable

package own

import (
	"net"
	"syscall"
)

// detaching hands out connections that can leave Go's poller.
func detaching(l net.Listener) net.Listener { return leavers{l} }

type leavers struct{ net.Listener }

func (l leavers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &leaver{Conn: c}, nil
}

type leaver struct{ net.Conn }

func (l *leaver) Detach() (int, error) { return detach(l.Conn) }
func (l *leaver) Attach(c net.Conn)    { l.Conn = c }

func (l *leaver) SyscallConn() (syscall.RawConn, error) { return l.Conn.(syscall.Conn).SyscallConn() }
