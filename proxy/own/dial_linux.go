//go:build linux && (amd64 || arm64) && !portable

package own

import (
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// connect connects to a backend: in the loop where the address is a number, and on a goroutine where a name has to be resolved or TLS be
// agreed on.
func (l *loop) connect(to target) (conn, error) {
	by := l.now().in(to.connect.Timeout.D())
	if addr, err := netip.ParseAddrPort(to.backend.Address); err == nil && to.backend.Scheme == "http" {
		return l.dial(addr, by)
	}
	var raw net.Conn
	var base *swap
	var err error
	l.await(func() {
		raw, base, err = l.plane.dialer.dial(to, by)
	})
	if err != nil {
		return nil, err
	}
	fd, err := detach(base.Conn)
	if err != nil {
		base.Close()
		return nil, err
	}
	s, err := l.adopt(fd, nil)
	if err != nil {
		return nil, err
	}
	t, ok := raw.(*tls.Conn)
	if !ok {
		return s, nil
	}
	sealed := &sealed{sock: s, tls: t}
	base.Conn = below{sealed}
	s.look()
	return sealed, nil
}

// dial opens a connection without blocking.
func (l *loop) dial(addr netip.AddrPort, by instant) (conn, error) {
	family, sa := sockaddr(addr)
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	tune(fd)
	if err := syscall.Connect(fd, sa); err != nil && err != syscall.EINPROGRESS {
		syscall.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	s, err := l.adopt(fd, nil)
	if err != nil {
		return nil, err
	}
	s.writable = false
	s.WriteBy(by)
	if err := s.connected(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// sockaddr is addr as the kernel has it.
func sockaddr(addr netip.AddrPort) (family int, sa syscall.Sockaddr) {
	ip, port := addr.Addr().Unmap(), int(addr.Port())
	if ip.Is4() {
		return syscall.AF_INET, &syscall.SockaddrInet4{Port: port, Addr: ip.As4()}
	}
	zone := 0
	if i, err := net.InterfaceByName(ip.Zone()); err == nil {
		zone = i.Index
	} else {
		zone, _ = strconv.Atoi(ip.Zone())
	}
	return syscall.AF_INET6, &syscall.SockaddrInet6{Port: port, Addr: ip.As16(), ZoneId: uint32(zone)}
}

// connected waits until the connection stands.
func (s *sock) connected() error {
	if err := s.awaitRoom(); err != nil {
		return err
	}
	code, err := syscall.GetsockoptInt(s.fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	return os.NewSyscallError("connect", err)
}

// tune sets what Go's own sockets have: no delay, and probes that find out when the other side has vanished.
func tune(fd int) {
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 30)
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 15)
}

// detach takes a socket out of Go's poller.
func detach(c net.Conn) (fd int, err error) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, err
	}
	fd = -1
	err = raw.Control(func(p uintptr) {
		n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, p, syscall.F_DUPFD_CLOEXEC, 0)
		if fd = int(n); errno != 0 {
			fd = -1
		}
	})
	if err == nil && fd < 0 {
		err = syscall.EMFILE
	}
	if err != nil {
		return -1, os.NewSyscallError("dup", err)
	}
	return fd, c.Close()
}
