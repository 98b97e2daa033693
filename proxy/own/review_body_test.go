package own

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/conf"
	"usher/proxy"
)

func TestABodyDoesNotOutliveAPanic(t *testing.T) {
	onEach(t, func(t *testing.T, loops int) {
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
		defer backend.Close()
		f := serve(t, min(loops, 1), nil, backend.URL)
		panics := func(*proxy.Exchange) { panic("an observer") }
		f.observe.Store(&panics)
		first := dial(t, f.address)
		first.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nsecret")
		first.hear()
		io.Copy(io.Discard, first.r) // to its end
		f.observe.Store(nil)
		second := dial(t, f.address)
		second.say("POST / HTTP/1.1\r\nHost: a\r\nX-A: a longer head\r\nContent-Length: 6\r\n\r\npublic")
		if got, _ := io.ReadAll(second.hear().Body); string(got) != "public" {
			t.Errorf("got %q, which is another's", got)
		}
	})
}

func TestNothingIsAskedForInTheMiddleOfAnAnswer(t *testing.T) {
	onEach(t, func(t *testing.T, loops int) {
		read := make(chan struct{})
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
			<-read
		}))
		defer backend.Close()
		defer close(read)
		f := serve(t, loops, func(_ *proxy.ListenerOptions, rc *proxy.RouteConfig, _ *proxy.Pool) {
			rc.Timeouts.StreamIdle = conf.Duration(100 * time.Millisecond)
		}, backend.URL)
		c := dial(t, f.address)
		c.say("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
		if got, _ := io.ReadAll(c.r); !strings.Contains(string(got), "200 OK") || strings.Contains(string(got), "Continue") {
			t.Errorf("got %q", got)
		}
	})
}

// TestNothingIsMixedUp has clients of all kinds at once, each of which knows what it must get.
func TestNothingIsMixedUp(t *testing.T) {
	onEach(t, func(t *testing.T, loops int) {
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/early":
				w.Header().Set("Connection", r.Header.Get("X-Then"))
				fmt.Fprint(w, r.Header.Get("X-Who"))
			case "/abort":
				io.WriteString(w, r.Header.Get("X-Who"))
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			default:
				body, _ := io.ReadAll(r.Body)
				fmt.Fprintf(w, "%s:%s", r.Header.Get("X-Who"), body)
			}
		}))
		defer backend.Close()
		f := serve(t, loops, nil, backend.URL)
		var clients sync.WaitGroup
		for i := range 16 {
			clients.Go(func() { mix(t, f, i) })
		}
		clients.Wait()
		f.stop()
		within(t, tooLong, "Serve does not return", f.served)
	})
}

// mix sends what client i sends.
func mix(t *testing.T, f *front, i int) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for n := range 60 {
		who := fmt.Sprintf("%d-%d", i, n)
		body := strings.Repeat(who, []int{0, 1, 400, 30_000}[n%4])
		path := []string{"/", "/early", "/abort"}[(i+n)%3]
		if path != "/" && n > 4 { // the proxy waits a second for the rest of a body that nobody wants
			body = body[:min(len(body), 400)]
		}
		req, _ := http.NewRequest("POST", "http://"+f.address+path, strings.NewReader(body))
		if n%5 == 0 {
			req.Body, req.ContentLength = io.NopCloser(struct{ io.Reader }{strings.NewReader(body)}), -1
		}
		if n%7 == 0 && path != "/abort" { // or net/http's server waits for the body before it aborts
			req.Header.Set("Expect", "100-continue")
		}
		req.Header.Set("X-Who", who)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			continue // the proxy may end a connection whose body it does not want
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		want := who
		if path == "/" {
			want += ":" + body
		}
		if resp.StatusCode == 200 && !strings.HasPrefix(want, string(got)) || path == "/" && (err != nil || string(got) != want) {
			t.Errorf("%s: got %s, %d bytes, %v; want %d", path, resp.Status, len(got), err, len(want))
		}
	}
}

func TestNoDescriptorIsLeft(t *testing.T) {
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		t.Skip(err)
	}
	count := func() int {
		d, _ := os.ReadDir("/proc/self/fd")
		return len(d)
	}
	onEach(t, func(t *testing.T, loops int) {
		before := count()
		backend := httptest.NewServer(http.HandlerFunc(quickly))
		f := serve(t, loops, nil, backend.URL)
		for range 20 {
			c := dial(t, f.address)
			c.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			io.Copy(io.Discard, c.hear().Body)
			c.Close()
			dial(t, f.address).Close()
		}
		f.end()
		backend.Close()
		if after := count(); after > before {
			t.Errorf("got %d descriptors more", after-before)
		}
	})
}
