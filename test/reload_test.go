package test

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"
)

func TestReloadsUnderLoadDropNothing(t *testing.T) {
	reloadUnderLoad(t, binary(t), long(100, 1000), func(int, *usher) {})
}

// What is alive is what the heap has just after a collection: the least of many looks. The binary is the one that is shipped: under the race
// detector memory means nothing.
func TestReloadsDoNotPileUpMemory(t *testing.T) {
	t.Setenv("GOGC", "10")              // collections are many, and end near what is alive
	const window, growth = 100, 2 << 10 // reloads, and KiB
	n := long(2000, 10000)
	early, late := math.MaxInt, math.MaxInt
	reloadUnderLoad(t, plainBinary(t), n, func(reloads int, u *usher) {
		heap := int(total(u.metric(t, "go_memstats_heap_alloc_bytes"))) >> 10
		switch {
		case reloads > window && reloads <= 2*window:
			early = min(early, heap)
		case reloads > n-window:
			late = min(late, heap)
		}
	})
	t.Logf("alive: %d KiB around the %dth reload, %d KiB around the %dth", early, window, late, n)
	if late > early+growth {
		t.Errorf("what is alive has grown from %d KiB to %d KiB", early, late)
	}
}

// reloadUnderLoad holds WebSockets open and sends requests without a pause while usher reloads n times between two files. every is called
// after each fifth reload, with how many there were.
func reloadUnderLoad(t *testing.T, bin string, n int, every func(reloads int, u *usher)) {
	const open = 500
	web := []string{echoServer(t), echoServer(t), echoServer(t)}
	few := fmt.Sprintf("routes: [{pool: web}]\npools: {web: {backends: [%q, %q]}}\n", web[0], web[1])
	more := fmt.Sprintf(`routes:
  - {match: {path: [/teapot]}, respond: {status: 418, body: short and stout}}
  - {pool: web}
pools: {web: {policy: least-conn, backends: [%q, {url: %q, weight: 3}, %q]}}
`, web[0], web[1], web[2])
	u := startBinary(t, bin, few)

	sockets := dial(t, u.url, open)
	before := u.metric(t, "usher_backend_in_flight")
	tr := load(t, u.url, 8)
	eventually(t, "usher is warm", func() bool { return t.Failed() || tr.answered.Load() > 2000 })
	for i := range n {
		u.reload(t, []string{more, few}[i%2])
		if i%5 == 4 {
			every(i+1, u)
		}
	}
	t.Logf("%d requests were answered meanwhile", tr.stop())

	var after map[string]float64
	eventually(t, "the sockets alone are in flight", func() bool {
		after = u.metric(t, "usher_backend_in_flight")
		return total(after) == open
	})
	maps.DeleteFunc(after, func(_ string, n float64) bool { return n == 0 }) // a backend that comes and goes
	if total(before) != open || !maps.Equal(before, after) {
		t.Errorf("in flight: got %v after the reloads, want %v", after, before)
	}
	for i, s := range sockets {
		if err := echo(s, fmt.Sprintf("socket %d", i)); err != nil {
			t.Fatalf("socket %d of %d: %v", i, open, err)
		}
	}
}

func total(samples map[string]float64) (sum float64) {
	for _, v := range samples {
		sum += v
	}
	return sum
}

// echoServer runs a backend that answers a request with its body, and on a WebSocket every message with itself. It returns the address.
func echoServer(t *testing.T) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !websocket.IsWebSocketUpgrade(r) {
			io.Copy(w, r.Body)
			return
		}
		echoSocket(w, r)
	})
}

// echoSocket answers every message on a WebSocket with itself.
func echoSocket(w http.ResponseWriter, r *http.Request) {
	var upgrader websocket.Upgrader
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	for {
		kind, msg, err := c.ReadMessage()
		if err != nil || c.WriteMessage(kind, msg) != nil {
			return
		}
	}
}

