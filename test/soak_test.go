package test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// soakHead has usher let go of what is idle while the test waits.
const soakHead = `listeners: {main: {address: "127.0.0.1:0", timeouts: {read_header: 5s, idle: 5s}}}
admin: {listen: "127.0.0.1:0"}
logging: {format: json, access: {output: ` + os.DevNull + `}}
`

// soakFile is the configuration after the i-th reload.
func soakFile(backends []*mortal, i int) string {
	return fmt.Sprintf(`routes:
  - {name: tapes-%d, match: {path: [/length, /chunked]}, pool: web}
  - {pool: web, upgrade: [websocket, echo]}
pools: {web: {policy: %s, connect: {keepalive: 5s}, backends: [%q, %q, %q]}}
`, i%2, []string{"least-conn", "round-robin", "p2c"}[i%3], backends[0].address, backends[1].address, backends[2].address)
}

// What a reading may show more of at the end than at the start: it is taken over a connection, by goroutines.
const (
	spareFiles      = 2
	spareGoroutines = 8
)

// soakLength is how long the load lasts: what USHER_SOAK says, a few seconds without.
func soakLength(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("USHER_SOAK")
	if text == "" {
		return time.Duration(long(5, 120)) * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("USHER_SOAK: %v", err)
	}
	return d
}

// TestAMixedLoadLeavesNothingBehind has every kind of client come and go while the file is read again and backends die and come back, for as
// long as soakLength says. When they are gone, usher holds what it held before.
func TestAMixedLoadLeavesNothingBehind(t *testing.T) {
	t.Setenv("GOGC", "10") // the heap is near what is alive
	length := soakLength(t)
	backends := []*mortal{newMortal(t), newMortal(t), newMortal(t)}
	u := startHead(t, binary(t), soakHead, soakFile(backends, 0))
	cold := u.read(t)

	s := &soak{t: t, url: u.url, quit: make(chan struct{}), kinds: map[string]*outcome{}}
	defer s.stop()
	s.clients()
	s.often(min(10*time.Second, length/4), "backend", func(i int) error { return backends[i/2%len(backends)].dieOrRise(i%2 == 0) })
	seen := watch(t, u, length, func(i int) { u.reload(t, soakFile(backends, i)) })
	s.stop()
	s.report()
	seen.report(t)

	var end reading
	t.Logf("at the start: %v", cold)
	defer func() { t.Logf("at the end: %v", end) }()
	eventually(t, "usher holds what it held at the start", func() bool {
		end = u.read(t)
		return end.connections == cold.connections && end.files <= cold.files+spareFiles && end.goroutines <= cold.goroutines+spareGoroutines
	})
	if !raced && length >= time.Minute {
		seen.steady(t)
		settles(t, u, cold)
	}
}

// soak is a load of many kinds of clients.
type soak struct {
	t    *testing.T
	url  string
	quit chan struct{}
	all  sync.WaitGroup

	mu    sync.Mutex
	kinds map[string]*outcome
}

// outcome counts how clients of one kind have fared. Some fail: backends die while they are served.
type outcome struct {
	done, failed int
	last         error
}

// errWrong means that somebody got what can't be explained by a backend that died.
var errWrong = errors.New("wrong")

// often starts another client of a kind at each interval, until stop. f gets the client's number.
func (s *soak) often(interval time.Duration, kind string, f func(i int) error) {
	o := &outcome{}
	s.kinds[kind] = o
	s.all.Go(func() {
		due := time.NewTicker(interval)
		defer due.Stop()
		for i := 0; ; i++ {
			select {
			case <-s.quit:
				return
			case <-due.C:
				s.all.Go(func() { s.count(kind, o, f(i)) })
			}
		}
	})
}

func (s *soak) count(kind string, o *outcome, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		o.done++
		return
	}
	o.failed, o.last = o.failed+1, err
	if errors.Is(err, errWrong) && o.failed < 10 {
		s.t.Errorf("%s: %v", kind, err)
	}
}

// stop ends the load and returns when nobody is left.
func (s *soak) stop() {
	if !closed(s.quit) {
		close(s.quit)
	}
	s.all.Wait()
}

// report tells how each kind of client has fared, and fails the test where one has fared badly.
func (s *soak) report() {
	var names []string
	for name := range s.kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		o := s.kinds[name]
		s.t.Logf("%-24s %7d done %5d failed; last: %v", name, o.done, o.failed, o.last)
		if o.failed > 10+o.done/5 || o.done == 0 {
			s.t.Errorf("%s: %d done, %d failed", name, o.done, o.failed)
		}
	}
}
