//go:build unix

package listen

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// from makes a connection of a descriptor, which it takes over.
func from(t *testing.T, fd int) net.Conn {
	t.Helper()
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func TestASessionGoesOnOverAnotherTransport(t *testing.T) {
	certs := load(t, write(t, t.TempDir(), "a", newECDSA(), 1, "a.test"))
	for name, sealed := range sessions {
		t.Run(name, func(t *testing.T) {
			l := start(t, config(), map[bool]*Certificates{true: certs}[sealed])
			client, ours, beneath := ends(t, l, sealed)
			echo(t, client, ours, "before")
			echo(t, ours, client, "before")
			was := beneath.transport
			fd, err := beneath.Detach()
			if err != nil {
				t.Fatal(err)
			}
			if err := was.SetDeadline(time.Time{}); err == nil {
				t.Error("the connection is still in Go's poller")
			}
			if _, err := beneath.Read(make([]byte, 1)); err == nil {
				t.Error("a detached connection can be read from")
			}
			beneath.Attach(from(t, fd))
			echo(t, client, ours, "after")
			echo(t, ours, client, "after")
			wantOpen(t, l, 1)
			ours.Close()
			ours.Close()
			wantOpen(t, l, 0)
			wantEnd(t, client)
		})
	}
}

func TestADetachedSocketIsTheCallers(t *testing.T) {
	l := start(t, config(), nil)
	client, ours, beneath := ends(t, l, false)
	fd, err := beneath.Detach()
	if err != nil {
		t.Fatal(err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v: want it closed on exec", flags, err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("flags %#x, %v: want it non-blocking", flags, err)
	}
	if _, err := beneath.Detach(); err == nil {
		t.Error("detached twice")
	}
	wantOpen(t, l, 1)
	if err := ours.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	wantOpen(t, l, 0)
	c := from(t, fd)
	defer c.Close()
	echo(t, c, client, "still there")
}
