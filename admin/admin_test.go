package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// net/http keeps a connection whose request it has not read to the end for half a second more, whoever shuts it down.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// world is a Source for tests.
type world struct {
	status Status
	pools  []Pool
	result ReloadResult
	err    error
	// reloads counts the calls of Reload; hold, if set, is waited for in each.
	reloads atomic.Int32
	hold    chan struct{}
}

func (w *world) Status() Status              { return w.status }
func (w *world) Pools() []Pool               { return w.pools }
func (w *world) Config() []byte              { return []byte("listeners: {}\n") }
func (w *world) Diff() (ReloadResult, error) { return w.result, w.err }

func (w *world) Reload() (ReloadResult, error) {
	w.reloads.Add(1)
	if w.hold != nil {
		<-w.hold
	}
	return w.result, w.err
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newWorld() *world {
	return &world{
		status: Status{Version: "1.2.3", Started: epoch, Loaded: epoch, Ready: true, Listeners: []Listener{{"main", "127.0.0.1:8080", true, 3}}},
		pools: []Pool{
			{"web", "least-conn", "cookie", []Backend{{"web", "web-1", "127.0.0.1:3001", 1, 2}, {"web", "web-2", "127.0.0.1:3002", 3, 0}}},
			{"a/b", "hash", "none", []Backend{{"a/b", "api-1", "127.0.0.1:3003", 1, 0}}},
		},
		result: ReloadResult{Changed: []Change{{"pools.web.policy", "least-conn", "p2c"}}, Restart: []string{"admin.listen"}},
	}
}

// serve runs the API on a free port until the test ends.
func serve(t *testing.T, src Source, hosts ...string) (address string, s *Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "up 1\n") })
	s = New(Config{Hosts: hosts}, src, metrics, nil)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		s.Shutdown(t.Context())
		serving.Wait()
	})
	return l.Addr().String(), s
}

