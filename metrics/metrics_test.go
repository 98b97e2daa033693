package metrics

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"usher/affinity"
	"usher/balancer"
	"usher/proxy"
)

var update = flag.Bool("update", false, "write the golden files anew")

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// exchange is one of 30 ms, of which the backend took 20, whose head went out after 25.
func exchange(change ...func(*proxy.Exchange)) *proxy.Exchange {
	x := &proxy.Exchange{Listener: "main", Route: "shop", Pool: "web", Backend: "web-1", Start: epoch}
	x.Request.Method, x.Response.Status = "GET", 200
	x.BackendWait, x.FirstByte, x.End = 20*time.Millisecond, epoch.Add(25*time.Millisecond), epoch.Add(30*time.Millisecond)
	for _, f := range change {
		f(x)
	}
	return x
}

func bound(state affinity.State, change affinity.Change) func(*proxy.Exchange) {
	return func(x *proxy.Exchange) { x.HasAffinity, x.Bound, x.Change = true, state, change }
}

func retried(x *proxy.Exchange) { x.Attempts = 3 }

func byPrevious(x *proxy.Exchange) { x.ByPrevious = true }

// unrouted makes an exchange one that was refused before it had a route.
func unrouted(x *proxy.Exchange) {
	x.Route, x.Pool, x.Backend, x.BackendWait, x.Response.Status = "", "", "", 0, 400
}

// cut makes an exchange one whose client went away before its answer.
func cut(x *proxy.Exchange) { x.Response.Status, x.FirstByte = proxy.StatusClientGone, time.Time{} }

func pool(t *testing.T, name string, ids ...string) *balancer.Pool {
	t.Helper()
	cfg := balancer.Config{Policy: balancer.RoundRobin}
	for _, id := range ids {
		cfg.Backends = append(cfg.Backends, balancer.BackendConfig{URL: "127.0.0.1:3001", ID: id, Weight: 1})
	}
	p, err := balancer.NewPool(name, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sources(pools ...*balancer.Pool) Sources {
	return Sources{
		Pools: func() []*balancer.Pool { return pools },
		Listeners: func() []Listener {
			return []Listener{{Name: "main", Open: 3, Accepted: 7, Rejected: 2, HandshakeFailures: 1}}
		},
		Certificates: func() map[string]time.Time { return map[string]time.Time{"a.pem": epoch} },
		Streams:      func() map[string]int64 { return map[string]int64{"websocket": 4} },
	}
}

// scrape returns what the handler shows of usher's own metrics.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("scrape: %d %s", w.Code, w.Body)
	}
	var own strings.Builder
	for line := range strings.Lines(w.Body.String()) {
		if strings.Contains(line, "usher_") {
			own.WriteString(line)
		}
	}
	return own.String()
}

// everything is Metrics in which each kind of event has happened once.
func everything(t *testing.T) *Metrics {
	p := pool(t, "web", "web-1", "web-2")
	lease, err := p.Acquire(balancer.Want{Backend: p.Backend("web-2")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lease.Release)
	m := New("1.2.3", sources(p))
	m.Reloaded(epoch)
	for _, x := range []*proxy.Exchange{
		exchange(), exchange(unrouted), exchange(cut),
		exchange(bound(affinity.Valid, affinity.Unchanged)),
		exchange(bound(affinity.Valid, affinity.Moved), byPrevious, retried),
		exchange(bound(affinity.Gone, affinity.Moved)),
		exchange(bound(affinity.Invalid, affinity.Inserted)),
		exchange(bound(affinity.Expired, affinity.Inserted)),
	} {
		m.Observe(x)
	}
	return m
}

func TestExpositionIsAsDocumented(t *testing.T) {
	const golden = "testdata/metrics.txt"
	got := scrape(t, everything(t))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant %s", got, golden)
	}
}

func TestLintFindsNothing(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scrape(t, everything(t)))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

func TestEveryMetricIsMovedBySomething(t *testing.T) {
	m := everything(t)
	text := scrape(t, m)
	name := regexp.MustCompile(`fqName: "([^"]*)"`)
	ch := make(chan *prometheus.Desc, 100)
	for _, c := range append(m.own(), newCollector("", Sources{})) {
		c.Describe(ch)
	}
	close(ch)
	for d := range ch {
		fq := name.FindStringSubmatch(d.String())[1]
		if !regexp.MustCompile(`(?m)^` + fq + `(_count)?(\{.*\})? .*[1-9]`).MatchString(text) {
			t.Errorf("nothing moves %s", fq)
		}
	}
}

func TestHistogramsAreNativeToo(t *testing.T) {
	families, err := everything(t).registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range families {
		for _, s := range f.GetMetric() {
			if h := s.GetHistogram(); strings.HasPrefix(f.GetName(), "usher_") && h != nil && h.Schema != nil {
				seen++
			}
		}
	}
	if seen != 4 { // two histograms, routed and unrouted
		t.Errorf("got %d native histograms, want 4", seen)
	}
}

func TestOpenMetricsIsSpoken(t *testing.T) {
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	w := httptest.NewRecorder()
	everything(t).Handler().ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "application/openmetrics-text") || !strings.HasSuffix(w.Body.String(), "# EOF\n") {
		t.Errorf("got %s", got)
	}
}

func TestClientsCannotMakeSeries(t *testing.T) {
	m := New("", Sources{})
	for i := range 100 {
		m.Observe(exchange(func(x *proxy.Exchange) { x.Request.Method = fmt.Sprint("BREW", i) }))
	}
	if text := scrape(t, m); !strings.Contains(text, `usher_http_requests_total{code="200",listener="main",method="other",route="shop"} 100`) || strings.Contains(text, "BREW") {
		t.Errorf("got:\n%s", text)
	}
}

