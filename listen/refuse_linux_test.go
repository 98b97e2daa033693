package listen

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

func TestRefusedConnectionsNeverReachTheBacklog(t *testing.T) {
	l := open(t, config(), nil)
	defer l.Close()
	before := dial(t, l)
	if !refuse(l.socket) {
		t.Fatal("the kernel does not refuse")
	}
	c, err := net.DialTimeout("tcp", l.Addr().String(), 50*time.Millisecond)
	if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("dial: got %v, %v, want no answer", c, err)
	}
	before.Write([]byte("x"))
	s, err := l.socket.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := io.CopyN(s, s, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(before, make([]byte, 1)); err != nil {
		t.Errorf("a connection that was there before: %v", err)
	}
}

func TestStopUnderLoadResetsNobody(t *testing.T) {
	l := start(t, config(), nil)
	var clients sync.WaitGroup
	var warm sync.WaitGroup
	warm.Add(8)
	for range 8 {
		clients.Go(func() {
			for n := 0; ; n++ {
				if n == 20 {
					warm.Done()
				}
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					return // refused, as it should be
				}
				c.SetDeadline(time.Now().Add(patience))
				c.Write([]byte("x"))
				if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
					t.Errorf("a client that was connected got %v", err)
				}
				c.Close()
			}
		})
	}
	go func() { warm.Wait(); l.Stop() }()
	for {
		s, err := l.Accept()
		if err != nil {
			break
		}
		io.CopyN(s, s, 1)
		s.Close()
	}
	clients.Wait()
}
