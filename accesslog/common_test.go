package accesslog

import (
	"net/netip"
	"regexp"
	"testing"
	"time"

	"usher/proxy"
)

func TestTheCommonFormatIsOneLineOfItsGrammar(t *testing.T) {
	x := &proxy.Exchange{Received: "/a b\"\\\n\x1b[31mé", ClientIP: netip.MustParseAddr("2001:db8::1"), Start: time.Unix(0, 0), ResponseBytes: 2326}
	x.Request.Method, x.Request.Proto, x.Response.Status = "GET", "HTTP/1.1", 200
	got := string(appendCommon(nil, x))
	want := `2001:db8::1 - - [01/Jan/1970:00:00:00 +0000] "GET /a\x20b\"\\\x0a\x1b[31m\xc3\xa9 HTTP/1.1" 200 2326` + "\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func FuzzCommon(f *testing.F) {
	grammar := regexp.MustCompile(`^- - - \[[^]]+\] "(\\.|[^"\\\s])* (\\.|[^"\\\s])* (\\.|[^"\\\s])*" 0 0\n$`)
	f.Add("GET", "/\"\n", "HTTP/1.1")
	f.Fuzz(func(t *testing.T, method, path, proto string) {
		x := &proxy.Exchange{Received: path}
		x.Request.Method, x.Request.Proto = method, proto
		if got := string(appendCommon(nil, x)); !grammar.MatchString(got) {
			t.Errorf("%q %q %q: got %q", method, path, proto, got)
		}
	})
}