func TestStringsOfTheExchangeAreNotKept(t *testing.T) {
	m := New("", Sources{})
	var buffers [][]byte
	borrowed := func(s string) string {
		b := []byte(s)
		buffers = append(buffers, b)
		return unsafe.String(&b[0], len(b))
	}
	x := exchange(bound(affinity.Valid, affinity.Moved))
	x.Listener, x.Route, x.Pool, x.Backend, x.Request.Method = borrowed("main"), borrowed("shop"), borrowed("web"), borrowed("web-1"), borrowed("GET")
	m.Observe(x)
	before := scrape(t, m)
	for _, b := range buffers {
		clear(b)
	}
	if after := scrape(t, m); after != before {
		t.Errorf("got:\n%s\nwant:\n%s", after, before)
	}
	m.Observe(exchange(bound(affinity.Valid, affinity.Moved)))
	if text := scrape(t, m); !strings.Contains(text, `usher_http_requests_total{code="200",listener="main",method="GET",route="shop"} 2`) {
		t.Errorf("the same names are not found again:\n%s", text)
	}
}

func TestKeepDropsWhatIsNoLongerConfigured(t *testing.T) {
	m := New("", Sources{})
	in := func(listener, route, pool, backend string) func(*proxy.Exchange) {
		return func(x *proxy.Exchange) { x.Listener, x.Route, x.Pool, x.Backend = listener, route, pool, backend }
	}
	moved := bound(affinity.Valid, affinity.Moved)
	kept := []*proxy.Exchange{exchange(moved), exchange(unrouted)}
	dropped := []*proxy.Exchange{
		exchange(in("old", "shop", "web", "web-1")), exchange(in("main", "gone", "web", "web-1")),
		exchange(moved, in("main", "shop", "lost", "web-1")), exchange(in("main", "shop", "web", "web-9")),
	}
	for i, x := range append(kept, dropped...) {
		x.Shard = i / 2
		m.Observe(x)
	}
	m.Keep([]string{"main"}, []string{"shop"}, []*balancer.Pool{pool(t, "web", "web-1")})
	text := scrape(t, m)
	for _, word := range []string{`"old"`, `"gone"`, `"lost"`, `"web-9"`} {
		if strings.Contains(text, word) {
			t.Errorf("%s is still there:\n%s", word, text)
		}
	}
	for _, line := range []string{`{code="400",listener="main",method="GET",route=""} 1`, `usher_affinity_total{pool="web",`, `usher_sessions_moved_total{pool="web",`} {
		if !strings.Contains(text, line) {
			t.Errorf("%s is missing:\n%s", line, text)
		}
	}
	m.Observe(dropped[3])
	if text := scrape(t, m); !strings.Contains(text, `usher_backend_requests_total{backend="web-9",pool="web"} 1`) {
		t.Errorf("a dropped series does not begin anew:\n%s", text)
	}
}

func TestConcurrentExchangesAreAllCounted(t *testing.T) {
	const workers, each = 8, 200
	p := pool(t, "web", "web-1")
	m := New("", sources(p))
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for j := range each {
				m.Observe(exchange(bound(affinity.State(j%3), affinity.Inserted), func(x *proxy.Exchange) { x.Shard, x.Response.Status = i/2*(shards/2), 200+i%2 }))
				if j%50 == 0 {
					m.Keep([]string{"main"}, []string{"shop"}, []*balancer.Pool{p})
					m.registry.Gather()
				}
			}
		})
	}
	all.Wait()
	text := scrape(t, m)
	if want := fmt.Sprintf(`usher_backend_requests_total{backend="web-1",pool="web"} %d`, workers*each); !strings.Contains(text, want) {
		t.Errorf("no %s in:\n%s", want, text)
	}
	if want := fmt.Sprintf(`usher_http_requests_total{code="201",listener="main",method="GET",route="shop"} %d`, workers*each/2); !strings.Contains(text, want) {
		t.Errorf("no %s in:\n%s", want, text)
	}
}

func TestARefusedReloadKeepsTheTimeOfTheLastGoodOne(t *testing.T) {
	m := New("", Sources{})
	m.Reloaded(epoch)
	m.ReloadRefused()
	text := scrape(t, m)
	if !strings.Contains(text, "usher_config_last_reload_successful 0\n") || !strings.Contains(text, "usher_config_last_reload_success_timestamp_seconds 1.767323045e+09\n") {
		t.Errorf("got:\n%s", text)
	}
}

func TestASeriesIsTheSumOfAllShards(t *testing.T) {
	m := New("", Sources{})
	for i := range 3 * shards {
		m.Observe(exchange(bound(affinity.Valid, affinity.Moved), retried, func(x *proxy.Exchange) { x.Shard = i }))
	}
	for i := range m.shards {
		if got := m.shards[i].retries.Load(); got != 6 {
			t.Errorf("shard %d counts %d retries, want 6", i, got)
		}
	}
	text := scrape(t, m)
	for _, line := range []string{
		`usher_http_requests_total{code="200",listener="main",method="GET",route="shop"} 192`, `usher_backend_requests_total{backend="web-1",pool="web"} 192`,
		`usher_affinity_total{pool="web",request="valid",response="moved"} 192`, `usher_retries_total{reason="connect"} 384`,
		`usher_http_request_duration_seconds_bucket{listener="main",route="shop",le="0.05"} 192`, `usher_http_overhead_seconds_count{listener="main",route="shop"} 192`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is missing:\n%s", line, text)
		}
	}
}
