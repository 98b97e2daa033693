package listen

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Conn is a connection of a client. It counts as open until it is closed.
//
// It begins on a *net.TCPConn. Detach takes the socket out of Go's poller, for an owner that waits for it in another way, and Attach puts
// another transport in its place: so a *tls.Conn that has this one for its NetConn can go on over it. Neither may be called while another
// method runs; otherwise a Conn may be used as any net.Conn.
type Conn struct {
	transport     net.Conn
	remote, local netip.AddrPort
	gate          *gate
	out           sync.Once
}

var (
	_ net.Conn      = (*Conn)(nil)
	_ io.ReaderFrom = (*Conn)(nil)
	_ syscall.Conn  = (*Conn)(nil)
)

// detached is the transport of a connection whose socket has been taken. What is done with it fails with syscall.EINVAL.
var detached = new(net.TCPConn)

// Detach returns the socket as a non-blocking file descriptor, which is the caller's to close. The connection counts as open until Close,
// and cannot be read from or written to unless Attach makes it so. An error, which wraps errors.ErrUnsupported where descriptors are none
// of Unix, changes nothing.
func (c *Conn) Detach() (fd int, err error) {
	fd, err = duplicate(c.transport)
	if err != nil {
		return -1, fmt.Errorf("detach connection: %w", err)
	}
	c.transport.Close() // the socket stays open: it has another descriptor
	c.transport = detached
	return fd, nil
}

// Attach has reads, writes, deadlines, CloseWrite and Close go to t from now on. It comes after Detach.
func (c *Conn) Attach(t net.Conn) { c.transport = t }

// Close closes what the connection goes over. The first call counts it out.
func (c *Conn) Close() (err error) {
	if c.transport != detached {
		err = c.transport.Close()
	}
	c.out.Do(func() { c.gate.leave(c.remote.Addr()) })
	return err
}

// CloseWrite ends the direction to the client. Over what cannot do that it returns errors.ErrUnsupported.
func (c *Conn) CloseWrite() error {
	if half, ok := c.transport.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SetLinger says what Close does with what has not been sent, as net.TCPConn's does. Over what has no such choice it returns
// errors.ErrUnsupported.
func (c *Conn) SetLinger(seconds int) error {
	if t, ok := c.transport.(interface{ SetLinger(int) error }); ok {
		return t.SetLinger(seconds)
	}
	return errors.ErrUnsupported
}

// RemoteAddrPort is the client's address, IPv4 never in the form of IPv6.
func (c *Conn) RemoteAddrPort() netip.AddrPort { return c.remote }

// RemoteAddr is the client's address, a *net.TCPAddr that is the caller's.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// LocalAddr is the address that the client has connected to, a *net.TCPAddr that is the caller's.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

func (c *Conn) Read(p []byte) (int, error)  { return c.transport.Read(p) }
func (c *Conn) Write(p []byte) (int, error) { return c.transport.Write(p) }

// ReadFrom copies from r until its end, in the kernel where that can be.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.transport, r) }

// SyscallConn gives access to the socket. Over what has none it returns errors.ErrUnsupported.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.transport.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func (c *Conn) SetDeadline(at time.Time) error      { return c.transport.SetDeadline(at) }
func (c *Conn) SetReadDeadline(at time.Time) error  { return c.transport.SetReadDeadline(at) }
func (c *Conn) SetWriteDeadline(at time.Time) error { return c.transport.SetWriteDeadline(at) }

// addrPort is the address in the form that compares.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
