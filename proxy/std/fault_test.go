package std

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"usher/conf"
	"usher/proxy"
)

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
	got := f.next()
	if got.status != proxy.StatusClientGone || got.attempts != 1 {
		t.Errorf("got status %d after %d attempts (%v), want 499 after 1", got.status, got.attempts, got.err)
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
