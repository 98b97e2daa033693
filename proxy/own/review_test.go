package own

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/conf"
	"usher/proxy"
)

// tooLong is after how long a test gives up.
const tooLong = 10 * time.Second

// raw is a client that says what it likes.
type raw struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func dial(t testing.TB, address string) *raw {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(tooLong))
	return &raw{c, t, bufio.NewReader(c)}
}

func (c *raw) say(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads the head of a response.
func (c *raw) hear() *http.Response {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp
}

// within fails the test unless the channel is closed in time.
func within(t testing.TB, d time.Duration, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatal(what)
	}
}

func quickly(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func TestAnIdleConnectionEndsSoonAfterTheListener(t *testing.T) {
	onEach(t, func(t *testing.T, loops int) {
		backend := httptest.NewServer(http.HandlerFunc(quickly))
		defer backend.Close()
		f := serve(t, loops, nil, backend.URL)
		used, unused, large := dial(t, f.address), dial(t, f.address), dial(t, f.address)
		used.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		io.Copy(io.Discard, used.hear().Body)
		large.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000))
		io.Copy(io.Discard, large.hear().Body)
		f.stop()
		within(t, idleEnd+2*time.Second, "Serve still waits for idle connections", f.served)
		_ = unused
	})
}

func TestACutEndsAStreamThatIsSilent(t *testing.T) {
	onEach(t, func(t *testing.T, loops int) {
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}))
		defer backend.Close()
		f := serve(t, loops, nil, backend.URL)
		c := dial(t, f.address)
		c.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		c.hear()
		f.stop()
		f.cut()
		within(t, 3*time.Second, "Serve still waits for a stream", f.served)
	})
}

func TestABackendLearnsThatTheClientOfAStreamHasGone(t *testing.T) {
	onEach(t, func(t *testing.T, loops int) {
		gone := make(chan struct{})
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			close(gone)
		}))
		defer backend.Close()
		f := serve(t, loops, nil, backend.URL)
		c := dial(t, f.address)
		c.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		c.hear()
		c.Close()
		within(t, 4*time.Second, "the backend still streams", gone)
	})
}

// counting is a backend that counts its connections.
func counting(t testing.TB, h http.HandlerFunc) (url string, conns *atomic.Int64) {
	conns = new(atomic.Int64)
	backend := httptest.NewUnstartedServer(h)
	backend.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	backend.Start()
	t.Cleanup(backend.Close)
	return backend.URL, conns
}

func TestAConnectionIsUsedAgainAfterALargeAnswer(t *testing.T) {
	onEach(t, func(t *testing.T, loops int) {
		large := strings.Repeat("x", 300_000)
		url, conns := counting(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "300000")
			io.WriteString(w, large)
		})
		f := serve(t, loops, nil, url)
		c := dial(t, f.address)
		for range 5 {
			c.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if n, err := io.Copy(io.Discard, c.hear().Body); n != 300_000 {
				t.Fatal(n, err)
			}
		}
		if n := conns.Load(); n != 1 {
			t.Errorf("got %d connections to the backend, want 1", n)
		}
	})
}

func TestABackendHasAnAddressOfVersion6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip(err)
	}
	backend := httptest.NewUnstartedServer(http.HandlerFunc(quickly))
	backend.Listener.Close()
	backend.Listener = l
	backend.Start()
	defer backend.Close()
	onEach(t, func(t *testing.T, loops int) {
		f := serve(t, loops, nil, backend.URL)
		c := dial(t, f.address)
		c.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if resp := c.hear(); resp.StatusCode != 200 {
			t.Errorf("got %s", resp.Status)
		}
	})
}

func TestASmallBodyThatStallsIsAnswered(t *testing.T) {
	onEach(t, func(t *testing.T, loops int) {
		backend := httptest.NewServer(http.HandlerFunc(quickly))
		defer backend.Close()
		f := serve(t, loops, func(_ *proxy.ListenerOptions, rc *proxy.RouteConfig, _ *proxy.Pool) {
			rc.Timeouts.StreamIdle = conf.Duration(100 * time.Millisecond)
		}, backend.URL)
		c := dial(t, f.address)
		c.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
		if resp := c.hear(); resp.StatusCode != 408 {
			t.Errorf("got %s, want 408", resp.Status)
		}
	})
}

func TestTimersThatAreOverdueWhenSetExpireSoon(t *testing.T) {
	w := newWheel(0)
	var first, second timer
	expired := false
	second.expire = func() { expired = true }
	first.expire = func() { w.set(&second, tick/2) }
	w.set(&first, tick)
	for now := instant(0); now < 10*tick; now += tick {
		w.advance(now)
	}
	if !expired {
		t.Error("a timer set as overdue, while others expired, waits for the wheel to go round")
	}
}
