package own

import (
	"net"
	"runtime"
	"testing"
)

// ask is what a browser sends, more or less.
const ask = "GET /index.html?a=1 HTTP/1.1\r\nHost: www.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate\r\nCookie: theme=dark; lang=en\r\n\r\n"

const reply = "HTTP/1.1 200 OK\r\nServer: b\r\nDate: Wed, 25 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

// echoing answers every request with reply, and allocates nothing while it does.
func echoing(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b, answer := make([]byte, 16<<10), []byte(reply)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// exchange sends the request and reads the answer, which is as long as the first one.
func exchange(t testing.TB, c net.Conn, request, buf []byte) {
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(buf); err != nil || n < len(reply) {
		t.Fatal(n, err, string(buf[:n]))
	}
}

func BenchmarkAnExchange(b *testing.B) {
	for name, loops := range carriers {
		b.Run(name, func(b *testing.B) {
			f := serve(b, loops, nil, "http://"+echoing(b))
			c, err := net.Dial("tcp", f.address)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			request, buf := []byte(ask), make([]byte, 16<<10)
			for range 100 {
				exchange(b, c, request, buf)
			}
			b.ReportAllocs()
			for b.Loop() {
				exchange(b, c, request, buf)
			}
		})
	}
}

func TestAnExchangeAllocatesNothing(t *testing.T) { onEach(t, allocatesNothing) }

func allocatesNothing(t *testing.T, loops int) {
	f := serve(t, loops, nil, "http://"+echoing(t))
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	request, buf := []byte(ask), make([]byte, 16<<10)
	for range 100 {
		exchange(t, c, request, buf)
	}
	var before, after runtime.MemStats
	const times = 2000
	runtime.ReadMemStats(&before)
	for range times {
		exchange(t, c, request, buf)
	}
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > times/10 && !racing { // the collector's and the scheduler's own
		t.Errorf("%d exchanges allocated %d times", times, n)
	}
}