// raw sends a request as it is written, with {address} filled in, and returns the answer. Nothing that a client library does stands between.
func raw(t *testing.T, address, request string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Written beside the reading: the answer to a body that is too large may come before its end.
	go io.WriteString(c, strings.ReplaceAll(request, "{address}", address))
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// ask sends a request without a body.
func ask(t *testing.T, address, method, path string) (*http.Response, string) {
	t.Helper()
	return raw(t, address, method+" "+path+" HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
}

func TestEveryPathHasItsAnswer(t *testing.T) {
	address, _ := serve(t, newWorld())
	const backends = `{"pool":"web","id":"web-1","address":"127.0.0.1:3001","weight":1,"in_flight":2},{"pool":"web","id":"web-2","address":"127.0.0.1:3002","weight":3,"in_flight":0}`
	const api = `{"pool":"a/b","id":"api-1","address":"127.0.0.1:3003","weight":1,"in_flight":0}`
	const web = `{"name":"web","policy":"least-conn","affinity":"cookie","backends":[` + backends + `]}`
	const other = `{"name":"a/b","policy":"hash","affinity":"none","backends":[` + api + `]}`
	for path, want := range map[string]string{
		"/livez":               "ok",
		"/readyz":              "ready",
		"/metrics":             "up 1",
		"/api/v1/config":       "listeners: {}",
		"/api/v1/status":       `{"version":"1.2.3","started":"2026-01-02T03:04:05Z","ready":true,"loaded":"2026-01-02T03:04:05Z","listeners":[{"name":"main","address":"127.0.0.1:8080","tls":true,"connections":3}]}`,
		"/api/v1/pools":        `{"pools":[` + web + `,` + other + `]}`,
		"/api/v1/pools/web":    web,
		"/api/v1/pools/a%2Fb":  other,
		"/api/v1/backends":     `{"backends":[` + backends + `,` + api + `]}`,
		"/api/v1/config/diff":  `{"changed":[{"path":"pools.web.policy","old":"least-conn","new":"p2c"}],"warnings":[],"restart":["admin.listen"]}`,
		"/api/v1/config/diff?": `{"changed":[{"path":"pools.web.policy","old":"least-conn","new":"p2c"}],"warnings":[],"restart":["admin.listen"]}`,
	} {
		if resp, got := ask(t, address, "GET", path); resp.StatusCode != 200 || got != want+"\n" {
			t.Errorf("%s: got %d %s\nwant %s", path, resp.StatusCode, got, want)
		}
	}
}

func TestEmptyListsAreLists(t *testing.T) {
	address, _ := serve(t, &world{})
	for path, want := range map[string]string{
		"/api/v1/pools":       `{"pools":[]}`,
		"/api/v1/backends":    `{"backends":[]}`,
		"/api/v1/config/diff": `{"changed":[],"warnings":[],"restart":[]}`,
	} {
		if _, got := ask(t, address, "GET", path); got != want+"\n" {
			t.Errorf("%s: got %s", path, got)
		}
	}
	if _, got := ask(t, address, "GET", "/api/v1/status"); !strings.Contains(got, `"listeners":[]`) {
		t.Errorf("got %s", got)
	}
}

func TestReadyzSaysWhyNot(t *testing.T) {
	w := newWorld()
	w.status.Ready, w.status.Reason = false, "stopping"
	address, _ := serve(t, w)
	if resp, got := ask(t, address, "GET", "/readyz"); resp.StatusCode != 503 || got != "stopping\n" {
		t.Errorf("got %d %q", resp.StatusCode, got)
	}
	if resp, _ := ask(t, address, "GET", "/livez"); resp.StatusCode != 200 {
		t.Errorf("livez: got %d", resp.StatusCode)
	}
}

const (
	reloading = "POST /api/v1/reload HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n"
	asJSON    = "Content-Type: application/json\r\n"
	empty     = "Content-Length: 0\r\n\r\n"
	reading   = "GET /api/v1/status HTTP/1.1\r\nConnection: close\r\n"
)

func TestReloadTellsWhatChanged(t *testing.T) {
	w := newWorld()
	address, _ := serve(t, w)
	for _, body := range []string{empty, "Content-Length: 2\r\n\r\n{}"} {
		resp, got := raw(t, address, reloading+asJSON+body)
		if resp.StatusCode != 200 || !strings.Contains(got, `"restart":["admin.listen"]`) {
			t.Errorf("got %d %s", resp.StatusCode, got)
		}
	}
	if n := w.reloads.Load(); n != 2 {
		t.Errorf("got %d reloads, want 2", n)
	}
}

func TestARefusedReloadSaysWhy(t *testing.T) {
	w := newWorld()
	address, _ := serve(t, w)
	w.err = fmt.Errorf("reload: %w", &Refused{Text: "error: unknown key", Diagnostics: []Diagnostic{{Severity: "error", Message: "unknown key", File: "usher.yaml", Line: 4, Column: 5, Path: "pools.web"}}})
	const want = `{"error":"the configuration is not valid","text":"error: unknown key","diagnostics":[{"severity":"error","message":"unknown key","file":"usher.yaml","line":4,"column":5,"path":"pools.web"}]}` + "\n"
	if resp, got := raw(t, address, reloading+asJSON+empty); resp.StatusCode != 422 || got != want {
		t.Errorf("got %d %s", resp.StatusCode, got)
	}
	if resp, got := ask(t, address, "GET", "/api/v1/config/diff"); resp.StatusCode != 422 || got != want {
		t.Errorf("diff: got %d %s", resp.StatusCode, got)
	}
	w.err = errors.New("address in use")
	if resp, got := raw(t, address, reloading+asJSON+empty); resp.StatusCode != 500 || got != `{"error":"address in use"}`+"\n" {
		t.Errorf("got %d %s", resp.StatusCode, got)
	}
}

// large is a body beyond the limit.
var large = fmt.Sprintf("Content-Length: %d\r\n\r\n%s", maxBody+1, strings.Repeat(" ", maxBody+1))

func TestHostileRequestsAreRefusedAndHaveNoEffect(t *testing.T) {
	w := newWorld()
	address, _ := serve(t, w, "usher.internal", "")
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"another host", reading + "Host: evil.example\r\n\r\n", 403},
		{"another host with our port", reading + "Host: evil.example:9901\r\n\r\n", 403},
		{"a host that begins like an address", reading + "Host: 127.0.0.1.evil.example\r\n\r\n", 403},
		{"a host that begins like localhost", reading + "Host: localhost.evil.example\r\n\r\n", 403},
		{"a host below one of ours", reading + "Host: x.usher.internal\r\n\r\n", 403},
		{"an empty host", reading + "Host: \r\n\r\n", 403},
		{"a port alone", reading + "Host: :9901\r\n\r\n", 403},
		{"no host", "GET /api/v1/status HTTP/1.0\r\n\r\n", 403},
		{"another host in an absolute target", "GET http://evil.example/api/v1/status HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n", 403},
		{"another host at the metrics", "GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403},
		{"another host at the probes", "GET /readyz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403},
		{"a reload for another host", strings.Replace(reloading, "{address}", "evil.example", 1) + asJSON + empty, 403},
		{"another origin", reloading + asJSON + "Origin: https://evil.example\r\n" + empty, 403},
		{"our origin but for the port", reloading + asJSON + "Origin: http://127.0.0.1:1\r\n" + empty, 403},
		{"our origin but for the scheme", reloading + asJSON + "Origin: https://{address}\r\n" + empty, 403},
		{"an opaque origin", reloading + asJSON + "Origin: null\r\n" + empty, 403},
		{"two origins", reloading + asJSON + "Origin: http://{address}\r\nOrigin: https://evil.example\r\n" + empty, 403},
		{"another site", reloading + asJSON + "Sec-Fetch-Site: cross-site\r\n" + empty, 403},
		{"another port of this site", reloading + asJSON + "Sec-Fetch-Site: same-site\r\n" + empty, 403},
		{"another site that reads", reading + "Host: {address}\r\nSec-Fetch-Site: cross-site\r\n\r\n", 403},
		{"a form", reloading + "Content-Type: application/x-www-form-urlencoded\r\n" + empty, 415},
		{"plain text", reloading + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415},
		{"JSON beside plain text", reloading + "Content-Type: text/plain; application/json\r\n" + empty, 415},
		{"no content type", reloading + empty, 415},
		{"a reload by GET", "GET /api/v1/reload HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n", 405},
		{"a reload by HEAD", "HEAD /api/v1/reload HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n", 405},
		{"a reload by a made-up method", strings.Replace(reloading, "POST", "RELOAD", 1) + asJSON + empty, 405},
		{"a method override", "GET /api/v1/reload?_method=POST HTTP/1.1\r\nHost: {address}\r\nX-HTTP-Method-Override: POST\r\nConnection: close\r\n\r\n", 405},
		{"a status by POST", strings.Replace(reloading, "reload", "status", 1) + asJSON + empty, 405},
		{"an unknown path", "GET /api/v1/secrets HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n", 404},
		{"an unknown pool", "GET /api/v1/pools/nowhere HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n", 404},
		{"a path below a known one", "POST /api/v1/reload/now HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n" + asJSON + empty, 404},
		{"a huge body", reloading + asJSON + large, 413},
		{"a huge chunked body", reloading + asJSON + "Transfer-Encoding: chunked\r\n\r\n20000\r\n" + strings.Repeat(" ", 0x20000) + "\r\n0\r\n\r\n", 413},
		{"a body with words", reloading + asJSON + "Content-Length: 7\r\n\r\n{\"a\":1}", 400},
		{"a body that is no JSON", reloading + asJSON + "Content-Length: 1\r\n\r\n{", 400},
		{"a huge head", reading + "Host: {address}\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431},
	} {
		resp, body := raw(t, address, c.request)
		if resp.StatusCode != c.status {
			t.Errorf("%s: got %d %s, want %d", c.name, resp.StatusCode, body, c.status)
		}
		var f failure
		if isOurs := c.status != 431 && !strings.HasPrefix(c.request, "HEAD"); isOurs && (json.Unmarshal([]byte(body), &f) != nil || f.Error == "") {
			t.Errorf("%s: got %q, want a JSON object with an error", c.name, body)
		}
	}
	if n := w.reloads.Load(); n != 0 {
		t.Errorf("%d of them reloaded", n)
	}
}

func TestMethodsThatAreAllowedAreNamed(t *testing.T) {
	address, _ := serve(t, newWorld())
	for path, want := range map[string]string{"/api/v1/reload": "POST", "/livez": "GET, HEAD"} {
		if resp, _ := ask(t, address, "DELETE", path); resp.StatusCode != 405 || resp.Header.Get("Allow") != want {
			t.Errorf("%s: got %d, Allow %q", path, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
}

func TestHarmlessRequestsAreAnswered(t *testing.T) {
	address, _ := serve(t, newWorld(), "usher.internal")
	_, port, _ := net.SplitHostPort(address)
	for _, head := range []string{
		"Host: 127.0.0.1", "Host: 10.0.0.1:" + port, "Host: [::1]", "Host: [::1]:" + port, "Host: localhost", "Host: LocalHost:" + port,
		"Host: usher.internal", "Host: USHER.internal:1234",
		"Host: {address}\r\nOrigin: http://{address}", "Host: {address}\r\nSec-Fetch-Site: same-origin", "Host: {address}\r\nSec-Fetch-Site: none",
	} {
		if resp, body := raw(t, address, reading+head+"\r\n\r\n"); resp.StatusCode != 200 {
			t.Errorf("%s: got %d %s", head, resp.StatusCode, body)
		}
	}
}

func TestAnswersAreNotCachedOrRun(t *testing.T) {
	address, _ := serve(t, newWorld())
	resp, _ := ask(t, address, "GET", "/api/v1/status")
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "application/json",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestShutdownWaitsForRequestsInFlight(t *testing.T) {
	w := newWorld()
	w.hold = make(chan struct{})
	address, s := serve(t, w)
	c, err := NewClient("http://"+address, "")
	if err != nil {
		t.Fatal(err)
	}
	answered, stopped := make(chan error), make(chan error)
	var released atomic.Bool
	go func() {
		_, err := c.Reload(t.Context())
		answered <- err
	}()
	for w.reloads.Load() == 0 {
		if _, err := c.Status(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		err := s.Shutdown(t.Context())
		if !released.Load() {
			t.Error("stopped with a request in flight")
		}
		stopped <- err
	}()
	for { // until it has begun
		if _, err := c.Status(t.Context()); err != nil {
			break
		}
	}
	released.Store(true)
	close(w.hold)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestShutdownCutsWhatTakesTooLong(t *testing.T) {
	w := newWorld()
	w.hold = make(chan struct{})
	defer close(w.hold)
	address, s := serve(t, w)
	c, err := NewClient("http://"+address, "")
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error)
	go func() {
		_, err := c.Reload(t.Context())
		answered <- err
	}()
	for w.reloads.Load() == 0 {
		if _, err := c.Status(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := <-answered; err == nil {
		t.Error("the request was not cut")
	}
}
