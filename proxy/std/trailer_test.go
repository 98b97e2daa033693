package std

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"usher/proxy"
)

// notForTrailers are fields that no trailer section may bring to the other side, whatever it is announced as.
var notForTrailers = []string{
	"X-Forwarded-For", "X-Forwarded-Anything", "x_forwarded.proto", "X-Session-Assertion", "X_Session.Moved", "Set-Cookie", "Cookie", "Authorization",
	"Content-Type", "Host", "Connection", "Keep-Alive", "TE", "Upgrade",
}

// unannounced are those that net/http does not let a message announce.
var unannounced = []string{"Content-Length", "Transfer-Encoding", "Trailer"}

func lines(names []string, value string) string {
	var out strings.Builder
	for _, n := range names {
		out.WriteString(n + ": " + value + "\r\n")
	}
	return out.String()
}

func TestNoTrailerOfARequestBringsWhatIsNotTheClientsToSay(t *testing.T) {
	got := make(chan http.Header, 1)
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		got <- r.Trailer
	})
	f := start(t, setup{backends: []string{b}, route: func(r *proxy.RouteConfig) { r.Headers.Request.Set = map[string]string{"X-Tenant": "shop"} }})
	for _, announced := range []string{"", "Trailer: X-Good, " + strings.Join(notForTrailers, ", ") + "\r\n"} {
		f.raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + announced + "Connection: close\r\n\r\n5\r\nhello\r\n0\r\n" +
			"X-Good: yes\r\n" + lines(notForTrailers, "forged") + lines(unannounced, "forged") +
			"X-Tenant: forged\r\nx_tenant: forged\r\n\r\n")
		if trailer := fmt.Sprint(<-got); trailer != "map[X-Good:[yes]]" {
			t.Errorf("announced by %q: got trailers %s, want X-Good alone", announced, trailer)
		}
	}
}

func TestNoTrailerOfAResponseBringsWhatIsNotTheBackendsToSay(t *testing.T) {
	for _, announced := range []string{"", "Trailer: X-Good, " + strings.Join(notForTrailers, ", ") + "\r\n"} {
		b := rawBackend(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"+announced+"\r\n5\r\nhello\r\n0\r\n"+
			"X-Good: yes\r\n"+lines(notForTrailers, "secret")+lines(unannounced, "7")+"\r\n")
		got := start(t, setup{backends: []string{b}}).raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		_, trailer, _ := strings.Cut(got, "hello\r\n0\r\n")
		if trailer != "X-Good: yes\r\n\r\n" {
			t.Errorf("announced by %q: got %q, whose trailers are not X-Good alone", announced, got)
		}
	}
}
