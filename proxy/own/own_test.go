package own

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher/balancer"
	"usher/conf"
	"usher/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// front is a running plane with one listener.
type front struct {
	t       testing.TB
	plane   *Plane
	handler *proxy.Handler
	address string
	stop    func()        // begins the graceful end
	cut     func()        // cuts what is left
	served  chan struct{} // closed when Serve has returned
	end     func()
	observe atomic.Pointer[func(*proxy.Exchange)] // is told of every exchange
}

func (f *front) Observe(x *proxy.Exchange) {
	if o := f.observe.Load(); o != nil {
		(*o)(x)
	}
}

// serve starts a plane in front of the backends.
func serve(t testing.TB, loops int, change func(*proxy.ListenerOptions, *proxy.RouteConfig, *proxy.Pool), backends ...string) *front {
	t.Helper()
	var cfg balancer.Config
	cfg.SetDefaults()
	for i, b := range backends {
		cfg.Backends = append(cfg.Backends, balancer.BackendConfig{URL: b, ID: fmt.Sprintf("b%d", i), Weight: 1})
	}
	bp, err := balancer.NewPool("web", cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	pool := &proxy.Pool{Name: "web", Balancer: bp, ResponseHeader: 10 * time.Second}
	pool.Connect.SetDefaults()
	lo := proxy.ListenerOptions{Key: "main", Name: "main", RequestID: "X-Request-ID"}
	var rc proxy.RouteConfig
	rc.SetDefaults()
	rc.Name, rc.Pool = "all", "web"
	rc.Timeouts.StreamIdle = conf.Duration(10 * time.Second)
	if change != nil {
		change(&lo, &rc, pool)
	}
	snap, err := proxy.NewSnapshot([]proxy.ListenerOptions{lo}, []proxy.RouteConfig{rc}, []*proxy.Pool{pool})
	if err != nil {
		t.Fatal(err)
	}
	f := &front{t: t}
	f.handler = proxy.NewHandler(snap, f)
	f.plane = New(f.handler, slog.New(slog.NewTextHandler(os.Stderr, nil)), loops)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	cut, cutNow := context.WithCancel(context.Background())
	f.served = make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { f.plane.Run(ctx) })
	go func() {
		defer close(f.served)
		f.plane.Serve(cut, detaching(l), Options{Key: "main", ReadHeader: 5 * time.Second, Idle: time.Minute, HeaderBytes: 32 << 10, HeaderCount: 100})
	}()
	f.stop, f.cut = func() { l.Close() }, cutNow
	f.end = sync.OnceFunc(func() {
		f.stop()
		f.cut()
		<-f.served
		stop()
		running.Wait()
	})
	t.Cleanup(f.end)
	return f
}

// carriers are the runtimes, by the number of loops that serve is given.
var carriers = map[string]int{"loops": 2, "goroutines": -1}

// onEach runs f on both runtimes.
func onEach(t *testing.T, f func(t *testing.T, loops int)) {
	for name, loops := range carriers {
		t.Run(name, func(t *testing.T) { f(t, loops) })
	}
}

func TestARequestPassesAndItsAnswerComesBack(t *testing.T) { onEach(t, passes) }

func passes(t *testing.T, loops int) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI+" "+r.Header.Get("X-Forwarded-For"))
		w.Write(body)
		io.WriteString(w, "hello")
	}))
	defer backend.Close()
	f := serve(t, loops, nil, backend.URL)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 3 {
		resp, err := client.Get("http://" + f.address + "/a?b")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != "hello" || resp.Header.Get("X-Seen") != "GET /a?b 127.0.0.1" {
			t.Errorf("got %q, %q", body, resp.Header)
		}
	}
	for _, size := range []int{0, 10, 5000, 100_000, 3_000_000} {
		sent := strings.Repeat("x", size)
		resp, err := client.Post("http://"+f.address+"/p", "text/plain", struct{ io.Reader }{strings.NewReader(sent)})
		if err != nil {
			t.Fatal(size, err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != sent+"hello" {
			t.Errorf("chunked %d: got %d", size, len(body))
		}
		resp, err = client.Post("http://"+f.address+"/p", "text/plain", strings.NewReader(sent))
		if err != nil {
			t.Fatal(size, err)
		}
		body, _ = io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != sent+"hello" {
			t.Errorf("length %d: got %d", size, len(body))
		}
	}
}
