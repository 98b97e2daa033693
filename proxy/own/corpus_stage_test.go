package own

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/balancer"
	"usher/conf"
	"usher/proxy"
	"usher/proxy/h1"
)

// enough is how long a test waits for what has to come.
const enough = 20 * time.Second

// roomy has the scheduler look after the network while a loop waits without its knowing and a test polls.
func roomy(t *testing.T) {
	before := runtime.GOMAXPROCS(8)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// single are the runtimes, with one loop: several keep all cores from the test.
var single = map[string]int{"loops": 1, "goroutines": -1}

// setting is what a plane is set up with.
type setting struct {
	Options
	listener proxy.ListenerOptions
	route    proxy.RouteConfig
	pool     *proxy.Pool
	before   []proxy.RouteConfig // routes in front of that
	pools    []*proxy.Pool       // others
	observer proxy.Observer
	log      io.Writer
}

// raise starts a plane in front of one backend. It leaves nothing behind when the test is over.
func raise(t testing.TB, loops int, backend string, change func(*setting)) *front {
	t.Helper()
	s := &setting{
		Options:  Options{Key: "main", ReadHeader: enough, Idle: time.Minute, HeaderBytes: 32 << 10, HeaderCount: 100},
		listener: proxy.ListenerOptions{Key: "main", Name: "main", RequestID: "X-Request-ID"},
		pool:     &proxy.Pool{Name: "web", ResponseHeader: enough},
		log:      t.Output(),
	}
	s.pool.Connect.SetDefaults()
	s.route.SetDefaults()
	s.route.Name, s.route.Pool, s.route.Timeouts.StreamIdle = "all", "web", conf.Duration(enough)
	var cfg balancer.Config
	cfg.SetDefaults()
	cfg.Backends = []balancer.BackendConfig{{URL: "http://" + backend, ID: "b", Weight: 1}}
	var err error
	if s.pool.Balancer, err = balancer.NewPool("web", cfg, nil); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	snap, err := proxy.NewSnapshot([]proxy.ListenerOptions{s.listener}, append(s.before, s.route), append(s.pools, s.pool))
	if err != nil {
		t.Fatal(err)
	}
	f := &front{t: t, handler: proxy.NewHandler(snap), served: make(chan struct{})}
	if s.observer != nil {
		f.handler = proxy.NewHandler(snap, s.observer)
	}
	f.plane = New(f.handler, slog.New(slog.NewTextHandler(s.log, nil)), loops)
	f.run(s.Options, loops > 0)
	return f
}

// run serves a listener of its own. Its connections can leave Go's poller, or are TCP as it is.
func (f *front) run(o Options, leave bool) {
	l := listening(f.t)
	accepts := l
	if leave {
		accepts = detaching(l)
	}
	f.address = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	cut, cutNow := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.plane.Run(ctx) })
	go func() {
		defer close(f.served)
		f.plane.Serve(cut, accepts, o)
	}()
	f.stop, f.cut = func() { l.Close() }, cutNow
	f.end = sync.OnceFunc(func() {
		f.stop()
		f.cut()
		<-f.served
		f.plane.Close()
		stop()
		running.Wait()
	})
	f.t.Cleanup(f.end)
}

func listening(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// rawBackend is a backend whose every byte the test says.
type rawBackend struct {
	t testing.TB
	net.Listener
	address string
}

func backend(t testing.TB) *rawBackend {
	l := listening(t)
	return &rawBackend{t, l, l.Addr().String()}
}

// accept waits for the next connection.
func (b *rawBackend) accept() *peer {
	b.t.Helper()
	b.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(enough))
	c, err := b.Accept()
	if err != nil {
		b.t.Fatal(err)
	}
	return newPeer(b.t, c)
}

// peer is one end of a connection in the hands of a test.
type peer struct {
	t testing.TB
	*net.TCPConn
	r *bufio.Reader
}

func newPeer(t testing.TB, c net.Conn) *peer {
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(enough))
	return &peer{t, c.(*net.TCPConn), bufio.NewReader(c)}
}

// dial connects to the plane.
func (f *front) dial(t testing.TB) *peer {
	t.Helper()
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, c)
}

// send writes what has to go out.
func (p *peer) send(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.TCPConn, format, args...); err != nil {
		p.t.Fatal(err)
	}
}

// head reads up to an empty line, and returns it all.
func (p *peer) head() string {
	p.t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), "\r\n\r\n") {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.t.Fatalf("got %q and %v, want a head", b.String()+line, err)
		}
		b.WriteString(line)
	}
	return b.String()
}

// take reads so many bytes.
func (p *peer) take(n int) string {
	p.t.Helper()
	b := make([]byte, n)
	if got, err := io.ReadFull(p.r, b); err != nil {
		p.t.Fatalf("got %q and %v, want %d bytes", b[:got], err, n)
	}
	return string(b)
}

// answer reads a response to a request of that method, and its body.
func (p *peer) answer(method string) (status int, body string, r *http.Response) {
	p.t.Helper()
	r, err := http.ReadResponse(p.r, &http.Request{Method: method})
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatalf("status %d, %d bytes of the body, and %v", r.StatusCode, len(b), err)
	}
	return r.StatusCode, string(b), r
}

// wants reads a response and compares it.
func (p *peer) wants(status int, body string) *http.Response {
	p.t.Helper()
	got, text, r := p.answer("GET")
	if got != status || text != body {
		p.t.Fatalf("got %d %q, want %d %q", got, text, status, body)
	}
	return r
}

// ends waits for the end of the connection and returns what came before it: a clean end, or a reset.
func (p *peer) ends() (before string, clean bool) {
	p.t.Helper()
	b, err := io.ReadAll(p.r)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		p.t.Fatalf("the connection stays open behind %q", b)
	}
	return string(b), err == nil
}

// observed hands on what became of each exchange.
type observed chan outcome

type outcome struct {
	err    error
	status int
	target string
	sent   int64
}

func (o observed) Observe(x *proxy.Exchange) {
	o <- outcome{x.Err, x.Response.Status, strings.Clone(x.Received), x.RequestBytes}
}

func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func until() time.Time { return time.Now().Add(enough) }

// statusOf is the status with which a fault of the strict reader is answered.
func statusOf(err error) int {
	var fault *h1.Error
	if !errors.As(err, &fault) {
		return 0
	}
	return fault.Status
}
