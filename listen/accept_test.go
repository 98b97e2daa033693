package listen

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// play runs f against a listener on a script, in a bubble with a clock of its own.
func play(t *testing.T, cfg Config, report func(error), f func(t *testing.T, l *Listener, s *script)) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		l := newListener("public", s, cfg, nil, report)
		var wg sync.WaitGroup
		wg.Go(func() { l.Run(t.Context()) })
		defer wg.Wait()
		defer l.Close()
		f(t, l, s)
	})
}

func TestAcceptingGoesOnWhenFilesRunOut(t *testing.T) {
	c := conns(t, 3)
	emfile := &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	var reports []time.Time
	report := func(err error) {
		reports = append(reports, time.Now())
		if want := `listener "public": accept tcp: accept4: too many open files: raise the limit`; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %q, want %q and more", err, want)
		}
	}
	play(t, config(), report, func(t *testing.T, l *Listener, s *script) {
		for range 12 {
			s.next <- result{err: emfile}
		}
		s.next <- result{conn: c[0]}
		accept(t, l)
		want := []int{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000}
		calls := s.called()
		if len(calls) <= len(want) {
			t.Fatalf("accepted after %d calls, want more than %d", len(calls), len(want))
		}
		for i, ms := range want {
			if got := calls[i+1].Sub(calls[i]); got != time.Duration(ms)*time.Millisecond {
				t.Errorf("wait %d: got %v, want %d ms", i, got, ms)
			}
		}
		if len(reports) != 5 {
			t.Fatalf("got %d reports in 4.3 s of errors, want 5", len(reports))
		}
		for i := range reports[1:] {
			if d := reports[i+1].Sub(reports[i]); d < time.Second {
				t.Errorf("got two reports within %v, want a second between them", d)
			}
		}

		s.next <- result{err: emfile}
		s.next <- result{conn: c[1]}
		began := time.Now()
		accept(t, l)
		if got := time.Since(began); got != 5*time.Millisecond {
			t.Errorf("after a success: got a wait of %v, want 5 ms again", got)
		}
		s.next <- result{err: emfile}
		s.next <- result{conn: c[2]}
		accept(t, l)
		if len(reports) != 6 {
			t.Errorf("got %d reports, want 6: a success between two errors does not bring the second forward", len(reports))
		}
	})
}

func TestStopCutsTheWaitAfterAnError(t *testing.T) {
	play(t, config(), nil, func(t *testing.T, l *Listener, s *script) {
		for range 9 {
			s.next <- result{err: syscall.EMFILE}
		}
		time.Sleep(1280 * time.Millisecond) // by the bubble's clock: into the wait of a second
		began := time.Now()
		l.Stop()
		wantClosed(t, l)
		if got := time.Since(began); got != quiet {
			t.Errorf("got %v, want the %v of quiet alone", got, quiet)
		}
	})
}

func TestDrainGoesOnAfterAPassingError(t *testing.T) {
	c := conns(t, 1)
	play(t, config(), nil, func(t *testing.T, l *Listener, s *script) {
		synctest.Wait()
		l.Stop()
		s.next <- result{err: syscall.EMFILE}
		s.next <- result{conn: c[0]}
		accept(t, l)
		wantClosed(t, l)
	})
}

func TestDrainEndsWhenErrorsDoNot(t *testing.T) {
	play(t, config(), nil, func(t *testing.T, l *Listener, s *script) {
		synctest.Wait()
		for range 100 {
			s.next <- result{err: syscall.EMFILE}
		}
		began := time.Now()
		l.Stop()
		wantClosed(t, l)
		if got := time.Since(began); got > 2*drainBound {
			t.Errorf("got an end after %v, want it soon after %v", got, drainBound)
		}
	})
}

func TestDrainEndsWhenConnectionsDoNot(t *testing.T) {
	cs := conns(t, 40)
	play(t, config(), nil, func(t *testing.T, l *Listener, s *script) {
		synctest.Wait()
		l.Stop()
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			for _, c := range cs {
				s.next <- result{conn: c}
				time.Sleep(quiet / 2)
			}
		})
		began, n := time.Now(), 0
		for {
			if _, err := l.Accept(); err != nil {
				break
			}
			n++
		}
		if got := time.Since(began); got > drainBound+quiet || n < 20 {
			t.Errorf("got %d connections in %v, want no end before %v and none much later", n, got, drainBound)
		}
	})
}

