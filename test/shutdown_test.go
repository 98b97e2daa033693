package test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// slowServer is a backend whose answers take 200 ms, and that knows which requests have reached it.
type slowServer struct {
	address string
	now     atomic.Int64 // requests being answered
	seen    sync.Map     // the X-Number of each request that it got
}

func newSlowServer(t *testing.T) *slowServer {
	s := &slowServer{}
	s.address = serve(t, func(w http.ResponseWriter, r *http.Request) {
		s.seen.Store(r.Header.Get("X-Number"), true)
		s.now.Add(1)
		defer s.now.Add(-1)
		half := time.NewTicker(100 * time.Millisecond)
		defer half.Stop()
		<-half.C
		io.WriteString(w, "the first half, ")
		w.(http.Flusher).Flush()
		<-half.C
		io.WriteString(w, "and the second")
	})
	return s
}

const slowAnswer = "the first half, and the second"

func TestSIGTERMAnswersEverythingInFlight(t *testing.T) {
	const clients = 40
	slow := newSlowServer(t)
	u := start(t, fmt.Sprintf("routes: [{pool: web}]\npools: {web: {backends: [%q]}}\n", slow.address))
	var all sync.WaitGroup
	var stopping atomic.Bool
	var answered atomic.Int64
	for i := range clients {
		all.Go(func() {
			c := &caller{url: u.url}
			defer c.hangUp()
			for n := 0; ; n++ {
				number := fmt.Sprintf("%d.%d", i, n)
				reply := c.ask(number)
				if i%2 == 0 || reply.close {
					c.hangUp()
				}
				_, reached := slow.seen.Load(number)
				switch {
				case reply.err == nil && reply.body == slowAnswer:
					answered.Add(1)
				case !stopping.Load():
					t.Errorf("request %s before the signal: %v", number, reply)
					return
				case reached || reply.body != "":
					t.Errorf("request %s was cut off by the stop: %v", number, reply)
					return
				default:
					return // the door is closed
				}
			}
		})
	}
	eventually(t, "everybody is in flight", func() bool { return answered.Load() >= clients && slow.now.Load() >= clients/2 })
	stopping.Store(true)
	inFlight := slow.now.Load()
	u.stop(t)
	all.Wait()
	t.Logf("%d requests were in flight at the signal, and %d were answered in all", inFlight, answered.Load())
}

// reply is what came back on a connection.
type reply struct {
	status int
	close  bool // the answer announces that the connection is closed
	body   string
	err    error
}

func (r reply) String() string {
	return fmt.Sprintf("status %d, close %t, body %q, error %v", r.status, r.close, r.body, r.err)
}

// caller makes requests one after another, on one connection until it hangs up.
type caller struct {
	url  string
	conn net.Conn
	r    *bufio.Reader
}

// hangUp closes the connection, if there is one: the next request makes another.
func (c *caller) hangUp() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *caller) ask(number string) (got reply) {
	if c.conn == nil {
		if c.conn, got.err = net.DialTimeout("tcp", strings.TrimPrefix(c.url, "http://"), patience); got.err != nil {
			c.conn = nil
			return got
		}
		c.r = bufio.NewReader(c.conn)
	}
	c.conn.SetDeadline(time.Now().Add(patience))
	if _, got.err = fmt.Fprintf(c.conn, "GET / HTTP/1.1\r\nHost: test\r\nX-Number: %s\r\n\r\n", number); got.err != nil {
		return got
	}
	if _, got.err = c.r.Peek(1); got.err != nil {
		return got // io.EOF: closed without an answer, not in the middle of one
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return reply{err: fmt.Errorf("cut answer: %v", err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return reply{resp.StatusCode, resp.Close, string(body), err}
}

func TestSIGTERMLetsIdleConnectionsAskOnceMore(t *testing.T) {
	const idle = 20
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	held := make(chan struct{})
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Number") == "held" {
			close(held)
			<-hold
		}
		io.WriteString(w, "here")
	})
	u := start(t, fmt.Sprintf("routes: [{pool: web}]\npools: {web: {backends: [%q]}}\n", address))
	t.Cleanup(release)

	callers := make([]*caller, idle)
	for i := range callers {
		callers[i] = &caller{url: u.url}
		defer callers[i].hangUp()
		if got := callers[i].ask("first"); got.err != nil || got.close {
			t.Fatalf("before the signal: %v", got)
		}
	}
	busy := &caller{url: u.url}
	defer busy.hangUp()
	last := make(chan reply, 1)
	go func() { last <- busy.ask("held") }()
	<-held
	u.signal(t, syscall.SIGTERM)
	eventually(t, "nobody else is let in", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(u.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	answered := 0
	for i, c := range callers {
		switch got := c.ask("second"); {
		case got.err == nil && got.body == "here" && got.close:
			answered++
		case got.status == 0 && cleanClose(got.err):
		default:
			t.Errorf("connection %d, idle at the signal: %v", i, got)
		}
	}
	release()
	if got := <-last; got.err != nil || got.body != "here" {
		t.Errorf("the request in flight: %v", got)
	}
	if code := u.wait(t); code != 0 { // a second signal would end it at once
		t.Errorf("usher ended with exit code %d", code)
	}
	t.Logf("%d of %d connections were answered once more, the others were closed", answered, idle)
}

// cleanClose reports whether err is what a client sees of a connection that was closed before its request arrived.
func cleanClose(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
