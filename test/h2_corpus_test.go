package test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// arrives is what a backend may see of a request.
type arrives byte

const (
	nothing arrives = iota
	whole           // one well-formed request, with "kept" if that was sent, and never "forged"
	begun           // at most the beginning of one, and then the end of the connection
)

// h2Case is a request over HTTP/2, most of them of a kind that no well-behaved client sends.
type h2Case struct {
	rfc  string // the section that says so, of RFC 9113 unless another is named
	name string
	h2Request
	outcome string
	arrives arrives
	line    string // the request line and the Host that arrive, if they are not GET / and a.example
}

// getting is the head of a good request. Its scheme is made that of the connection.
var getting = fields{":method", "GET", ":scheme", "http", ":authority", "a.example", ":path", "/"}

func just(f fields) h2Request { return h2Request{head: f} }

func carrying(f fields, data ...string) h2Request { return h2Request{head: f, data: data} }

const (
	malformed = "reset PROTOCOL_ERROR"
	refused   = "400"
)

var posting = getting.with(":method", "POST")

var h2Cases = []h2Case{
	// :path
	{"8.3.1", "a path as it came", just(getting.with(":path", "/a%2Fb;x=1//c/?q=%zz&&")), "200", whole, "GET /a%2Fb;x=1//c/?q=%zz&& a.example"},
	{"8.3.1", "a path that begins with two slashes", just(getting.with(":path", "//b.example/c")), "200", whole, "GET //b.example/c a.example"},
	{"8.3.1", "a path with bytes above ASCII", just(getting.with(":path", "/caf\xc3\xa9")), "200", whole, "GET /caf\xc3\xa9 a.example"},
	{"8.3.1", "a path with a space", just(getting.with(":path", "/a b")), refused, nothing, ""},
	{"8.3.1", "a path that goes on as a request line", just(getting.with(":path", "/ HTTP/1.1")), refused, nothing, ""},
	{"8.2.1", "a path with CR LF", just(getting.with(":path", "/ HTTP/1.1\r\nX: forged")), malformed, nothing, ""},
	{"8.2.1", "a path with LF", just(getting.with(":path", "/a\nb")), malformed, nothing, ""},
	{"8.2.1", "a path with CR", just(getting.with(":path", "/a\rb")), malformed, nothing, ""},
	{"8.2.1", "a path with NUL", just(getting.with(":path", "/a\x00b")), malformed, nothing, ""},
	{"8.3.1", "a path with a tab", just(getting.with(":path", "/a\tb")), malformed, nothing, ""},
	{"8.3.1", "a path with DEL", just(getting.with(":path", "/a\x7fb")), malformed, nothing, ""},
	{"8.3.1", "a path with a fragment", just(getting.with(":path", "/a#b")), refused, nothing, ""},
	{"8.3.1", "an empty path", just(getting.with(":path", "")), malformed, nothing, ""},
	{"8.3.1", "no path", just(getting.without(":path")), malformed, nothing, ""},
	{"8.3.1", "a path without a slash", just(getting.with(":path", "a")), malformed, nothing, ""},
	{"8.3.1", "a path that is an absolute URI", just(getting.with(":path", "http://b.example/")), refused, nothing, ""},
	{"8.3.1", "a path that is an authority", just(getting.with(":path", "b.example:80")), refused, nothing, ""},
	{"8.3.1", "the asterisk with OPTIONS", just(getting.with(":method", "OPTIONS", ":path", "*")), "200", whole, "OPTIONS * a.example"},
	{"8.3.1", "the asterisk with GET", just(getting.with(":path", "*")), refused, nothing, ""},

	// :authority and Host
	{"8.3.1", "an authority with a port", just(getting.with(":authority", "a.example:8443")), "200", whole, "GET / a.example:8443"},
	{"8.3.1", "no authority, but a host", just(getting.without(":authority").with("host", "b.example")), "200", whole, "GET / b.example"},
	{"8.3.1", "a host that says the same", just(getting.with("host", "a.example")), "200", whole, ""},
	{"8.3.1", "a host that disagrees", just(getting.with("host", "b.example")), refused, nothing, ""},
	{"8.3.1", "two hosts, one of which disagrees", just(getting.with("host", "a.example", "host", "b.example")), refused, nothing, ""},
	{"8.3.1", "two hosts without an authority", just(getting.without(":authority").with("host", "a.example", "host", "b.example")), refused, nothing, ""},
	{"8.3.1", "neither authority nor host", just(getting.without(":authority")), refused, nothing, ""},
	{"8.3.1", "an empty authority", just(getting.with(":authority", "")), refused, nothing, ""},
	{"8.3.1", "an authority with userinfo", just(getting.with(":authority", "user@a.example")), malformed, nothing, ""},
	{"8.3.1", "a host with userinfo", just(getting.without(":authority").with("host", "user@a.example")), malformed, nothing, ""},
	{"8.3.1", "an authority with a space", just(getting.with(":authority", "a.example b")), refused, nothing, ""},
	{"8.3.1", "an authority with a path", just(getting.with(":authority", "a.example/b")), refused, nothing, ""},
	{"8.3.1", "an authority with two names", just(getting.with(":authority", "a.example,b.example")), refused, nothing, ""},
	{"8.2.1", "an authority with CR LF", just(getting.with(":authority", "a.example\r\nX: forged")), malformed, nothing, ""},

	// the other pseudo-header fields
	{"8.3.1", "no method", just(getting.without(":method")), malformed, nothing, ""},
	{"8.3.1", "an empty method", just(getting.with(":method", "")), malformed, nothing, ""},
	{"8.3.1", "a method with a space", just(getting.with(":method", "GET /forged HTTP/1.1")), refused, nothing, ""},
	{"8.3.1", "a method with a colon", just(getting.with(":method", "GET:")), refused, nothing, ""},
	{"8.3.1", "a method with bytes above ASCII", just(getting.with(":method", "G\xc3\x89T")), refused, nothing, ""},
	{"8.2.1", "a method with CR LF", just(getting.with(":method", "GET / HTTP/1.1\r\nX: forged\r\n\r\nGET")), malformed, nothing, ""},
	{"8.3.1", "a method in lower case is another method", just(getting.with(":method", "get")), "200", whole, "get / a.example"},
	{"8.3.1", "no scheme", just(getting.without(":scheme")), malformed, nothing, ""},
	{"8.3.1", "an empty scheme", just(getting.with(":scheme", "")), malformed, nothing, ""},
	{"8.3.1", "a scheme that is none of HTTP's", just(getting.with(":scheme", "ftp")), malformed, nothing, ""},
	{"8.3.1", "a scheme that goes on as a target", just(getting.with(":scheme", "http://b.example/?")), malformed, nothing, ""},
	{"8.3", "a pseudo-header field behind a regular one", just(append(getting.without(":path"), "x-a", "1", ":path", "/")), malformed, nothing, ""},
	{"8.3", "two paths", just(append(getting.with(), ":path", "/forged")), malformed, nothing, ""},
	{"8.3", "two methods", just(append(getting.with(), ":method", "POST")), malformed, nothing, ""},
	{"8.3", "two authorities", just(append(getting.with(), ":authority", "b.example")), malformed, nothing, ""},
	{"8.3", "two schemes", just(append(getting.with(), ":scheme", "http")), malformed, nothing, ""},
	{"8.3", "an unknown pseudo-header field", just(append(getting.with(), ":forged", "1")), malformed, nothing, ""},
	{"8.3", "a pseudo-header field of responses", just(append(getting.with(), ":status", "200")), malformed, nothing, ""},
	{"8.3", "a pseudo-header field without a name", just(append(getting.with(), ":", "1")), malformed, nothing, ""},

	// CONNECT
	{"8.5", "CONNECT", h2Request{head: fields{":method", "CONNECT", ":authority", "a.example:80"}, open: true}, "405", nothing, ""},
	{"8.5", "CONNECT with scheme and path", just(getting.with(":method", "CONNECT")), malformed, nothing, ""},
	{"RFC 8441 4", "extended CONNECT, which was not offered", h2Request{head: append(getting.with(":method", "CONNECT"), ":protocol", "websocket"), open: true}, malformed, nothing, ""},
	{"RFC 8441 4", "a protocol without CONNECT", just(append(getting.with(), ":protocol", "websocket")), malformed, nothing, ""},

	// connection-specific fields
	{"8.2.2", "Connection", just(getting.with("connection", "close")), refused, nothing, ""},
	{"8.2.2", "Connection that names fields", just(getting.with("connection", "x-forwarded-for, x-kept", "x-kept", "1")), refused, nothing, ""},
	{"8.2.2", "Keep-Alive", just(getting.with("keep-alive", "timeout=5")), refused, nothing, ""},
	{"8.2.2", "Proxy-Connection", just(getting.with("proxy-connection", "keep-alive")), refused, nothing, ""},
	{"8.2.2", "Transfer-Encoding", carrying(posting.with("transfer-encoding", "chunked"), "0\r\n\r\nGET /forged HTTP/1.1\r\nHost: a\r\n\r\n"), refused, nothing, ""},
	{"8.2.2", "Upgrade", just(getting.with("upgrade", "websocket")), refused, nothing, ""},
	{"8.2.2", "TE with trailers", just(getting.with("te", "trailers", "x-a", "kept")), "200", whole, ""},
	{"8.2.2", "TE with more", just(getting.with("te", "trailers, gzip")), refused, nothing, ""},
	{"8.2.2", "TE twice", just(getting.with("te", "trailers", "te", "gzip")), refused, nothing, ""},
	{"RFC 9110 7.6.1", "fields of the next hop", just(getting.with("http2-settings", "forged", "proxy-authorization", "forged", "trailer", "x-kept", "x-a", "kept")), "200", whole, ""},

	// field names
	{"8.2.1", "a name with a capital", just(getting.with("X-Forged", "1")), malformed, nothing, ""},
	{"8.2.1", "an empty name", just(getting.with("", "1")), malformed, nothing, ""},
	{"8.2.1", "a name with a space", just(getting.with("x-a b", "1")), malformed, nothing, ""},
	{"8.2.1", "a name that ends with a space", just(getting.with("content-length ", "1")), malformed, nothing, ""},
	{"8.2.1", "a name with a colon", just(getting.with("x-a: 1", "1")), malformed, nothing, ""},
	{"8.2.1", "a name with CR LF", just(getting.with("x-a: 1\r\nx-b", "1")), malformed, nothing, ""},
	{"8.2.1", "a name with NUL", just(getting.with("x-a\x00", "1")), malformed, nothing, ""},
	{"8.2.1", "a name with bytes above ASCII", just(getting.with("x-\xe9", "1")), malformed, nothing, ""},
	{"RFC 9110 5.1", "a name with every mark of a token", just(getting.with("x!#$%&'*+-.^`|~a", "kept")), "200", whole, ""},
	{"RFC 9110 5.1", "a name with an underscore", just(getting.with("x_own", "forged")), "200", whole, ""},
	{"RFC 9110 5.1", "names that Usher alone may use", just(getting.with("x-session-assertion", "forged", "x-session-status", "forged", "x-session-moved", "forged")), "200", whole, ""},
	{"RFC 9110 5.1", "their look-alikes", just(getting.with("x_session_assertion", "forged", "x.session.assertion", "forged", "x-session_moved", "forged", "x~session|data", "forged")), "200", whole, ""},
	{"RFC 9110 5.1", "a name that is like none of them", just(getting.with("x-session-token", "kept")), "200", whole, ""},
	{"RFC 7239 8.1", "what proxies say", just(getting.with("x-forwarded-for", "forged", "x-forwarded-proto", "forged", "x-forwarded-host", "forged", "forwarded", "for=forged", "x-real-ip", "forged")), "200", whole, ""},
	{"RFC 7239 8.1", "what looks like it", just(getting.with("x.forwarded.for", "forged", "x_forwarded_proto", "forged", "x-forwarded.host", "forged", "x-request-id", "forged")), "200", whole, ""},

	// field values
	{"8.2.1", "a value with CR LF", just(getting.with("x-a", "1\r\nx-b: forged")), malformed, nothing, ""},
	{"8.2.1", "a value with LF", just(getting.with("x-a", "1\nforged: 1")), malformed, nothing, ""},
	{"8.2.1", "a value with CR", just(getting.with("x-a", "1\rforged: 1")), malformed, nothing, ""},
	{"8.2.1", "a value with NUL", just(getting.with("x-a", "1\x00")), malformed, nothing, ""},
	{"8.2.1", "a value with another control character", just(getting.with("x-a", "1\x1b[m")), malformed, nothing, ""},
	{"8.2.1", "a value with DEL", just(getting.with("x-a", "1\x7f")), malformed, nothing, ""},
	{"8.2.1", "a value with a space in front", just(getting.with("x-a", " 1")), refused, nothing, ""},
	{"8.2.1", "a value with a space behind", just(getting.with("x-a", "1 ")), refused, nothing, ""},
	{"8.2.1", "a value with a tab behind", just(getting.with("x-a", "1\t")), refused, nothing, ""},
	{"8.2.1", "a value with tab and bytes above ASCII", just(getting.with("x-a", "kept\t\xe9")), "200", whole, ""},
	{"8.2.3", "cookies in pieces", just(getting.with("cookie", "a=1", "cookie", "b=kept")), "200", whole, ""},

	// bodies
	{"8.1.1", "a body of that length", carrying(posting.with("content-length", "4"), "ke", "pt"), "200", whole, "POST / a.example"},
	{"8.1", "a body without a length", carrying(posting, "ke", "", "pt"), "200", whole, "POST / a.example"},
	{"8.1", "a body that looks like another request", carrying(posting, "kept\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "200", whole, "POST / a.example"},
	{"8.1", "a body with GET", carrying(getting, "GET / HTTP/1.1\r\nHost: kept\r\n\r\n"), "200", whole, ""},
	{"8.1", "an end without a body", carrying(posting, ""), "200", whole, "POST / a.example"},
	{"8.1.1", "a body that is too short", carrying(posting.with("content-length", "10"), "abc"), refused, begun, ""},
	{"8.1.1", "a body that is too long", carrying(posting.with("content-length", "3"), "abcdef"), malformed, begun, ""},
	{"8.1.1", "a length without a body", just(getting.with("content-length", "10")), refused, nothing, ""},
	{"8.1.1", "a length of nothing without a body", just(posting.with("content-length", "0")), "200", whole, "POST / a.example"},
	{"RFC 9110 8.6", "two lengths", carrying(posting.with("content-length", "3", "content-length", "6"), "abc"), refused, nothing, ""},
	{"RFC 9110 8.6", "two lengths, neither of them the body's", carrying(posting.with("content-length", "6", "content-length", "7"), "abc"), refused, nothing, ""},
	{"RFC 9110 8.6", "a length that is a list", carrying(posting.with("content-length", "3, 3"), ""), refused, nothing, ""},
	{"RFC 9110 8.6", "a length with a sign", carrying(posting.with("content-length", "+3"), ""), refused, nothing, ""},
	{"RFC 9110 8.6", "a length below nothing", carrying(posting.with("content-length", "-1"), ""), refused, nothing, ""},
	{"RFC 9110 8.6", "a length in hexadecimal", carrying(posting.with("content-length", "0x3"), ""), refused, nothing, ""},
	{"RFC 9110 8.6", "a length that is no number", carrying(posting.with("content-length", "three"), ""), refused, nothing, ""},
	{"RFC 9110 8.6", "an empty length", carrying(posting.with("content-length", ""), ""), refused, nothing, ""},
	{"RFC 9110 8.6", "a length beyond 63 bits", carrying(posting.with("content-length", "9223372036854775808"), ""), refused, nothing, ""},

	// trailers
	{"8.1", "trailers", h2Request{head: posting.with("trailer", "x-sum"), data: []string{"abc"}, trailer: fields{"x-sum", "kept"}}, "200", whole, "POST / a.example"},
	{"RFC 9110 6.5.1", "forbidden trailers", h2Request{head: posting.with("trailer", "cookie, x-session-moved, x_session_moved, x-forwarded-for"), data: []string{"abc"},
		trailer: fields{"cookie", "forged", "x-session-moved", "forged", "x_session_moved", "forged", "x-forwarded-for", "forged"}}, "200", whole, "POST / a.example"},
	{"RFC 9110 6.5.1", "trailers that were not announced", h2Request{head: posting, data: []string{"abc"}, trailer: fields{"content-length", "9", "x-session-moved", "forged"}}, "200", whole, "POST / a.example"},
	{"RFC 9110 6.5.1", "a trailer that frames", h2Request{head: posting.with("trailer", "x-a"), data: []string{"abc"}, trailer: fields{"content-length", "9"}}, malformed, begun, ""},
	{"RFC 9110 6.5.1", "a trailer that frames otherwise", h2Request{head: posting.with("trailer", "x-a"), data: []string{"abc"}, trailer: fields{"transfer-encoding", "chunked"}}, malformed, begun, ""},
	{"RFC 9110 6.5.1", "a trailer that routes", h2Request{head: posting.with("trailer", "x-a"), data: []string{"abc"}, trailer: fields{"host", "b.example"}}, malformed, begun, ""},
	{"8.1", "a pseudo-header field among trailers", h2Request{head: posting, data: []string{"abc"}, trailer: fields{":path", "/forged"}}, malformed, begun, ""},
	{"8.2.1", "a trailer with CR LF", h2Request{head: posting.with("trailer", "x-a"), data: []string{"abc"}, trailer: fields{"x-a", "1\r\nforged: 1"}}, malformed, begun, ""},
	{"8.2.1", "a trailer with a capital", h2Request{head: posting.with("trailer", "x-a"), data: []string{"abc"}, trailer: fields{"X-A", "1"}}, malformed, begun, ""},
	{"8.1", "an announcement that is no name", h2Request{head: posting.with("trailer", "a b, \x80, x-a"), data: []string{"abc"}, trailer: fields{"x-a", "kept"}}, "200", whole, "POST / a.example"},

	// size
	{"10.5.1", "a section that is too large", just(getting.with(strings.Split(strings.Repeat("x-a,1,", 1000)+"x-a,1", ",")...)), "431", nothing, ""},
	{"10.5.1", "a field that is too large", just(getting.with("x-a", strings.Repeat("x", 40<<10))), "gone", nothing, ""},
	{"10.5.1", "too many fields", just(getting.with(strings.Split(strings.Repeat("x-a,1,", 101)+"x-a,1", ",")...)), "431", nothing, ""},
	{"10.5.1", "a section that is far too large", just(getting.with("x-a", strings.Repeat("x", 400<<10))), "gone", nothing, ""},
}

func TestWhatComesOverHTTP2ArrivesAsOneRequestOrNotAtAll(t *testing.T) {
	rec := newRecorder(t)
	u, secure := startH2(t, binary(t), rec.pool())
	for scheme, address := range map[string]string{"http": strings.TrimPrefix(u.url, "http://"), "https": secure} {
		for _, c := range h2Cases {
			t.Run(scheme+"/"+c.name, func(t *testing.T) {
				if scheme == "https" && c.head[3] == "http" {
					c.head = c.head.with(":scheme", scheme)
				}
				if c.arrives == begun {
					c.head = c.head.with(givenUp, "1")
				}
				conn := dialH2(t, address, scheme == "https")
				if got := conn.ask(t, c.h2Request); got != c.outcome {
					t.Errorf("got %s, want %s (%s)", got, c.outcome, c.rfc)
				}
				if c.outcome == "gone" {
					conn = dialH2(t, address, scheme == "https")
				}
				// On the same connection, which must be none the worse for it, comes what every request before must have preceded.
				if got := conn.ask(t, just(getting.with(":scheme", scheme, ":path", "/last"))); got != "200" {
					t.Fatalf("a good request behind it: got %s, want 200", got)
				}
				c.check(t, scheme, rec.before(t, "GET /last "))
			})
		}
	}
}

func TestTheSchemeThatAClientClaimsIsNotBelieved(t *testing.T) {
	rec := newRecorder(t)
	u, secure := startH2(t, binary(t), rec.pool())
	for scheme, address := range map[string]string{"http": strings.TrimPrefix(u.url, "http://"), "https": secure} {
		conn := dialH2(t, address, scheme == "https")
		for _, claim := range []string{"http", "https"} {
			if got := conn.ask(t, just(getting.with(":scheme", claim))); got != "200" {
				t.Errorf("got %s, want 200", got)
			}
			got, want := bytes.Join(rec.take(), nil), "X-Forwarded-Proto: "+scheme+"\r\n"
			if !bytes.Contains(got, []byte(want)) || !bytes.Contains(got, []byte("proto="+scheme+"\r\n")) {
				t.Errorf("%s claimed over %s: the backend got %q", claim, scheme, got)
			}
		}
	}
}

// check holds what the backend got against what it should.
func (c *h2Case) check(t *testing.T, scheme string, got [][]byte) {
	t.Helper()
	switch {
	case c.arrives != whole && len(got) > 0:
		t.Fatalf("the backend got %q, want nothing (%s)", got, c.rfc)
	case c.arrives != whole:
		return
	case len(got) != 1:
		t.Fatalf("the backend got %q, want one request (%s)", got, c.rfc)
	}
	raw := got[0]
	if err := oneRequest(raw); err != nil {
		t.Fatalf("the backend got %q: %v (%s)", raw, err, c.rfc)
	}
	if request, _, _ := parseRequest(raw); !strings.HasPrefix(request, cmp.Or(c.line, "GET / a.example")+" ") {
		t.Errorf("the backend got %s, want %s (%s)", request, cmp.Or(c.line, "GET / a.example"), c.rfc)
	}
	if bytes.Contains(raw, []byte("forged")) {
		t.Errorf("the backend got %q, with what was forged (%s)", raw, c.rfc)
	}
	sent := strings.Join(append(append(append([]string{}, c.head...), c.data...), c.trailer...), "")
	if strings.Contains(sent, "kept") && !bytes.Contains(raw, []byte("kept")) && !bytes.Contains(raw, []byte("ke\r\n2\r\npt")) {
		t.Errorf("the backend got %q, without what is to be kept (%s)", raw, c.rfc)
	}
	if want := "X-Forwarded-Proto: " + scheme + "\r\n"; !bytes.Contains(raw, []byte(want)) {
		t.Errorf("the backend got %q, without %q", raw, want)
	}
}

// startH2 runs usher with a listener for HTTP/1.1 and HTTP/2 without TLS, main, and one for both over TLS, whose address it returns.
func startH2(t *testing.T, bin, rest string) (u *usher, secure string) {
	t.Helper()
	ca, dir := newAuthority(t), t.TempDir()
	ca.issue(t, filepath.Join(dir, "a.pem"), filepath.Join(dir, "a.key"), 21, "a.example")
	listeners := strings.Replace(head, `"127.0.0.1:0"}}`, `"127.0.0.1:0", protocols: [h1, h2c]}, secure: {address: "127.0.0.1:0", tls: t}}`, 1)
	rest = fmt.Sprintf("tls_profiles: {t: {certificates: [{cert: %[1]s/a.pem, key: %[1]s/a.key}]}}\n", dir) + rest
	u = startHead(t, bin, listeners, rest)
	address := func(listener string) (found string) {
		u.await(t, 0, "the listener "+listener, func(line string) bool {
			var l logLine
			found = ""
			if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "listening" && l.Listener == listener {
				found = l.Address
			}
			return found != ""
		})
		return found
	}
	u.url = "http://" + address("main")
	return u, address("secure")
}
