package proxy

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"usher/affinity"
	"usher/balancer"
	"usher/conf"
	"usher/proxy/field"
)

// answering is a plane whose backends answer at once.
type answering struct {
	backend string // that answered; empty when the walk did
	moved   bool   // the backend was told that the client comes from another
}

func (a *answering) Forward(x *Exchange, l balancer.Lease) error {
	a.backend, a.moved = l.Backend.ID, x.Request.Header.Has(movedHeader)
	x.Response.Status = 200
	x.Response.Header.Reset()
	if err := x.Answered(); err != nil {
		return err
	}
	x.HeadOut()
	return nil
}

func (a *answering) Answer(*Exchange) {}
func (a *answering) Await(f func())   { f() }

// testPool has four backends, named after it.
func testPool(t testing.TB, name string, policy balancer.PolicyName) *Pool {
	t.Helper()
	var cfg balancer.Config
	cfg.SetDefaults()
	cfg.Policy = policy
	for i := range 4 {
		cfg.Backends = append(cfg.Backends, balancer.BackendConfig{URL: fmt.Sprintf("127.0.0.1:%d", i+1), ID: fmt.Sprintf("%s%d", name, i), Weight: 1})
	}
	b, err := balancer.NewPool(name, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Pool{Name: name, Balancer: b}
}

// testHandler serves everything by one route.
func testHandler(t testing.TB, route func(*RouteConfig), trusted []netip.Prefix, pools ...*Pool) *Handler {
	t.Helper()
	var rc RouteConfig
	rc.SetDefaults()
	rc.Name = "all"
	route(&rc)
	s, err := NewSnapshot([]ListenerOptions{{Key: "main", Name: "main", Trusted: trusted}}, []RouteConfig{rc}, pools)
	if err != nil {
		t.Fatal(err)
	}
	return NewHandler(s)
}

// ask serves one request and returns the exchange, which has not been reset, and what the backend made of it.
func ask(t testing.TB, h *Handler, target string, lines ...field.Line) (*Exchange, answering) {
	t.Helper()
	x, a := &Exchange{Entry: "main"}, answering{}
	x.Request = Request{Method: "GET", Target: target, Host: "example.com", Proto: "HTTP/1.1", Peer: netip.MustParseAddrPort("127.0.0.1:5")}
	for _, l := range lines {
		x.Request.Header.Add(l.Name, l.Value)
	}
	h.Serve(x, &a)
	if x.Err != nil {
		t.Fatal(x.Err)
	}
	return x, a
}

func TestEachHashGoesByWhatItIsToldToAndByNothingElse(t *testing.T) {
	// Each way to ask puts value i where one of the hashes looks, and j in the other places.
	places := map[balancer.HashOn]func(i, j int) (target string, lines []field.Line){}
	parts := func(ip, uri, header, cookie int) (string, []field.Line) {
		return fmt.Sprintf("/%d", uri), []field.Line{
			{Name: "X-Forwarded-For", Value: fmt.Sprintf("192.0.2.%d", ip)}, {Name: "X-Tenant", Value: fmt.Sprint(header)},
			{Name: "Cookie", Value: fmt.Sprintf("other=%d; user=%d", ip, cookie)},
		}
	}
	places["client-ip"] = func(i, j int) (string, []field.Line) { return parts(i, j, j, j) }
	places["uri"] = func(i, j int) (string, []field.Line) { return parts(j, i, j, j) }
	places["header:x-tenant"] = func(i, j int) (string, []field.Line) { return parts(j, j, i, j) }
	places["cookie:user"] = func(i, j int) (string, []field.Line) { return parts(j, j, j, i) }
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for on, place := range places {
		pool := testPool(t, "p", balancer.Hash)
		pool.HashOn = on
		h := testHandler(t, func(rc *RouteConfig) { rc.Pool = "p" }, trusted, pool)
		used := map[string]bool{}
		for i := range 32 {
			target, lines := place(i, 0)
			_, first := ask(t, h, target, lines...)
			used[first.backend] = true
			for j := 1; j < 8; j++ {
				target, lines = place(i, j)
				if _, got := ask(t, h, target, lines...); got.backend != first.backend {
					t.Fatalf("%s: value %d got %s, and %s when the rest of the request was another", on, i, first.backend, got.backend)
				}
			}
		}
		if len(used) != 4 {
			t.Errorf("%s: 32 values went to %d of 4 backends", on, len(used))
		}
	}
}

func TestWeightedPoolsShareNewClientsByWeight(t *testing.T) {
	const draws = 10_000
	weights := map[string]int{"a": 70, "b": 25, "c": 5, "d": 0}
	var pools []*Pool
	for name := range weights {
		pools = append(pools, testPool(t, name, balancer.RoundRobin))
	}
	h := testHandler(t, func(rc *RouteConfig) {
		for name, w := range weights {
			rc.Pools = append(rc.Pools, WeightedPool{name, w})
		}
	}, nil, pools...)
	got := map[string]int{}
	for range draws {
		x, _ := ask(t, h, "/")
		got[x.Pool]++
	}
	for name, w := range weights {
		share := float64(w) / 100
		want, spread := draws*share, 8*math.Sqrt(draws*share*(1-share)) // eight standard deviations: one in 10^15
		if math.Abs(float64(got[name])-want) > spread {
			t.Errorf("pool %s of weight %d got %d of %d clients, want %.0f give or take %.0f", name, w, got[name], draws, want, spread)
		}
	}
}

// bound returns the cookie of a client that is bound to a backend, and gives the pool its affinity.
func bound(t testing.TB, p *Pool, backend string, configured ...string) field.Line {
	t.Helper()
	var cfg affinity.Config
	cfg.SetDefaults()
	cfg.Mode, cfg.Cookie.Name = affinity.Cookie, "route_"+p.Name
	secrets := []conf.Secret{conf.Secret(strings.Repeat("k", 32))}
	var err error
	if p.Affinity, err = affinity.New(cfg, p.Name, configured, secrets); err != nil {
		t.Fatal(err)
	}
	before, err := affinity.New(cfg, p.Name, []string{backend}, secrets)
	if err != nil {
		t.Fatal(err)
	}
	cookie, _ := before.Seal(affinity.Binding{}, backend, false, time.Now())
	value, _, _ := strings.Cut(cookie, ";")
	return field.Line{Name: "Cookie", Value: value}
}

func TestAClientOfAWeightedRouteStaysInThePoolThatKnowsIt(t *testing.T) {
	many, few := testPool(t, "many", balancer.RoundRobin), testPool(t, "few", balancer.RoundRobin)
	valid := bound(t, few, "few2", "few0", "few1", "few2", "few3")
	gone := bound(t, few, "few9", "few0", "few1", "few2", "few3")
	elsewhere := bound(t, many, "many1", "many0", "many1", "many2", "many3")
	h := testHandler(t, func(rc *RouteConfig) { rc.Pools = []WeightedPool{{"many", 1000}, {"few", 0}} }, nil, many, few)
	for range 20 {
		if x, got := ask(t, h, "/", valid); got.backend != "few2" || got.moved || x.Change != affinity.Unchanged {
			t.Fatalf("bound to few2: got %s, moved %v, %v", got.backend, got.moved, x.Change)
		}
		x, got := ask(t, h, "/", gone)
		if x.Pool != "few" || !got.moved || x.Change != affinity.Moved || x.Bound != affinity.Gone {
			t.Fatalf("bound to a backend that few has lost: got %s, moved %v, %v; want another of few, told of the move", got.backend, got.moved, x.Change)
		}
		if x, got := ask(t, h, "/", gone, elsewhere); got.backend != "many1" || got.moved || x.Change != affinity.Unchanged {
			t.Fatalf("lost in few and bound in many: got %s, moved %v, %v; want many1 as before", got.backend, got.moved, x.Change)
		}
	}
}
