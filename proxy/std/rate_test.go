package std

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy"
)

// sender is a client that sends its body at a pace of its own, and the server's side of its connection: reads end at the deadline.
type sender struct {
	*httptest.ResponseRecorder
	chunk    int           // bytes a read
	every    time.Duration // what a chunk takes
	chunks   int
	deadline time.Time
}

func (s *sender) SetReadDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *sender) Read(p []byte) (int, error) {
	if s.chunks == 0 {
		return 0, io.EOF
	}
	if left := time.Until(s.deadline); !s.deadline.IsZero() && left < s.every {
		time.Sleep(left)
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(s.every)
	s.chunks--
	return min(s.chunk, len(p)), nil
}

func (*sender) Close() error { return nil }

// body is the request body of a flight of s with that minimum rate.
func (s *sender) body(minRate int64) *requestBody {
	f := &flight{w: s, r: &http.Request{Body: s}}
	f.Limits.MinRate = minRate
	return newRequestBody(f, nil)
}

func TestASlowBodyHasItsGraceAndWhatItsBytesEarn(t *testing.T) {
	const rate = 240
	for name, c := range map[string]struct {
		sender sender
		slow   bool
		after  time.Duration // when the body ended, one way or the other
	}{
		"nothing":                {sender{chunk: 1, every: time.Hour, chunks: 1}, true, 10 * time.Second},
		"nothing for 10 s":       {sender{chunk: 1, every: 10 * time.Second, chunks: 1}, false, 10 * time.Second},
		"a little over 10 s":     {sender{chunk: 1, every: 10*time.Second + time.Nanosecond, chunks: 1}, true, 10 * time.Second},
		"the rate for an hour":   {sender{chunk: rate, every: time.Second, chunks: 3600}, false, time.Hour},
		"half the rate":          {sender{chunk: rate, every: 2 * time.Second, chunks: 3600}, true, 19 * time.Second},
		"much, and then nothing": {sender{chunk: 60 * rate, every: 9 * time.Second, chunks: 9}, false, 81 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.sender.ResponseRecorder = httptest.NewRecorder()
				began := time.Now()
				_, err := io.Copy(io.Discard, struct{ io.Reader }{c.sender.body(rate)})
				if errors.Is(err, proxy.ErrSlowBody) != c.slow || !c.slow && err != nil || time.Since(began) != c.after {
					t.Errorf("got %v after %v, want too slow %v after %v", err, time.Since(began), c.slow, c.after)
				}
			})
		})
	}
}

func TestTimeInWhichTheBackendTakesNothingIsNotTheClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{ResponseRecorder: httptest.NewRecorder(), chunk: 1, every: 4 * time.Second, chunks: 10}
		b := s.body(240)
		for i := range 2 {
			if _, err := b.Read(make([]byte, 1)); err != nil {
				t.Fatalf("read %d: %v", i, err)
			}
			time.Sleep(time.Hour)
		}
		began := time.Now()
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, proxy.ErrSlowBody) {
			t.Errorf("after 8 s of waiting for the client: got %v, want too slow", err)
		}
		if took := time.Since(began); took < 2*time.Second || took > 2*time.Second+10*time.Millisecond {
			t.Errorf("the third read took %v, want the 2 s that were left and what two bytes earned", took)
		}
	})
}

func TestABodyThatHasEndedLeavesNoDeadline(t *testing.T) {
	for rate, set := range map[int64]bool{240: true, 0: false} {
		s := &sender{ResponseRecorder: httptest.NewRecorder(), chunk: 1, chunks: 1}
		b := s.body(rate)
		b.Read(make([]byte, 1))
		if got := !s.deadline.IsZero(); got != set {
			t.Errorf("rate %d: a deadline while the body is read: %v, want %v", rate, got, set)
		}
		if _, err := b.Read(make([]byte, 1)); err != io.EOF || !s.deadline.IsZero() {
			t.Errorf("rate %d: got %v and deadline %v at the end", rate, err, s.deadline)
		}
	}
}

func TestASlowBodyIsAnsweredWith408(t *testing.T) {
	b := backend(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	snapshot := setup{backends: []string{b}, listener: proxy.ListenerOptions{MinRate: 240}}.snapshot(t)
	told := make(seen, 1)
	plane := New(proxy.NewHandler(snapshot, told), slog.New(slog.DiscardHandler))
	defer plane.Close()
	w := &sender{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("half"), timeout{}))
	r.ContentLength = 10
	plane.newService(Options{Key: "main"}).ServeHTTP(w, r)
	if got := <-told; w.Code != 408 || !errors.Is(got.err, proxy.ErrSlowBody) || got.attempts != 1 {
		t.Errorf("got status %d after %d attempts (%v), want 408 after 1", w.Code, got.attempts, got.err)
	}
}

// timeout is a connection whose read deadline has passed.
type timeout struct{}

func (timeout) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }
