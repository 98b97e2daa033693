package std

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"usher/proxy"
)

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
