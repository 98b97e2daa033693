package std

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"usher/proxy"
)

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
	if got := f.next(); got.up != size || got.down != size {
		t.Errorf("counted %d up and %d down, want %d", got.up, got.down, size)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
