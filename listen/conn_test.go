package listen

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// echo sends what into one end and reads it at the other.
func echo(t *testing.T, from io.Writer, to io.Reader, what string) {
	t.Helper()
	if _, err := io.WriteString(from, what); err != nil {
		t.Fatalf("send %q: %v", what, err)
	}
	got := make([]byte, len(what))
	if _, err := io.ReadFull(to, got); err != nil || string(got) != what {
		t.Fatalf("got %q, %v, want %q", got, err, what)
	}
}

func wantOpen(t *testing.T, l *Listener, want int) {
	t.Helper()
	if got := l.Stats().Open; got != want {
		t.Errorf("got %d connections open, want %d", got, want)
	}
}

func TestAConnectionKnowsBothAddresses(t *testing.T) {
	l := start(t, config(), nil)
	client := dial(t, l)
	c := accept(t, l).(*Conn)
	if got, want := c.RemoteAddrPort(), netip.MustParseAddrPort(client.LocalAddr().String()); got != want {
		t.Errorf("the client's: got %v, want %v", got, want)
	}
	if got, want := c.RemoteAddr().String(), client.LocalAddr().String(); got != want {
		t.Errorf("the client's: got %v, want %v", got, want)
	}
	if got, want := c.LocalAddr().String(), client.RemoteAddr().String(); got != want {
		t.Errorf("ours: got %v, want %v", got, want)
	}
	if n := testing.AllocsPerRun(10, func() { c.RemoteAddrPort() }); n != 0 {
		t.Errorf("got %v allocations to tell the client's address, want 0", n)
	}
}

func TestAnIPv4ClientIsNotTakenForIPv6(t *testing.T) {
	mapped := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1).To16(), Port: 80}
	if got, want := addrPort(mapped), netip.MustParseAddrPort("192.0.2.1:80"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := addrPort(&net.UnixAddr{}); got.IsValid() {
		t.Errorf("no TCP address: got %v, want none", got)
	}
}

func TestAConnectionEndsOneDirection(t *testing.T) {
	l := start(t, config(), nil)
	client := dial(t, l)
	c := accept(t, l).(*Conn)
	if n, err := c.ReadFrom(strings.NewReader("last")); n != 4 || err != nil {
		t.Errorf("ReadFrom: got %d, %v", n, err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); string(got) != "last" || err != nil {
		t.Errorf("got %q, %v, want the end after what was written", got, err)
	}
	echo(t, client, c, "still heard")
	wantOpen(t, l, 1)
}

func TestWhatHasNoDescriptorStaysAsItIs(t *testing.T) {
	l := start(t, config(), nil)
	dial(t, l)
	c := accept(t, l).(*Conn)
	c.transport.Close()
	ours, theirs := net.Pipe()
	c.Attach(ours)
	if _, err := c.Detach(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Detach: got %v, want errors.ErrUnsupported", err)
	}
	if err := c.CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("CloseWrite: got %v, want errors.ErrUnsupported", err)
	}
	if _, err := c.SyscallConn(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SyscallConn: got %v, want errors.ErrUnsupported", err)
	}
	go theirs.Write([]byte("x"))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Errorf("after that: %v", err)
	}
	c.Close()
	c.Close()
	if _, err := theirs.Write([]byte("x")); err != io.ErrClosedPipe {
		t.Errorf("what was attached: got %v, want it closed", err)
	}
	wantOpen(t, l, 0)
}

// sessions are the ways to speak over a listener's connection.
var sessions = map[string]bool{"plain": false, "TLS": true}

// ends returns the two ends of a connection over l, and the Conn beneath ours.
func ends(t *testing.T, l *Listener, sealed bool) (client, ours net.Conn, beneath *Conn) {
	t.Helper()
	client = dial(t, l)
	if sealed {
		c := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		client = c
	}
	ours = accept(t, l)
	if sealed {
		return client, ours, ours.(*tls.Conn).NetConn().(*Conn)
	}
	return client, ours, ours.(*Conn)
}
