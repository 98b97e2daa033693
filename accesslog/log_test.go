package accesslog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"usher/conf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reports collects what a log reports.
type reports struct {
	mu  sync.Mutex
	all []error
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, err)
}

func (r *reports) get() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

func to(file string) Config { return Config{Enabled: true, Format: "json", Output: file, Sample: 100} }

// begin returns a log to a file in a directory of its own.
func begin(t *testing.T) (l *Log, file string, r *reports) {
	t.Helper()
	file, r = filepath.Join(t.TempDir(), "access.log"), &reports{}
	l, err := New(to(file), r.add)
	if err != nil {
		t.Fatal(err)
	}
	return l, file, r
}

// end has l write what is waiting and close its output.
func end(l *Log) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l.Run(ctx)
}

// log hands over an exchange with that path and status.
func log(l *Log, path string, status int) {
	x := exchange()
	x.Received, x.Response.Status = path, status
	l.Observe(x)
}

// paths reads the paths of the lines in a file, each of which must be whole.
func paths(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for l := range bytes.Lines(text) {
		var entry struct{ Path string }
		if err := json.Unmarshal(l, &entry); err != nil || l[len(l)-1] != '\n' {
			t.Fatalf("not a line: %q", l)
		}
		all = append(all, entry.Path)
	}
	return strings.Join(all, " ")
}

func TestLinesAreThereWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, file, _ := begin(t)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { l.Run(ctx) })
		log(l, "/a", 200)
		time.Sleep(time.Second) // of the bubble's clock
		synctest.Wait()
		if got := paths(t, file); got != "/a" {
			t.Errorf("got %q after a second", got)
		}
		log(l, "/b", 200)
		cancel()
		running.Wait()
		if got := paths(t, file); got != "/a /b" {
			t.Errorf("got %q at the end", got)
		}
	})
}

func TestAFullBufferIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, file, _ := begin(t)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { l.Run(ctx) })
		log(l, strings.Repeat("x", worthWriting), 200)
		synctest.Wait() // the clock stands still
		if info, err := os.Stat(file); err != nil || info.Size() < worthWriting {
			t.Errorf("got %v, %v", info.Size(), err)
		}
		cancel()
		running.Wait()
	})
}