func TestConnectionsBeyondTheLimitWaitUntilOneCloses(t *testing.T) {
	cs := conns(t, 3)
	cfg := config()
	cfg.Limits.Connections = 1
	play(t, cfg, nil, func(t *testing.T, l *Listener, s *script) {
		for _, c := range cs {
			s.next <- result{conn: c}
		}
		first := accept(t, l)
		wantTaken(t, l, 1)
		first.Close()
		first.Close() // counts out once only
		wantTaken(t, l, 2)
		accept(t, l)
		wantTaken(t, l, 2)
		cfg.Limits.Connections = 2
		l.Update(cfg, nil)
		wantTaken(t, l, 3)
		accept(t, l)
		if got := l.Stats().Open; got != 2 {
			t.Errorf("got %d open, want 2", got)
		}
	})
}

func TestStopIsNotHeldUpByTheLimit(t *testing.T) {
	cs := conns(t, 2)
	cfg := config()
	cfg.Limits.Connections = 1
	play(t, cfg, nil, func(t *testing.T, l *Listener, s *script) {
		for _, c := range cs {
			s.next <- result{conn: c}
		}
		accept(t, l)
		wantTaken(t, l, 1)
		l.Stop()
		accept(t, l)
		wantClosed(t, l)
	})
}

// wantTaken waits until nothing moves any more. It checks that n connections were taken from the socket.
func wantTaken(t *testing.T, l *Listener, n uint64) {
	t.Helper()
	synctest.Wait()
	if got := l.Stats().Accepted; got != n {
		t.Errorf("got %d connections taken, want %d", got, n)
	}
}

func TestConnectionsBeyondTheLimitOfAnAddressAreClosed(t *testing.T) {
	cfg := config()
	cfg.Limits.ConnectionsPerIP = 2
	l := start(t, cfg, nil)
	dial(t, l)
	first := accept(t, l)
	dial(t, l)
	accept(t, l)
	wantEnd(t, dial(t, l))

	from2 := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	if c, err := from2.Dial("tcp", l.Addr().String()); err == nil { // not every system has the address
		defer c.Close()
		if got := accept(t, l).RemoteAddr().(*net.TCPAddr).IP.String(); got != "127.0.0.2" {
			t.Errorf("got a connection from %s, want one from 127.0.0.2", got)
		}
	}

	first.Close()
	dial(t, l).Write([]byte("x"))
	if _, err := io.ReadFull(accept(t, l), make([]byte, 1)); err != nil {
		t.Errorf("after one closed: %v", err)
	}
	if got := l.Stats().RejectedPerIP; got != 1 {
		t.Errorf("got %d rejected, want 1", got)
	}
}

func TestBacklogIsServedOnStop(t *testing.T) {
	l := open(t, config(), nil)
	const n = 100
	clients := make([]net.Conn, n)
	for i := range clients {
		clients[i] = dial(t, l)
		clients[i].Write([]byte{'x'})
	}
	l.Stop()
	run(t, l) // only now: no connection was accepted before Stop
	for range n {
		s := accept(t, l)
		if _, err := io.CopyN(s, s, 1); err != nil {
			t.Fatal(err)
		}
	}
	wantClosed(t, l)
	for _, c := range clients {
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatalf("a client whose request came before Stop got %v", err)
		}
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("the address is still open after Stop")
	}
}

func TestRunReturnsAfterStopOnlyWhenAllIsHandedOut(t *testing.T) {
	l := open(t, config(), nil)
	dial(t, l)
	l.Stop()
	done := make(chan struct{})
	go func() { l.Run(context.Background()); close(done) }()
	accept(t, l)
	<-done
	wantClosed(t, l)
}

func TestCloseEndsWhatWasNotHandedOut(t *testing.T) {
	for name, end := range map[string]func(l *Listener, cancel func()){
		"Close":            func(l *Listener, _ func()) { l.Close() },
		"context":          func(_ *Listener, cancel func()) { cancel() },
		"Close after Stop": func(l *Listener, _ func()) { l.Stop(); l.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, config(), nil)
			stop := run(t, l)
			c := dial(t, l)
			end(l, stop)
			wantClosed(t, l)
			wantEnd(t, c)
			stop()
			if err := l.Close(); err != nil {
				t.Errorf("Close again: %v", err)
			}
			if got := l.Stats().Open; got != 0 {
				t.Errorf("got %d open, want 0", got)
			}
		})
	}
}

func TestListenerThatNeverRanCanBeClosed(t *testing.T) {
	l := open(t, config(), nil)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	ended := make(chan struct{})
	go func() { wantClosed(t, l); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("Accept still waits")
	}
}

func TestAddressInUseIsAnErrorThatSaysWhatToDo(t *testing.T) {
	l := start(t, config(), nil)
	cfg := config()
	cfg.Address = l.Addr().String()
	_, err := Listen("second", cfg, nil, nil)
	if err == nil || !strings.HasPrefix(err.Error(), `listener "second": listen tcp `+cfg.Address) || !strings.Contains(err.Error(), "choose another") {
		t.Errorf("got %v", err)
	}
}
