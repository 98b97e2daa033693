package std

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
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

// seen records the exchanges that observers are told of.
type seen struct {
	mu sync.Mutex
	xs []observed
}

type observed struct {
	status   int
	err      error
	attempts int
	backend  string
	up, down int64
}

func (s *seen) Observe(x *proxy.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.xs = append(s.xs, observed{x.Response.Status, x.Err, x.Attempts, x.Backend, x.RequestBytes, x.ResponseBytes})
}

// front is a plane on a real listener, with its routes and pools.
type front struct {
	t        *testing.T
	addr     string
	seen     *seen
	handler  *proxy.Handler
	stopped  chan error
	cut      context.CancelFunc
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

func start(t *testing.T, s setup) *front {
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
	var rc proxy.RouteConfig
	rc.SetDefaults()
	rc.Name, rc.Pool = "all", "p"
	if s.route != nil {
		s.route(&rc)
	}
	s.listener.Key, s.listener.Name = "main", "main"
	snapshot, err := proxy.NewSnapshot([]proxy.ListenerOptions{s.listener}, []proxy.RouteConfig{rc}, []*proxy.Pool{pool})
	if err != nil {
		t.Fatal(err)
	}
	f := &front{t: t, seen: &seen{}, stopped: make(chan error, 1)}
	f.handler = proxy.NewHandler(snapshot, f.seen)
	plane := New(f.handler, slog.New(slog.DiscardHandler))
	if err := plane.Prepare(snapshot.Pools()); err != nil {
		t.Fatal(err)
	}
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	f.addr = f.listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	f.cut = cancel
	s.options.Key = "main"
	if !s.options.H2C {
		s.options.HTTP1 = true
	}
	go func() { f.stopped <- plane.Serve(ctx, f.listener, s.options) }()
	t.Cleanup(func() {
		f.listener.Close()
		cancel()
		<-f.stopped
		plane.Close()
	})
	return f
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
	out, _ := io.ReadAll(c)
	return string(out)
}

func (f *front) last() observed {
	f.t.Helper()
	for range 1000 {
		f.seen.mu.Lock()
		n := len(f.seen.xs)
		f.seen.mu.Unlock()
		if n > 0 {
			break
		}
		<-time.After(5 * time.Millisecond)
	}
	f.seen.mu.Lock()
	defer f.seen.mu.Unlock()
	if len(f.seen.xs) == 0 {
		f.t.Fatal("no exchange was observed")
	}
	return f.seen.xs[len(f.seen.xs)-1]
}

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

func TestNobodyButUsherSpeaksInItsHeaders(t *testing.T) {
	f := start(t, setup{backends: []string{echo(t)}, listener: proxy.ListenerOptions{RequestID: "X-Request-ID", KeepUnderscores: true},
		route: func(r *proxy.RouteConfig) { r.Headers.Request.Set = map[string]string{"X-Tenant": "shop"} }})
	got := f.raw("GET / HTTP/1.1\r\nHost: a\r\n" +
		"X-Session-Assertion: forged\r\nx_session_assertion: forged\r\nX_Session.Assertion: forged\r\nX-SESSION-STATUS: forged\r\n" +
		"X-Session-Moved: forged\r\nX.Tenant: forged\r\nX-Tenant: forged\r\nX_Forwarded_For: forged\r\nX-Forwarded-For: 9.9.9.9\r\n" +
		"X-Forwarded-Proto: https\r\nX-Forwarded-Foo: forged\r\nForwarded: for=9.9.9.9\r\nX-Real-IP: 9.9.9.9\r\nX-Request-ID: forged\r\n" +
		"X-Session-Token: mine\r\nMy_Own: kept\r\n" +
		"Connection: close, X-Tenant, X-Forwarded-For, X-Request-ID, X-Gone\r\nX-Gone: gone\r\n\r\n")
	hasNot(t, got, "forged", "9.9.9.9", "X-Gone")
	has(t, got, "X-Tenant: shop", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http\r\n", "Forwarded: for=127.0.0.1;host=\"a\";proto=http",
		"X-Request-Id: ", "X-Session-Token: mine", "My_Own: kept", "X-Forwarded-Host: a")
}

func TestUnderscoresAreDroppedUnlessKept(t *testing.T) {
	f := start(t, setup{backends: []string{echo(t)}})
	hasNot(t, f.raw("GET / HTTP/1.1\r\nHost: a\r\nMy_Own: dropped\r\nConnection: close\r\n\r\n"), "dropped")
}

func TestTrustedProxiesAreBelieved(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	f := start(t, setup{backends: []string{echo(t)}, listener: proxy.ListenerOptions{RequestID: "X-Request-ID", Trusted: trusted}})
	got := f.raw("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.1.1.1\r\nX-Forwarded-Proto: https\r\n" +
		"X-Forwarded-Host: shop.example\r\nForwarded: for=192.0.2.7\r\nX-Request-ID: abc-1\r\nConnection: close\r\n\r\n")
	has(t, got, "X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.1.1.1, 127.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example",
		"Forwarded: for=192.0.2.7, for=127.0.0.1", "X-Request-Id: abc-1")
}

func TestHopByHopFieldsEndHere(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "X-Inner")
		w.Header().Set("X-Inner", "secret")
		w.Header().Set("Keep-Alive", "timeout=3")
		w.Header().Set("X-Session-Patch", "secret")
		w.Header().Set("X-Session-Assertion", "secret")
		r.Header.Write(w)
	})
	got := start(t, setup{backends: []string{b}}).raw("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers, deflate\r\nKeep-Alive: 5\r\nProxy-Authorization: x\r\n" +
		"Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: close, Upgrade, HTTP2-Settings\r\n\r\n")
	hasNot(t, got, "secret", "keep-alive:", "Proxy-", "h2c", "HTTP2", "deflate")
	has(t, got, "Te: trailers")
}