// serve runs an HTTP backend until the test ends and returns its address.
func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// dial opens n WebSockets, each of which has echoed once.
func dial(t *testing.T, url string, n int) []*websocket.Conn {
	t.Helper()
	all := make([]*websocket.Conn, n)
	for i := range all {
		c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/ws", nil)
		if err != nil {
			t.Fatalf("dial %d: %v", i, err)
		}
		t.Cleanup(func() { c.Close() })
		if err := echo(c, "hello"); err != nil {
			t.Fatalf("socket %d: %v", i, err)
		}
		all[i] = c
	}
	return all
}

// echo sends words and wants them back.
func echo(c *websocket.Conn, words string) error {
	if err := c.WriteMessage(websocket.TextMessage, []byte(words)); err != nil {
		return err
	}
	switch _, got, err := c.ReadMessage(); {
	case err != nil:
		return err
	case string(got) != words:
		return fmt.Errorf("got %q, want %q", got, words)
	}
	return nil
}

// traffic is requests that clients send without a pause.
type traffic struct {
	answered atomic.Int64
	quit     chan struct{}
	clients  sync.WaitGroup
}

// load has n clients send requests until stop. One that is not answered fails the test: they are POSTs, which neither this client nor a
// proxy may send twice.
func load(t *testing.T, url string, n int) *traffic {
	tr := &traffic{quit: make(chan struct{})}
	transport := &http.Transport{MaxIdleConnsPerHost: n}
	client := http.Client{Transport: transport, Timeout: patience}
	for range n {
		tr.clients.Go(func() {
			for i := 0; !closed(tr.quit); i++ {
				if err := post(&client, url, fmt.Sprintf("request %d", i)); err != nil {
					t.Errorf("request %d: %v", i, err)
					return
				}
				tr.answered.Add(1)
			}
		})
	}
	t.Cleanup(func() {
		tr.stop()
		transport.CloseIdleConnections()
	})
	return tr
}

// stop ends the traffic and returns how many requests were answered.
func (tr *traffic) stop() int64 {
	if !closed(tr.quit) {
		close(tr.quit)
	}
	tr.clients.Wait()
	return tr.answered.Load()
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// post sends words and wants them back.
func post(client *http.Client, url, words string) error {
	resp, err := client.Post(url, "text/plain", strings.NewReader(words))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || string(got) != words {
		return fmt.Errorf("got %s %q %v, want %q", resp.Status, got, err, words)
	}
	return nil
}

func TestABadFileChangesNothing(t *testing.T) {
	const gauge = "usher_config_last_reload_successful"
	good := fmt.Sprintf("routes: [{pool: web}]\npools: {web: {backends: [%q]}}\n", echoServer(t))
	u := start(t, good)
	tr := load(t, u.url, 4)
	if got := u.metric(t, gauge)[""]; got != 1 {
		t.Errorf("%s is %v at the start", gauge, got)
	}
	bad := map[string]string{
		"backedns":  strings.Replace(good, "backends", "backedns", 1),
		"nowhere":   strings.Replace(good, "pool: web", "pool: nowhere", 1),
		"no port":   strings.Replace(good, "[\"127.0.0.1:", "[\"127.0.0.1\", \"127.0.0.1:", 1),
		"usher.yam": good + "\t- [",
	}
	for word, file := range bad {
		said, ok := u.tryReload(t, file)
		if ok || !strings.Contains(said, word) {
			t.Errorf("a file with a fault was taken, or not explained with %q:\n%s\n%s", word, file, said)
		}
		if got := u.metric(t, gauge)[""]; got != 0 {
			t.Errorf("%s is %v after a refused reload", gauge, got)
		}
	}
	u.reload(t, good)
	if got := u.metric(t, gauge)[""]; got != 1 {
		t.Errorf("%s is %v after the file was mended", gauge, got)
	}
	if tr.stop() == 0 {
		t.Error("no request was answered meanwhile")
	}
}
