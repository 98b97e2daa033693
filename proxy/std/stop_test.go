package std

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

func TestStopAnswersWhatIsUnderWayAndSaysClose(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(arrived)
			<-release
		}
		fmt.Fprint(w, "done")
	})
	f := start(t, setup{backends: []string{b}})
	idle, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	ask := func(c net.Conn) string {
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return fmt.Sprintf("%d close=%v", resp.StatusCode, resp.Close)
	}
	if got := ask(idle); got != "200 close=false" {
		t.Fatalf("before: got %s", got)
	}
	slow := make(chan string, 1)
	go func() { slow <- f.raw("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n") }()
	<-arrived
	f.listener.Close()
	for { // the plane learns of the close on its own goroutine
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			break
		}
		c.Close()
	}
	if got := ask(idle); got != "200 close=true" {
		t.Errorf("on a connection that was idle: got %s, want 200 close=true", got)
	}
	close(release)
	has(t, <-slow, "200 OK", "Connection: close", "done")
	if err := <-f.stopped; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	f.stopped <- nil
}