func TestTheTargetIsForwardedByteForByte(t *testing.T) {
	f := start(t, setup{backends: []string{echo(t)}})
	for _, target := range []string{"/", "/a%2Fb/%7e;x=1?q=a+b&&=%zz?", "/a//b/./c/", "//double/x?y", "/\"quoted\"|{}^`", "/caf\xc3\xa9", "/?", "/x?"} {
		got := f.raw("GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		has(t, got, "GET "+target+"\n")
	}
	has(t, f.raw("GET http://b.example:81/x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "GET /x?y\n", "Host: b.example:81")
	has(t, f.raw("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "OPTIONS *\n")
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	f := start(t, setup{backends: []string{echo(t)}, listener: proxy.ListenerOptions{HeaderCount: 5, HeaderBytes: 1000}})
	for request, want := range map[string]string{
		"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n":                                       "405",
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n":                                               "400",
		"GET / HTTP/1.1\r\n\r\n":                                                            "400",
		"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n":                                              "400",
		"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\n\r\n": "431",
		"GET / HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("x", 1100) + "\r\n\r\n":         "431",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\nx":   "501",
	} {
		request = strings.Replace(request, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
		if got := f.raw(request); !strings.HasPrefix(got, "HTTP/1.1 "+want) {
			t.Errorf("%q: got %.40q, want %s", request, got, want)
		}
	}
}

func TestABackendThatCannotBeReachedCostsTheBindingAndNotTheRequest(t *testing.T) {
	cfg := affinity.Config{}
	cfg.SetDefaults()
	cfg.Mode, cfg.Cookie.Name = affinity.Cookie, "usher_route"
	a, b := httptest.NewServer(named("a")), httptest.NewServer(named("b"))
	defer a.Close()
	defer b.Close()
	f := start(t, setup{backends: []string{a.URL, b.URL}, affinity: &cfg})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(cookie string) (body, set string) {
		req, _ := http.NewRequest("GET", "http://"+f.addr+"/", nil)
		req.Header.Set("Cookie", cookie)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		for _, c := range resp.Cookies() {
			set = c.Name + "=" + c.Value
			if cc := resp.Header.Get("Cache-Control"); cc != "max-age=60, private" {
				t.Errorf("Cache-Control beside a cookie: got %q, want max-age=60, private", cc)
			}
		}
		return string(text), set
	}
	first, cookie := get("theirs=1")
	if cookie == "" || strings.Contains(first, "usher_route") {
		t.Fatalf("first answer: got %q with cookie %q", first, cookie)
	}
	for range 3 {
		if body, set := get("theirs=1; " + cookie + "; more=2"); body != first || set != "" {
			t.Fatalf("bound: got %q and cookie %q, want %q and none", body, set, first)
		}
	}
	if strings.HasPrefix(first, "a") {
		a.Close()
	} else {
		b.Close()
	}
	moved, next := get("theirs=1; " + cookie + "; more=2")
	has(t, moved, "moved=1")
	if moved[0] == first[0] || next == "" {
		t.Fatalf("after the kill: got %q and cookie %q, want another backend and a new cookie", moved, next)
	}
	if body, set := get("theirs=1; " + next + "; more=2"); body[0] != moved[0] || strings.Contains(body, "moved=1") || set != "" {
		t.Errorf("after the move: got %q and cookie %q", body, set)
	}
}

func named(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60, s-maxage=9")
		fmt.Fprintf(w, "%s moved=%s cookies=%s", name, r.Header.Get("X-Session-Moved"), strings.Replace(r.Header.Get("Cookie"), "; more=2", "", 1))
	}
}

func TestFailuresGetTheirStatus(t *testing.T) {
	release := make(chan struct{})
	hang := backend(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	closed := httptest.NewServer(nil)
	closed.Close()
	garbage := rawBackend(t, "SSH-2.0-x\r\n\r\n")
	unasked := rawBackend(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	for name, c := range map[string]struct {
		setup  setup
		status string
	}{
		"refused":  {setup{backends: []string{closed.URL}}, "502"},
		"garbage":  {setup{backends: []string{garbage}}, "502"},
		"unasked":  {setup{backends: []string{unasked}}, "502"},
		"header":   {setup{backends: []string{hang}, pool: func(p *proxy.Pool) { p.ResponseHeader = 50 * time.Millisecond }}, "504"},
		"request":  {setup{backends: []string{hang}, route: func(r *proxy.RouteConfig) { r.Timeouts.Request = conf.Duration(50 * time.Millisecond) }}, "504"},
		"respond":  {setup{backends: []string{hang}, route: func(r *proxy.RouteConfig) { r.Pool, r.Respond.Status = "", 418 }}, "418"},
		"redirect": {setup{backends: []string{hang}, route: func(r *proxy.RouteConfig) { r.Pool, r.Redirect.To = "", "https://{host}{uri}" }}, "308"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, c.setup)
			got := f.raw("GET /a?b HTTP/1.1\r\nHost: h:80\r\nConnection: close\r\n\r\n")
			if !strings.HasPrefix(got, "HTTP/1.1 "+c.status) {
				t.Errorf("got %q, want %s", got, c.status)
			}
			if c.status == "308" {
				has(t, got, "Location: https://h/a?b\r\n")
			}
		})
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

func TestAClientThatBreaksOffIsNobodysFault(t *testing.T) {
	arrived := make(chan struct{})
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		io.Copy(io.Discard, r.Body)
	})
	f := start(t, setup{backends: []string{b}})
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
	<-arrived
	c.Close()
	got := f.last()
	if got.status != proxy.StatusClientGone || got.attempts != 1 {
		t.Errorf("got status %d after %d attempts (%v), want 499 after 1", got.status, got.attempts, got.err)
	}
}

func TestABodyHasItsBounds(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	f := start(t, setup{backends: []string{b}, listener: proxy.ListenerOptions{Body: 10}})
	if got := f.raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world"); !strings.HasPrefix(got, "HTTP/1.1 413") {
		t.Errorf("announced: got %q, want 413", got)
	}
	if got := f.raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nb\r\nhello world\r\n0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 413") {
		t.Errorf("chunked: got %q, want 413", got)
	}
	has(t, f.raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"), "200 OK", "hello")
}

func TestChunksAndTrailersPassBothWaysButNotTheForbidden(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Sum, X-Session-Patch")
		fmt.Fprintf(w, "%s %v", body, r.Trailer)
		w.Header().Set("X-Sum", "42")
		w.Header().Set("X-Session-Patch", "secret")
		w.Header().Set(http.TrailerPrefix+"X-Late", "7")
		w.Header().Set(http.TrailerPrefix+"X_Session_Assertion", "secret")
		w.Header().Set(http.TrailerPrefix+"Set-Cookie", "secret")
	})
	got := start(t, setup{backends: []string{b}}).raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-In, X-Session-Assertion\r\n" +
		"Connection: close\r\n\r\n5\r\nhello\r\n0\r\nX-In: yes\r\nX-Session-Assertion: forged\r\n\r\n")
	has(t, got, "hello map[X-In:[yes]]", "\r\nX-Sum: 42\r\n", "\r\nX-Late: 7\r\n")
	hasNot(t, got, "secret", "forged")
}

func TestEventsAreSentOnAtOnce(t *testing.T) {
	next := make(chan struct{})
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			<-next
		}
	})
	f := start(t, setup{backends: []string{b}})
	resp, err := http.Get("http://" + f.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 { // each event arrives before the next is allowed
		line, err := lines.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("got %q, %v", line, err)
		}
		lines.ReadString('\n')
		next <- struct{}{}
	}
}

