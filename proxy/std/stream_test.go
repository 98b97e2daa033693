package std

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestEventsAreSentOnAtOnce(t *testing.T) {
	next := make(chan struct{})
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			<-next
		}
	})
	f := start(t, setup{backends: []string{b}})
	resp, err := http.Get("http://" + f.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 { // each event arrives before the next is allowed
		line, err := lines.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("got %q, %v", line, err)
		}
		lines.ReadString('\n')
		next <- struct{}{}
	}
}

func TestTunnelsOpenOnlyForWhatTheRouteAllows(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			fmt.Fprint(w, "plain")
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nX-Session-Patch: secret\r\n\r\n", r.Header.Get("Upgrade"))
		io.Copy(c, rw)
	})
	f := start(t, setup{backends: []string{b}})
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nearly")
	r := bufio.NewReader(c)
	var head strings.Builder
	for line := ""; line != "\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		head.WriteString(line)
	}
	has(t, head.String(), "101 Switching", "Upgrade: websocket")
	hasNot(t, head.String(), "secret")
	io.WriteString(c, " and late")
	c.(*net.TCPConn).CloseWrite()
	rest, _ := io.ReadAll(r)
	if string(rest) != "early and late" {
		t.Errorf("through the tunnel: got %q", rest)
	}
	c.Close()
	has(t, f.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: other\r\n\r\n"), "200 OK", "plain")
	has(t, f.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n"), "200 OK", "plain")
}
