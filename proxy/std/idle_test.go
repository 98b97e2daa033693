package std

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/conf"
	"usher/proxy"
)

// impatient cuts streams that stand still for a moment.
func impatient(r *proxy.RouteConfig) { r.Timeouts.StreamIdle = conf.Duration(50 * time.Millisecond) }

func TestAResponseThatStandsStillIsCut(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	f := start(t, setup{backends: []string{b}, route: impatient})
	got := f.raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	has(t, got, "200 OK", "half")
	if strings.HasSuffix(got, "0\r\n\r\n") {
		t.Errorf("got %q, whose last chunk says that it is whole", got)
	}
	if x := f.next(); !errors.Is(x.err, proxy.ErrTimeout) {
		t.Errorf("got %v, want a timeout", x.err)
	}
}

func TestATunnelThatStandsStillIsClosed(t *testing.T) {
	ended := make(chan struct{})
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		io.Copy(c, rw)
	})
	f := start(t, setup{backends: []string{b}, route: impatient})
	got := f.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
	if !strings.HasPrefix(got, "HTTP/1.1 101") || !strings.HasSuffix(got, "\r\n\r\nhello") {
		t.Errorf("got %q, want 101 and the echo before the end", got)
	}
	<-ended
}

func TestATunnelLivesWhileOneDirectionMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const idle = 5 * time.Minute
		client, near := net.Pipe()
		far, backend := net.Pipe()
		tn := &tunnel{near, far}
		watch := newWatchdog(idle, tn.close)
		var up, down int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			up, down = tn.run(near, watch)
		}()
		events := bufio.NewReader(client)
		for range 20 {
			time.Sleep(idle - time.Second)
			go io.WriteString(backend, "event\n")
			if line, err := events.ReadString('\n'); line != "event\n" {
				t.Fatalf("got %q, %v", line, err)
			}
		}
		still := time.Now()
		<-done
		if took := time.Since(still); took != idle || up != 0 || down != 20*6 {
			t.Errorf("closed after %v with %d bytes up and %d down, want %v, 0 and 120", took, up, down, idle)
		}
		client.Close()
		backend.Close()
	})
}

func TestARequestBodyThatStandsStillEndsTheExchange(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	for name, route := range map[string]func(*proxy.RouteConfig){
		"stream_idle": func(r *proxy.RouteConfig) { r.Timeouts.StreamIdle = conf.Duration(50 * time.Millisecond) },
		"request":     func(r *proxy.RouteConfig) { r.Timeouts.Request = conf.Duration(50 * time.Millisecond) },
	} {
		f := start(t, setup{backends: []string{b}, route: route})
		if got := f.raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"); !strings.HasPrefix(got, "HTTP/1.1 408 ") {
			t.Errorf("%s: got %q, want 408", name, got)
		}
		if x := f.next(); !errors.Is(x.err, proxy.ErrSlowBody) {
			t.Errorf("%s: got %v, want a slow body", name, x.err)
		}
	}
}