func TestABodyThatIsCutIsSeenToBeCut(t *testing.T) {
	b := rawBackend(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	f := start(t, setup{backends: []string{b}})
	got := f.raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	has(t, got, "hello")
	if strings.HasSuffix(got, "0\r\n\r\n") {
		t.Errorf("got %q, whose last chunk says that it is whole", got)
	}
}

func TestContinueIsTheBackendsToSay(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.Copy(w, r.Body)
	})
	f := start(t, setup{backends: []string{b}})
	got := f.raw("POST /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 401") {
		t.Errorf("refused: got %q, want 401 and no 100", got)
	}
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST /yes HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")
	r := bufio.NewReader(c)
	if line, _ := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, want 100 Continue", line)
	}
	io.WriteString(c, "hello")
	rest, _ := io.ReadAll(r)
	has(t, string(rest), "200 OK", "hello")
}

func TestEarlyHintsPass(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.Header().Set("X-Session-Patch", "secret")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("X-Session-Patch")
		fmt.Fprint(w, "done")
	})
	got := start(t, setup{backends: []string{b}}).raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	has(t, got, "103 Early Hints\r\nLink: </a.css>", "200 OK", "done")
	hasNot(t, got, "secret")
}

func TestHEADAndEmptyAnswersKeepTheirShape(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(204)
		case "/304":
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(304)
		default:
			w.Header().Set("Content-Length", "12345")
			w.Header()["Content-Type"] = nil
		}
	})
	f := start(t, setup{backends: []string{b}})
	got := f.raw("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	has(t, got, "200 OK", "Content-Length: 12345")
	hasNot(t, got, "Content-Type")
	has(t, f.raw("GET /204 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "204 No Content")
	has(t, f.raw("GET /304 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "304 Not Modified", `Etag: "x"`)
}

func TestLargeBodiesStreamBothWays(t *testing.T) {
	const size = 64 << 20
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		io.Copy(w, r.Body)
	})
	f := start(t, setup{backends: []string{b}})
	defer http.DefaultClient.CloseIdleConnections()
	resp, err := http.Post("http://"+f.addr+"/", "application/octet-stream", io.LimitReader(zeros{}, size))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if n != size || err != nil {
		t.Fatalf("got %d bytes back, %v; want %d", n, err, size)
	}
	if got := f.last(); got.up != size || got.down != size {
		t.Errorf("counted %d up and %d down, want %d", got.up, got.down, size)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestTunnelsOpenOnlyForWhatTheRouteAllows(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			fmt.Fprint(w, "plain")
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nX-Session-Patch: secret\r\n\r\n", r.Header.Get("Upgrade"))
		io.Copy(c, rw)
	})
	f := start(t, setup{backends: []string{b}})
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nearly")
	r := bufio.NewReader(c)
	var head strings.Builder
	for line := ""; line != "\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		head.WriteString(line)
	}
	has(t, head.String(), "101 Switching", "Upgrade: websocket")
	hasNot(t, head.String(), "secret")
	io.WriteString(c, " and late")
	c.(*net.TCPConn).CloseWrite()
	rest, _ := io.ReadAll(r)
	if string(rest) != "early and late" {
		t.Errorf("through the tunnel: got %q", rest)
	}
	c.Close()
	has(t, f.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: other\r\n\r\n"), "200 OK", "plain")
	has(t, f.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n"), "200 OK", "plain")
}

func TestH2CInFrontAndBehindCarriesTrailers(t *testing.T) {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	protocols.SetHTTP1(true)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("TE") != "trailers" {
			http.Error(w, r.Proto, 500)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		io.Copy(w, r.Body)
		w.Header().Set("Grpc-Status", "0")
	}))
	s.Config.Protocols = &protocols
	s.Start()
	defer s.Close()
	f := start(t, setup{backends: []string{s.URL}, options: Options{H2C: true}, pool: func(p *proxy.Pool) { p.Connect.Protocol = "h2c" }})
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &only}
	defer tr.CloseIdleConnections()
	req, _ := http.NewRequest("POST", "http://"+f.addr+"/pkg.Service/Call", bytes.NewReader([]byte("message")))
	req.Header.Set("TE", "trailers")
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.ProtoMajor != 2 || string(body) != "message" || resp.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("got %s %q with trailers %v", resp.Proto, body, resp.Trailer)
	}
}

