package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"usher/affinity"
	"usher/balancer"
	"usher/conf"
	"usher/proxy/field"
)

// browser is what a browser sends, but for its cookies.
var browser = []field.Line{
	{Name: "Host", Value: "shop.example"},
	{Name: "Connection", Value: "keep-alive"},
	{Name: "Cache-Control", Value: "max-age=0"},
	{Name: "sec-ch-ua", Value: `"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"`},
	{Name: "sec-ch-ua-mobile", Value: "?0"},
	{Name: "Upgrade-Insecure-Requests", Value: "1"},
	{Name: "User-Agent", Value: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"},
	{Name: "Accept", Value: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
	{Name: "Sec-Fetch-Site", Value: "none"},
	{Name: "Accept-Encoding", Value: "gzip, deflate, br, zstd"},
	{Name: "Accept-Language", Value: "en-GB,en;q=0.9,de;q=0.8"},
}

// express is what an application answers with.
var express = []field.Line{
	{Name: "X-Powered-By", Value: "Express"},
	{Name: "Content-Type", Value: "application/json; charset=utf-8"},
	{Name: "Content-Length", Value: "15"},
	{Name: "ETag", Value: `W/"f-Aq1d"`},
	{Name: "Date", Value: "Sat, 22 Nov 2025 10:00:00 GMT"},
	{Name: "Connection", Value: "keep-alive"},
}

// visits are requests of bound clients, served one after another by one Exchange, as on a connection that stays.
type visits struct {
	h       *Handler
	x       Exchange
	cookies []string // Cookie lines, one a client
	asked   int
}

// newVisits has so many clients, whose cookies are fresh, visit a pool of four backends.
func newVisits(t testing.TB, clients int) *visits {
	t.Helper()
	pool := testPool(t, "web", balancer.LeastConn)
	pool.HideCookie = true
	var cfg affinity.Config
	cfg.SetDefaults()
	cfg.Mode, cfg.Cookie.Name, cfg.Idle = affinity.Cookie, "usher_route", conf.Duration(8*time.Hour)
	backends := []string{"web0", "web1", "web2", "web3"}
	var err error
	if pool.Affinity, err = affinity.New(cfg, "web", backends, []conf.Secret{conf.Secret(strings.Repeat("k", 32))}); err != nil {
		t.Fatal(err)
	}
	var rc RouteConfig
	rc.SetDefaults()
	rc.Name, rc.Pool = "all", "web"
	s, err := NewSnapshot([]ListenerOptions{{Key: "main", Name: "main", RequestID: "X-Request-ID", HeaderCount: 100, HeaderBytes: 64 << 10}}, []RouteConfig{rc}, []*Pool{pool})
	if err != nil {
		t.Fatal(err)
	}
	v := &visits{h: NewHandler(s)}
	v.x.Reuse = true
	for i := range clients {
		set, _ := pool.Affinity.Seal(affinity.Binding{}, backends[i%4], false, time.Now())
		pair, _, _ := strings.Cut(set, ";")
		v.cookies = append(v.cookies, fmt.Sprintf("connect.sid=s%%3Aabcdefghijklmnopqrstuvwxyz.0123456789ABCDEF; %s; theme=dark", pair))
	}
	return v
}

// next serves one request.
func (v *visits) next() error {
	x := &v.x
	x.Reset()
	x.Entry, x.Start = "main", time.Now()
	q := &x.Request
	q.Method, q.Target, q.Host, q.Proto, q.Peer = "GET", "/shop/item?id=42&ref=%E2%9C%93", "shop.example", "HTTP/1.1", visitor
	q.FieldsChecked = true
	for _, l := range browser {
		q.Header.Add(l.Name, l.Value)
	}
	q.Header.Add("Cookie", v.cookies[v.asked%len(v.cookies)])
	v.asked++
	v.h.Serve(x, v)
	return x.Err
}

var visitor = netip.MustParseAddrPort("203.0.113.77:40404")

func (v *visits) Forward(x *Exchange, _ balancer.Lease) error {
	x.Response.Status = 200
	x.Response.Header.Reset()
	for _, l := range express {
		x.Response.Header.Add(l.Name, l.Value)
	}
	if err := x.Answered(); err != nil {
		return err
	}
	x.FirstByte, x.End = x.Start, x.Start // by the clock of an event loop, which is read once a turn
	x.HeadOut()
	return nil
}

func (v *visits) Answer(*Exchange) {}
func (v *visits) Await(f func())   { f() }

func BenchmarkAStickyGET(b *testing.B) {
	for _, clients := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			v := newVisits(b, clients)
			b.ReportAllocs()
			for b.Loop() {
				if err := v.next(); err != nil {
					b.Fatal(err)
				}
			}
			if v.x.Bound != affinity.Valid || v.x.Change != affinity.Unchanged {
				b.Fatalf("got %v and %v, want valid and none", v.x.Bound, v.x.Change)
			}
		})
	}
}

func BenchmarkChoose(b *testing.B) {
	l := testListener(b, "admin /admin", "exact =/exact", "files /Files", "rest /")
	for _, path := range []string{"/shop/item", "/assets/index-BxK3Qz.js", "/blog/post/", "/Blog/caf%C3%A9/"} {
		b.Run(path[1:], func(b *testing.B) {
			req := &Request{Method: "GET", Target: path, Host: "shop.example"}
			var a arena
			b.ReportAllocs()
			for b.Loop() {
				a.reset(true)
				if _, err := l.choose(req, &a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