func TestFilesAreAppendedToAndNotForEveryone(t *testing.T) {
	l, file, _ := begin(t)
	log(l, "/a", 200)
	end(l)
	l, err := New(to(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	log(l, "/b", 200)
	end(l)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o137 != 0 {
		t.Errorf("got mode %v, %v", info.Mode(), err)
	}
	if got := paths(t, file); got != "/a /b" {
		t.Errorf("got %q", got)
	}
}

func TestReopenFollowsARotation(t *testing.T) {
	l, file, _ := begin(t)
	log(l, "/a", 200)
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	log(l, "/b", 200)
	end(l)
	if old, now := paths(t, file+".1"), paths(t, file); old != "/a" || now != "/b" {
		t.Errorf("got %q in the old file and %q in the new", old, now)
	}
}

func TestAnOutputThatCannotBeOpenedChangesNothing(t *testing.T) {
	l, file, _ := begin(t)
	bad := to(filepath.Join(file, "nowhere"))
	bad.Sample = 0
	if err := l.Configure(bad); err == nil || !strings.Contains(err.Error(), "open access log: ") {
		t.Errorf("got %v", err)
	}
	log(l, "/a", 200)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	kept, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", l.out.file.Fd()))
	if err != nil {
		t.Skip(err)
	}
	defer kept.Close()
	if err := l.Reopen(); err == nil {
		t.Error("a directory was opened as a file")
	}
	log(l, "/b", 200)
	end(l)
	if text, _ := io.ReadAll(kept); !bytes.Contains(text, []byte(`"/a"`)) || !bytes.Contains(text, []byte(`"/b"`)) {
		t.Errorf("got %q in the old file", text)
	}
}

func TestConfigureMovesToAnotherFile(t *testing.T) {
	l, file, _ := begin(t)
	log(l, "/a", 200)
	if err := l.Configure(to(file + ".b")); err != nil {
		t.Fatal(err)
	}
	log(l, "/b", 200)
	if err := l.Configure(Config{}); err != nil {
		t.Fatal(err)
	}
	log(l, "/c", 200)
	end(l)
	if old, now := paths(t, file), paths(t, file+".b"); old != "/a" || now != "/b" {
		t.Errorf("got %q in the old file and %q in the new", old, now)
	}
}

func TestSampleIsAShareAndServerErrorsAreAlwaysLogged(t *testing.T) {
	const n = 10000
	for _, sample := range []int{0, 20, 100} {
		l, file, _ := begin(t)
		cfg := to(file)
		cfg.Sample = conf.Percent(sample)
		if err := l.Configure(cfg); err != nil {
			t.Fatal(err)
		}
		for range n {
			log(l, "/", 499)
		}
		log(l, "/5xx", 500)
		end(l)
		got := strings.Fields(paths(t, file))
		if want := n * sample / 100; len(got)-1 < want*9/10 || len(got)-1 > want*11/10 {
			t.Errorf("%d%%: got %d lines of %d", sample, len(got)-1, n)
		}
		if len(got) == 0 || got[len(got)-1] != "/5xx" {
			t.Errorf("%d%%: the server error is missing", sample)
		}
	}
}

func TestAFullDiskIsReportedOnceAndOver(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	l, file, r := begin(t)
	if err := l.Configure(to("/dev/full")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		log(l, "/lost", 200)
		log(l, "/lost", 200)
		l.Reopen() // writes what is waiting
	}
	if got := r.get(); len(got) != 1 || !errors.Is(got[0], syscall.ENOSPC) {
		t.Errorf("got reports %v", got)
	}
	if err := l.Configure(to(file)); err != nil {
		t.Fatal(err)
	}
	log(l, "/a", 200)
	end(l)
	var over Recovered
	if got := r.get(); len(got) != 2 || !errors.As(got[1], &over) || over.Lost != 6 {
		t.Errorf("got reports %v", got)
	}
	if got := paths(t, file); got != "/a" {
		t.Errorf("got %q", got)
	}
}

// pipe makes l write to a pipe and returns its other end.
func pipe(t *testing.T, l *Log) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	l.change.Lock()
	defer l.change.Unlock()
	l.replace(newOutput(w, false))
	return r
}

func TestAClosedPipeIsReportedOnce(t *testing.T) {
	l, _, r := begin(t)
	pipe(t, l).Close()
	for range 3 {
		log(l, "/lost", 200)
		l.out.flush(l)
	}
	end(l)
	if got := r.get(); len(got) != 2 || !errors.Is(got[0], syscall.EPIPE) || got[1] != (ended{3}) {
		t.Errorf("got reports %v", got)
	}
}

func TestAPipeThatNobodyReadsCostsLinesAndNotRequests(t *testing.T) {
	const n = 200
	l, _, r := begin(t)
	read := pipe(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	for range n {
		log(l, strings.Repeat("x", worthWriting), 200)
	}
	got := make(chan int)
	go func() {
		text, _ := io.ReadAll(read)
		got <- bytes.Count(text, newline)
	}()
	cancel()
	running.Wait()
	lost := n - <-got
	reported := r.get()
	if lost == 0 || lost == n || len(reported) < 2 || !errors.Is(reported[0], errSlow) || reported[len(reported)-1] != (ended{lost}) {
		t.Errorf("%d of %d lines were lost, reports: %v", lost, n, reported)
	}
}

func TestATornLineIsEndedBeforeTheNext(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	o := newOutput(f, false)
	o.torn = true
	f.WriteString(`{"half":`)
	if lost, err := o.write([]byte("{}\n")); lost != 0 || err != nil || o.torn {
		t.Errorf("got %d, %v", lost, err)
	}
	o.close()
	if text, _ := os.ReadFile(file); string(text) != "{\"half\":\n{}\n" {
		t.Errorf("got %q", text)
	}
}

func TestConcurrentLinesAreWholeAndAllThere(t *testing.T) {
	const workers, each = 8, 500
	l, file, r := begin(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running, all sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	for shard := range workers {
		all.Go(func() {
			x := exchange()
			x.Shard = shard / 2
			for i := range each {
				l.Observe(x)
				if i%100 == 0 {
					if err := l.Reopen(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	cancel()
	running.Wait()
	if got := len(strings.Fields(paths(t, file))); got != workers*each || len(r.get()) != 0 {
		t.Errorf("got %d lines, want %d; reports %v", got, workers*each, r.get())
	}
}

func TestALogThatIsOffWritesNothing(t *testing.T) {
	l, err := New(Config{Output: "/nonexistent/access.log"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	log(l, "/", 500)
	if got, _ := l.lines.take(nil); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	end(l)
}

func TestALineGoesToTheShardOfItsExchange(t *testing.T) {
	l, _, _ := begin(t)
	x := exchange()
	x.Shard = shards + 3
	l.Observe(x)
	if len(l.lines.shards[3].pending) != 1 {
		t.Error("it is not there")
	}
	end(l)
}

func TestStandardOutputsAreNotClosed(t *testing.T) {
	for name, file := range map[string]*os.File{"stdout": os.Stdout, "stderr": os.Stderr} {
		l, err := New(to(name), nil)
		if err != nil {
			t.Fatal(err)
		}
		end(l)
		if _, err := file.Stat(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
