//go:build linux

package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/bench/load"
)

// TestMain makes the test binary the bench, for the processes that it starts of itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "load" || os.Args[1] == "backend") {
		main()
		return
	}
	os.Exit(m.Run())
}

// backends starts the backends, without a proxy in front, and returns the port of the first.
func backends(t *testing.T) int {
	t.Helper()
	if _, err := exec.LookPath("taskset"); err != nil {
		t.Skip("taskset is not installed")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{self: self}
	if err := b.startBackends(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	if len(b.backends) != 3 {
		t.Fatalf("got backends at %v, want three", b.backends)
	}
	return b.backends[0]
}

// do runs the generator.
func do(t *testing.T, job load.Job) (load.Result, error) {
	t.Helper()
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	out, failed := exec.Command(os.Args[0], "load", string(text)).Output()
	var result load.Result
	if failed == nil {
		if err := json.Unmarshal(out, &result); err != nil {
			t.Fatal(err)
		}
	}
	return result, failed
}

func TestTheGeneratorIsAnswered(t *testing.T) {
	port := backends(t)
	cookies := filepath.Join(t.TempDir(), "cookies")
	if err := os.WriteFile(cookies, []byte("a=1\nb=2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	upgrade := request("/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
	for name, job := range map[string]load.Job{
		"closed loop": {Head: request("/")},
		"cookies":     {Head: request("/"), Cookies: cookies, Draw: true},
		"100 KiB":     {Head: request("/100k")},
		"1 MiB":       {Head: request("/1m")},
		"messages":    {Head: upgrade, WebSocket: true},
	} {
		t.Run(name, func(t *testing.T) {
			job.Port, job.Connections, job.Duration = port, 8, 500*time.Millisecond
			got, err := do(t, job)
			if err != nil {
				t.Fatal(err)
			}
			if got.Requests == 0 || got.Errors > 0 || got.P50 <= 0 || got.P99 < got.P50 || got.Seconds < 0.1 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAFixedRateIsNotExceeded(t *testing.T) {
	got, err := do(t, load.Job{Port: backends(t), Head: request("/"), Connections: 4, Rate: 1000, Duration: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if most := uint64(got.Seconds*1000) + 1; got.Requests > most || got.Requests == 0 || got.Errors > 0 {
		t.Errorf("got %+v, want %d requests at most", got, most)
	}
}

func TestRequestsThatFailEndTheRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"))
			c.Close()
		}
	}()
	_, err = do(t, load.Job{Port: l.Addr().(*net.TCPAddr).Port, Head: request("/"), Connections: 2, Duration: time.Minute})
	l.Close()
	<-done
	if exit, ok := err.(*exec.ExitError); !ok || !strings.Contains(string(exit.Stderr), "too many requests fail") {
		t.Errorf("got %v, want a run that ends", err)
	}
}

func TestTheBackendAnswersInTurn(t *testing.T) {
	c, err := dial(backends(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	_ = c.conn.SetDeadline(time.Now().Add(30 * time.Second))
	post := "POST /up HTTP/1.1\r\ncontent-length: 100000\r\n\r\n" + strings.Repeat("x", 100000)
	go func() { _, _ = c.conn.Write([]byte(post + request("/") + "\r\n" + request("/100k") + "\r\n")) }()
	for _, length := range []int{200, 200, 100 << 10} {
		status, err := c.in.ReadLine()
		if err != nil || status != "HTTP/1.1 200 OK" {
			t.Fatalf("got %q, %v", status, err)
		}
		if fields, err := c.in.ReadMIMEHeader(); err != nil || fields.Get("Content-Length") != strconv.Itoa(length) {
			t.Fatalf("got %v, %v, want %d bytes", fields, err, length)
		}
		if _, err := c.in.R.Discard(length); err != nil {
			t.Fatal(err)
		}
	}
}
