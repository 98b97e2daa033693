package test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// How long is too long depends on the machine and on what else it does: the figures are for a reader. What must hold is that nothing fails.
func TestReloadsAndCollectionsUnderLoadFailNobody(t *testing.T) {
	const reloads = 50
	t.Setenv("GOGC", "10") // collections are many
	web := []string{echoServer(t), echoServer(t), echoServer(t)}
	files := []string{
		fmt.Sprintf("routes: [{pool: web}]\npools: {web: {backends: [%q, %q]}}\n", web[0], web[1]),
		fmt.Sprintf("routes: [{name: all, pool: web}]\npools: {web: {policy: p2c, backends: [%q, %q, %q]}}\n", web[0], web[1], web[2]),
	}
	u := startBinary(t, plainBinary(t), files[0])
	dial(t, u.url, long(100, 1000)) // something to collect
	c := chase(t, u.url, 2)
	eventually(t, "usher is warm", func() bool { return c.count() > 2000 })

	c.lap()
	began, was := time.Now(), u.collections(t)
	for i := range reloads {
		u.reload(t, files[(i+1)%2])
		eventually(t, "more is answered", func() bool { return t.Failed() || c.count() > 100*i })
	}
	collected, took, during := u.collections(t)-was, time.Since(began), c.lap()
	eventually(t, "as much is answered without reloads", func() bool { return t.Failed() || c.count() >= len(during) })
	c.stop()
	t.Logf("waits of clients that send as soon as they are answered, with %d reloads and %v collections in %v: %v", reloads, collected, took, during)
	t.Logf("without reloads: %v", c.lap())
	t.Logf("pauses of the collector, in seconds: %v", u.metric(t, "go_gc_duration_seconds"))
}

// collections returns how often usher has collected garbage.
func (u *usher) collections(t *testing.T) float64 {
	t.Helper()
	return total(u.metric(t, "go_gc_duration_seconds_count"))
}

// chasers are clients that send a request as soon as the one before is answered, on one connection each.
type chasers struct {
	stopwatch
	quit    chan struct{}
	clients sync.WaitGroup
}

// chase has n clients run until stop. A request that is not answered fails the test.
func chase(t *testing.T, url string, n int) *chasers {
	c := &chasers{quit: make(chan struct{})}
	for range n {
		c.clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
			defer client.CloseIdleConnections()
			for began := time.Now(); !closed(c.quit); {
				if err := post(client, url, "words"); err != nil {
					t.Error(err)
					return
				}
				now := time.Now()
				c.add(now.Sub(began))
				began = now
			}
		})
	}
	t.Cleanup(c.stop)
	return c
}

func (c *chasers) stop() {
	if !closed(c.quit) {
		close(c.quit)
	}
	c.clients.Wait()
}
