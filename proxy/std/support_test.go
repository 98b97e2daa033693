package std

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher/affinity"
	"usher/balancer"
	"usher/conf"
	"usher/proxy"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// seen hands on the exchanges that observers are told of.
type seen chan observed

type observed struct {
	status   int
	err      error
	attempts int
	backend  string
	up, down int64
}

func (s seen) Observe(x *proxy.Exchange) {
	s <- observed{x.Response.Status, x.Err, x.Attempts, x.Backend, x.RequestBytes, x.ResponseBytes}
}

// front is a plane on a real listener, with its routes and pools.
type front struct {
	t        *testing.T
	addr     string
	seen     seen
	handler  *proxy.Handler
	stopped  chan error
	listener net.Listener
}

// setup is what a front is made of. The pool's name is "p".
type setup struct {
	backends []string
	listener proxy.ListenerOptions
	route    func(*proxy.RouteConfig)
	pool     func(*proxy.Pool)
	affinity *affinity.Config
	options  Options
}

// start serves on a free port until the test ends.
func start(t *testing.T, s setup) *front {
	t.Helper()
	snapshot := s.snapshot(t)
	f := &front{t: t, seen: make(seen, 1000), stopped: make(chan error, 1)}
	f.handler = proxy.NewHandler(snapshot, f.seen)
	plane := New(f.handler, slog.New(slog.DiscardHandler))
	if err := plane.Prepare(snapshot.Pools()); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	f.addr = f.listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	s.options.Key, s.options.HTTP1 = "main", !s.options.H2C
	go func() { f.stopped <- plane.Serve(ctx, f.listener, s.options) }()
	t.Cleanup(func() {
		f.listener.Close()
		cancel()
		<-f.stopped
		plane.Close()
	})
	return f
}

// snapshot is one listener, one route and the pool.
func (s setup) snapshot(t *testing.T) *proxy.Snapshot {
	t.Helper()
	var rc proxy.RouteConfig
	rc.SetDefaults()
	rc.Name, rc.Pool = "all", "p"
	if s.route != nil {
		s.route(&rc)
	}
	s.listener.Key, s.listener.Name = "main", "main"
	snapshot, err := proxy.NewSnapshot([]proxy.ListenerOptions{s.listener}, []proxy.RouteConfig{rc}, []*proxy.Pool{s.newPool(t)})
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func (s setup) newPool(t *testing.T) *proxy.Pool {
	t.Helper()
	cfg := balancer.Config{}
	cfg.SetDefaults()
	cfg.Policy = balancer.RoundRobin
	for _, b := range s.backends {
		cfg.Backends = append(cfg.Backends, balancer.BackendConfig{URL: b, Weight: 1})
	}
	b, err := balancer.NewPool("p", cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	pool := &proxy.Pool{Name: "p", Balancer: b, HideCookie: true}
	pool.Connect.SetDefaults()
	if s.affinity != nil {
		var ids []string
		for _, b := range b.Backends() {
			ids = append(ids, b.ID)
		}
		if pool.Affinity, err = affinity.New(*s.affinity, "p", ids, []conf.Secret{conf.Secret(strings.Repeat("k", 32))}); err != nil {
			t.Fatal(err)
		}
	}
	if s.pool != nil {
		s.pool(pool)
	}
	return pool
}

// sticky is the configuration of a cookie usher_route.
func sticky() *affinity.Config {
	var c affinity.Config
	c.SetDefaults()
	c.Mode, c.Cookie.Name = affinity.Cookie, "usher_route"
	return &c
}

// backend starts a server that is closed with the test, and returns its URL.
func backend(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// echo answers with the request as it arrived.
func echo(t *testing.T) string {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s\nHost: %s\n", r.Method, r.RequestURI, r.Host)
		r.Header.Write(w)
	}))
	s.Config.DisableGeneralOptionsHandler = true // OPTIONS * is for the handler too
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// raw sends bytes as they are and returns everything that comes back until the connection ends.
func (f *front) raw(request string) string {
	f.t.Helper()
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, request)
	out, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		f.t.Errorf("the connection was left open after %q", out)
	}
	return string(out)
}

// next waits for the end of an exchange and returns what observers were told of it, one call for each in the order of their ends.
func (f *front) next() observed {
	f.t.Helper()
	select {
	case got := <-f.seen:
		return got
	case <-time.After(20 * time.Second):
		f.t.Fatal("no exchange was observed")
		return observed{}
	}
}

// loopback trusts the machine that the tests run on.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func has(t *testing.T, got string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		if !strings.Contains(strings.ToLower(got), strings.ToLower(w)) {
			t.Errorf("got %q, want it to hold %q", got, w)
		}
	}
}

func hasNot(t *testing.T, got string, bans ...string) {
	t.Helper()
	for _, b := range bans {
		if strings.Contains(strings.ToLower(got), strings.ToLower(b)) {
			t.Errorf("got %q, which must not hold %q", got, b)
		}
	}
}

// rawBackend answers every connection with the same bytes.
func rawBackend(t *testing.T, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			bufio.NewReader(c).ReadString('\n')
			io.WriteString(c, answer)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}
