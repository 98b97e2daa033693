package test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// reading is what usher says of itself at one moment.
type reading struct {
	rss, heap   int // KiB: what the kernel counts, and what is allocated
	files       int // open file descriptors
	goroutines  int
	connections int           // of clients
	cpu         time.Duration // used since the start
}

// read reads the metrics once.
func (u *usher) read(t *testing.T) reading {
	t.Helper()
	text := u.scrape(t)
	one := func(name string) float64 { return total(samples(text, name)) }
	return reading{
		rss: int(one("process_resident_memory_bytes")) >> 10, heap: int(one("go_memstats_heap_alloc_bytes")) >> 10,
		files: int(one("process_open_fds")), goroutines: int(one("go_goroutines")), connections: int(one("usher_listener_connections")),
		cpu: time.Duration(one("process_cpu_seconds_total") * float64(time.Second)),
	}
}

// pulse is requests at a steady rate. One that is not answered fails the test.
type pulse struct {
	stopwatch
	client *http.Client
	quit   chan struct{}
	sends  sync.WaitGroup
}

// beat sends rate requests a second until stop, whether earlier ones have been answered or not.
func beat(t *testing.T, url string, rate int) *pulse {
	p := &pulse{quit: make(chan struct{}), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: rate}, Timeout: patience}}
	p.sends.Go(func() {
		due := time.NewTicker(time.Second / time.Duration(rate))
		defer due.Stop()
		for i := 0; ; i++ {
			select {
			case <-p.quit:
				return
			case at := <-due.C:
				p.sends.Go(func() { p.send(t, url, i, at) })
			}
		}
	})
	t.Cleanup(p.stop)
	return p
}

func (p *pulse) send(t *testing.T, url string, i int, at time.Time) {
	if err := post(p.client, url, fmt.Sprintf("beat %d", i)); err != nil {
		t.Errorf("beat %d: %v", i, err)
		return
	}
	p.add(time.Since(at))
}

// stop ends the requests and their connections.
func (p *pulse) stop() {
	if !closed(p.quit) {
		close(p.quit)
	}
	p.sends.Wait()
	p.client.CloseIdleConnections()
}

// stopwatch keeps how long answers took. Many clients may add to it.
type stopwatch struct {
	mu   sync.Mutex
	took times
}

func (s *stopwatch) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, d)
}

// count returns how many answers there were since the last lap.
func (s *stopwatch) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.took)
}

// lap returns what the answers since the last lap took.
func (s *stopwatch) lap() times {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := s.took
	s.took = nil
	return took
}

// times are how long things took.
type times []time.Duration

// String tells how many there are, the median, the 99th percentile and the longest.
func (s times) String() string {
	if len(s) == 0 {
		return "none"
	}
	s = slices.Sorted(slices.Values(s))
	at := func(percent int) time.Duration { return s[(len(s)-1)*percent/100].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%d, p50 %v, p99 %v, longest %v", len(s), at(50), at(99), at(100))
}

func TestTimesTellTheirPercentiles(t *testing.T) {
	var s times
	for i := range 201 {
		s = append(s, time.Duration(200-i)*time.Millisecond)
	}
	if got, want := s.String(), "201, p50 100ms, p99 198ms, longest 200ms"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// tape is the same bytes for everybody: Read plays them without an end, Write compares what is written with them.
type tape struct{ at int }

// errTape means that what was written differs from the tape.
var errTape = errors.New("another byte than was sent")

var recorded = func() []byte {
	b := make([]byte, 65521) // a prime: what is lost or moved shows, whatever the size of the pieces
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}()

func (p *tape) Read(b []byte) (int, error) {
	n := copy(b, recorded[p.at:])
	p.at = (p.at + n) % len(recorded)
	return n, nil
}

func (p *tape) Write(b []byte) (n int, err error) {
	for n < len(b) {
		part := recorded[p.at:]
		part = part[:min(len(part), len(b)-n)]
		if string(part) != string(b[n:n+len(part)]) {
			return n, fmt.Errorf("%w, within %d of %d", errTape, len(part), p.at)
		}
		n += len(part)
		p.at = (p.at + len(part)) % len(recorded)
	}
	return n, nil
}

// play returns the first n bytes of the tape.
func play(n int64) io.Reader { return io.LimitReader(&tape{}, n) }

// compare reads r to its end and returns how long it was. An error says that it differs from the tape, or was cut.
func compare(r io.Reader) (int64, error) { return io.CopyBuffer(&tape{}, r, make([]byte, 256<<10)) }

func TestATapeComparesWhatItPlays(t *testing.T) {
	if n, err := compare(play(200_000)); n != 200_000 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	late := play(200_000)
	io.CopyN(io.Discard, late, 1)
	if _, err := compare(late); err == nil {
		t.Error("a byte is missing, and nobody noticed")
	}
}
