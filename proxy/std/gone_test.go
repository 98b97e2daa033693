package std

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/affinity"
	"usher/conf"
	"usher/proxy"
)

// get makes one request on a connection of its own, and reads its answer.
func (f *front) get(cookie string) (resp *http.Response, body string) {
	f.t.Helper()
	req, err := http.NewRequest("GET", "http://"+f.addr+"/", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Close = true
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	resp, err = http.DefaultTransport.RoundTrip(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp, string(text)
}

// routeCookie is the affinity cookie that an answer sets, as a client sends it back; empty for none.
func routeCookie(resp *http.Response) string {
	for _, c := range resp.Cookies() {
		if c.Name == "usher_route" {
			return c.Name + "=" + c.Value
		}
	}
	return ""
}

func TestAClientWhoseBackendIsDownIsToldSoWhereThePoolSaysFail(t *testing.T) {
	var servers []*httptest.Server
	var asked atomic.Int64
	for range 2 {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1) }))
		defer s.Close()
		servers = append(servers, s)
	}
	f := start(t, setup{backends: []string{servers[0].URL, servers[1].URL}, affinity: sticky(), pool: func(p *proxy.Pool) { p.FailWhenGone = true }})
	resp, _ := f.get("")
	cookie, bound := routeCookie(resp), f.next().backend
	for _, s := range servers {
		if s.URL == "http://"+bound {
			s.Close()
		}
	}
	asked.Store(0)
	resp, _ = f.get(cookie)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || routeCookie(resp) != "" {
		t.Errorf("got %s with %v, want 503 with Retry-After and no cookie", resp.Status, resp.Header)
	}
	if got := f.next(); got.attempts != 1 || asked.Load() != 0 {
		t.Errorf("got %d attempts, and the other backend was asked %d times; want 1 and 0", got.attempts, asked.Load())
	}
	if resp, _ = f.get(""); resp.StatusCode != 200 {
		t.Errorf("a client that is bound to none: got %s, want 200", resp.Status)
	}
}

func TestABackendThatIsNoLongerConfiguredMovesItsClientsEvenWhereThePoolSaysFail(t *testing.T) {
	old, err := affinity.New(*sticky(), "p", []string{"gone"}, []conf.Secret{conf.Secret(strings.Repeat("k", 32))})
	if err != nil {
		t.Fatal(err)
	}
	sealed, _ := old.Seal(affinity.Binding{}, "gone", false, time.Now())
	cookie, _, _ := strings.Cut(sealed, ";")
	f := start(t, setup{backends: []string{backend(t, named("a"))}, affinity: sticky(), pool: func(p *proxy.Pool) { p.FailWhenGone = true }})
	resp, body := f.get(cookie)
	if resp.StatusCode != 200 || !strings.Contains(body, "moved=1") || routeCookie(resp) == "" {
		t.Errorf("got %s %q, want 200, told of the move, with a new cookie", resp.Status, body)
	}
}

func TestCachingIsLeftAloneWhereThePoolSaysKeep(t *testing.T) {
	f := start(t, setup{backends: []string{backend(t, named("a"))}, affinity: sticky(), pool: func(p *proxy.Pool) { p.KeepCaching = true }})
	resp, _ := f.get("")
	if got := resp.Header.Get("Cache-Control"); got != "public, max-age=60, s-maxage=9" || routeCookie(resp) == "" {
		t.Errorf("got Cache-Control %q with cookie %q, want it as it came, with a cookie", got, routeCookie(resp))
	}
}

func TestRequestIDsOfTrustedProxiesAreTakenIfTheyAreFitForALog(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("X-Request-ID")) })
	f := start(t, setup{backends: []string{b}, listener: proxy.ListenerOptions{RequestID: "X-Request-ID", Trusted: loopback}})
	for id, taken := range map[string]bool{
		"abc-1": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false, "a b": false, "a\"b": false, "a;b": false, "a\tb": false, "\xe9": false, "": false,
	} {
		answer := f.raw("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: " + id + "\r\nConnection: close\r\n\r\n")
		_, got, _ := strings.Cut(answer, "\r\n\r\n")
		switch {
		case taken && got != id:
			t.Errorf("%q: the backend got %q", id, got)
		case !taken && (len(got) != 32 || strings.Trim(got, "0123456789abcdef") != ""):
			t.Errorf("%q: the backend got %q, want 32 hexadecimal digits", id, got)
		}
	}
}
