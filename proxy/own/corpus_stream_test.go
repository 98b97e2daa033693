package own

import (
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const handshake = "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

// tunnel opens one, with bytes right behind both heads.
func tunnel(t *testing.T, f *front, b *rawBackend) (c, bc *peer) {
	t.Helper()
	c = f.dial(t)
	c.send("%sping", handshake)
	bc = b.accept()
	if head := bc.head(); !strings.Contains(head, "Upgrade: websocket\r\n") || !strings.Contains(head, "Connection: Upgrade\r\n") {
		t.Errorf("the backend got %q", head)
	}
	bc.send("%spong", switching)
	if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, "Upgrade: websocket\r\n") {
		t.Errorf("got %q", head)
	}
	if got := bc.take(4) + c.take(4); got != "pingpong" {
		t.Errorf("got %q", got)
	}
	return c, bc
}

func TestATunnelHasTwoEnds(t *testing.T) {
	for what, turned := range map[string]bool{"the client's comes first": false, "the backend's comes first": true} {
		t.Run(what, func(t *testing.T) {
			both(t, func(t *testing.T, loops int) {
				b := backend(t)
				first, second := tunnel(t, raise(t, loops, b.address, nil), b)
				if turned {
					first, second = second, first
				}
				first.send("last words")
				first.CloseWrite()
				if rest, clean := second.ends(); rest != "last words" || !clean {
					t.Errorf("got %q, clean end %t", rest, clean)
				}
				second.send("an answer")
				second.Close()
				if rest, clean := first.ends(); rest != "an answer" || !clean {
					t.Errorf("got %q, clean end %t", rest, clean)
				}
			})
		})
	}
}

func TestARefusedUpgradeIsAnAnswerLikeAnyOther(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		c.send("%s%s", handshake, get("/next"))
		bc := b.accept()
		bc.head()
		bc.send("%s", ok("no"))
		c.wants(200, "no")
		if head := bc.head(); !strings.HasPrefix(head, "GET /next ") {
			t.Errorf("the backend got %q", head)
		}
		bc.send("%s", ok("next"))
		c.wants(200, "next")
	})
}

func TestAnUpgradeThatNobodyMayHaveIsNotAskedFor(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		c.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n")
		bc := b.accept()
		if head := strings.ToLower(bc.head()); strings.Contains(head, "upgrade") || strings.Contains(head, "settings") {
			t.Errorf("the backend got %q", head)
		}
		bc.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nframes")
		c.wants(502, "Bad Gateway\n")
		bc.ends()
	})
}

// large is the size of a large body.
const large = 50 << 20

// source is a large body, and knows its sum.
func source() io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{}), large)
}

// sum reads all of r.
func sum(t *testing.T, r io.Reader) string {
	t.Helper()
	h := crc32.NewIEEE()
	n, err := io.Copy(h, r)
	if err != nil {
		t.Errorf("behind %d bytes: %v", n, err)
	}
	return fmt.Sprintf("%d bytes, %x", n, h.Sum32())
}

// counter counts what has been written.
type counter struct {
	io.Writer
	n *atomic.Int64
}

func (c counter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// pour writes a large body, framed, while done is open.
func (p *peer) pour(chunked bool, n *atomic.Int64) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		out := io.Writer(counter{p.TCPConn, n})
		if !chunked {
			io.Copy(out, source())
			return
		}
		b := make([]byte, 30_000)
		for body := source(); ; {
			k, err := body.Read(b)
			if k == 0 || err != nil {
				break
			}
			fmt.Fprintf(out, "%x\r\n%s\r\n", k, b[:k])
		}
		io.WriteString(out, "0\r\n\r\n")
	}()
	return done
}

// stands waits until nothing more can be written, and returns how much was.
func stands(t *testing.T, n *atomic.Int64, done chan struct{}) int64 {
	t.Helper()
	last := int64(-1)
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for last != n.Load() || last == 0 {
		last = n.Load()
		select {
		case <-done:
			t.Error("all of the body was taken, and nobody has read it")
			return last
		case <-look.C:
		}
	}
	return last
}

// kept is how much memory is in use.
func kept() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func framed(chunked bool) string {
	if chunked {
		return "Transfer-Encoding: chunked\r\n\r\n"
	}
	return fmt.Sprintf("Content-Length: %d\r\n\r\n", large)
}

func TestALargeBodyPassesInBoundedMemory(t *testing.T) {
	want := sum(t, source())
	for what, chunked := range map[string]bool{"with its length": false, "chunked": true} {
		for way, up := range map[string]bool{"up": true, "down": false} {
			t.Run(way+" "+what, func(t *testing.T) {
				both(t, func(t *testing.T, loops int) { flows(t, loops, chunked, up, want) })
			})
		}
	}
}

func flows(t *testing.T, loops int, chunked, up bool, want string) {
	b := backend(t)
	c := raise(t, loops, b.address, nil).dial(t)
	before := kept()
	var n atomic.Int64
	var bc *peer
	var done chan struct{}
	if up {
		c.send("POST / HTTP/1.1\r\nHost: a.example\r\n%s", framed(chunked))
		done = c.pour(chunked, &n)
		bc = b.accept()
	} else {
		c.send("%s", get("/"))
		bc = b.accept()
		bc.head()
		bc.send("HTTP/1.1 200 OK\r\n%s", framed(chunked))
		done = bc.pour(chunked, &n)
	}
	if taken := stands(t, &n, done); taken > large/2 { // the kernel's buffers hold most of it
		t.Errorf("%d bytes were taken that nobody has read", taken)
	}
	if more := kept() - before; more > 2<<20 {
		t.Errorf("a body that stands still takes %d bytes of memory", more)
	}
	var got string
	if up {
		r, err := http.ReadRequest(bc.r)
		if err != nil {
			t.Fatal(err)
		}
		got = sum(t, r.Body)
		bc.send("%s", ok("thanks"))
		c.wants(200, "thanks")
	} else {
		r, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		got = sum(t, r.Body)
	}
	<-done
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