func TestHTTPSBackendsAreVerified(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.TLS.ServerName) }))
	defer s.Close()
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	url := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	has(t, start(t, setup{backends: []string{url}}).raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "502 Bad Gateway")

	ca := t.TempDir() + "/ca.pem"
	writePEM(t, ca, s.Certificate().Raw)
	trusted := setup{backends: []string{url}, pool: func(p *proxy.Pool) {
		p.Connect.TLS.CA, p.Connect.TLS.ServerName = ca, "example.com"
	}}
	has(t, start(t, trusted).raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "200 OK", "example.com")
}

func TestStopAnswersWhatIsUnderWayAndSaysClose(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(arrived)
			<-release
		}
		fmt.Fprint(w, "done")
	})
	f := start(t, setup{backends: []string{b}})
	idle, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	ask := func(c net.Conn) string {
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return fmt.Sprintf("%d close=%v", resp.StatusCode, resp.Close)
	}
	if got := ask(idle); got != "200 close=false" {
		t.Fatalf("before: got %s", got)
	}
	slow := make(chan string, 1)
	go func() { slow <- f.raw("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n") }()
	<-arrived
	f.listener.Close()
	for { // the plane learns of the close on its own goroutine
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			break
		}
		c.Close()
	}
	if got := ask(idle); got != "200 close=true" {
		t.Errorf("on a connection that was idle: got %s, want 200 close=true", got)
	}
	close(release)
	has(t, <-slow, "200 OK", "Connection: close", "done")
	if err := <-f.stopped; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	f.stopped <- nil
}
