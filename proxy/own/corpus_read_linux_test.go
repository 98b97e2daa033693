package own

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// asker asks the kernel about sockets (sock_diag(7)).
type asker int

func newAsker(t testing.TB) asker {
	t.Helper()
	const inetDiag = 4
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, inetDiag)
	if err != nil {
		t.Skip("the kernel does not tell about sockets: ", err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	return asker(fd)
}

// taken waits until all that was written to c has been read at its other end, or nobody there will: so that what is written next arrives in
// a read of its own.
func (a asker) taken(t testing.TB, c *net.TCPConn) {
	t.Helper()
	far, near := c.RemoteAddr().(*net.TCPAddr).AddrPort(), c.LocalAddr().(*net.TCPAddr).AddrPort()
	for until := time.Now().Add(enough); a.unread(far, near) > 0; runtime.Gosched() {
		if time.Now().After(until) {
			t.Errorf("what was written from %v to %v is not read", near, far)
			return
		}
	}
}

// unread is how many bytes wait to be read from the socket that is bound to local and connected to remote.
func (a asker) unread(local, remote netip.AddrPort) uint32 {
	const header, byFamily = syscall.NLMSG_HDRLEN, 20
	b := make([]byte, header+56)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], byFamily)
	binary.NativeEndian.PutUint16(b[6:], syscall.NLM_F_REQUEST)
	q := b[header:] // struct inet_diag_req_v2
	q[0], q[1] = syscall.AF_INET, syscall.IPPROTO_TCP
	binary.NativeEndian.PutUint32(q[4:], ^uint32(0)) // any state
	binary.BigEndian.PutUint16(q[8:], local.Port())
	binary.BigEndian.PutUint16(q[10:], remote.Port())
	from, to := local.Addr().Unmap().As4(), remote.Addr().Unmap().As4()
	copy(q[12:], from[:])
	copy(q[28:], to[:])
	binary.NativeEndian.PutUint64(q[48:], ^uint64(0)) // no cookie
	if syscall.Sendto(int(a), b, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}) != nil {
		return 0
	}
	var r [1024]byte
	n, _, err := syscall.Recvfrom(int(a), r[:], 0)
	if err != nil || n < header+60 || binary.NativeEndian.Uint16(r[4:]) != byFamily {
		return 0 // there is no such socket any more
	}
	return binary.NativeEndian.Uint32(r[header+56:]) // struct inet_diag_msg, idiag_rqueue
}
