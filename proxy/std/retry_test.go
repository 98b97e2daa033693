package std

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"usher/proxy"
)

func TestABodyReachesTheSecondBackendWholeWhenTheFirstRefusesConnections(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	got := make(chan []byte, 2)
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- body
	})
	f := start(t, setup{backends: []string{closed.URL, b}})
	defer http.DefaultClient.CloseIdleConnections()
	attempts := 0
	for range 2 { // round-robin has at least one of the two begin at the closed one
		sent := make([]byte, 1<<20)
		rand.Read(sent)
		resp, err := http.Post("http://"+f.addr+"/", "application/octet-stream", bytes.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || !bytes.Equal(<-got, sent) {
			t.Fatalf("got %s, want 200 and the body as it was sent", resp.Status)
		}
		attempts += f.next().attempts
	}
	if attempts < 3 {
		t.Errorf("got %d attempts for two requests: the closed backend was not tried", attempts)
	}
}

// resetter is a backend that answers GET, and resets the connection when it has read anything else to its end.
type resetter struct {
	url  string
	read atomic.Int64 // requests reset
}

func newResetter(t *testing.T) *resetter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &resetter{url: "http://" + l.Addr().String()}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { b.serve(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Wait()
	})
	return b
}

func (b *resetter) serve(c *net.TCPConn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		io.Copy(io.Discard, r.Body)
		if r.Method != "GET" {
			b.read.Add(1)
			c.SetLinger(0)
			return
		}
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
}

func TestAPOSTThatABackendHasReadIsNeverSentTwice(t *testing.T) {
	for name, warm := range map[string]bool{"new connection": false, "used connection": true} {
		for body, request := range map[string]string{
			"a body":  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
			"chunks":  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			"a key":   "POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: 1\r\nX-Idempotency-Key: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			"no body": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		} {
			t.Run(name+", "+body, func(t *testing.T) {
				one, two := newResetter(t), newResetter(t)
				f := start(t, setup{backends: []string{one.url, two.url}})
				for range 2 {
					if warm {
						f.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
						f.next()
					}
				}
				if got := f.raw(request); !strings.HasPrefix(got, "HTTP/1.1 502") {
					t.Errorf("got %q, want 502", got)
				}
				if got, read := f.next(), one.read.Load()+two.read.Load(); got.attempts != 1 || read != 1 {
					t.Errorf("%d attempts, and the request was read %d times; want 1 and 1", got.attempts, read)
				}
			})
		}
	}
}

func TestABodyThatIsTooLargeByItsOwnWordReachesNoBackend(t *testing.T) {
	var asked atomic.Int64
	b := backend(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1) })
	f := start(t, setup{backends: []string{b}, listener: proxy.ListenerOptions{Body: 10}})
	has(t, f.raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world"), "HTTP/1.1 413 ")
	if got := f.next(); got.attempts != 0 || asked.Load() != 0 {
		t.Errorf("got %d attempts, and the backend was asked %d times; want none", got.attempts, asked.Load())
	}
}
