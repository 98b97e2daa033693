//go:build unix

package accesslog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// tooLarge is a path whose line does not fit into a pipe.
var tooLarge = strings.Repeat("x", 2*worthWriting)

// within fails the test if f takes much longer than the second that an output is given.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(5 * patience):
		t.Fatalf("%s hangs", what)
	}
}

// standard makes l write to a pipe as to standard output, in blocking mode and not its own to close, and returns the other end.
func standard(t *testing.T, l *Log) (o *output, read *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		read.Close()
		write.Close()
	})
	write.Fd() // makes it block
	o = newOutput(write, true)
	l.change.Lock()
	defer l.change.Unlock()
	l.replace(o)
	return o, read
}

// run runs l until stop is called, which returns when l has ended.
func run(t *testing.T, l *Log) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	return func() {
		t.Helper()
		cancel()
		within(t, "the end of Run", running.Wait)
	}
}

// stick has l begin a line that read does not take.
func stick(t *testing.T, l *Log, read io.Reader) {
	t.Helper()
	log(l, tooLarge, 200)
	within(t, "the first byte", func() { io.ReadFull(read, make([]byte, 1)) })
}

// drain reads what is stuck, and waits for the output to end.
func drain(t *testing.T, o *output, read io.Reader) {
	t.Helper()
	select {
	case <-o.gone:
		t.Error("the output was not stuck")
	default:
	}
	var reading sync.WaitGroup
	reading.Go(func() { io.CopyN(io.Discard, read, int64(len(tooLarge))) })
	within(t, "an abandoned output", func() { <-o.gone })
	within(t, "its reader", reading.Wait)
}

func TestConfigureLeavesAStuckOutputBehind(t *testing.T) {
	t.Parallel()
	l, file, r := begin(t)
	stuck, read := standard(t, l)
	stop := run(t, l)
	stick(t, l, read)
	log(l, "/waiting", 200)
	within(t, "Configure", func() {
		if err := l.Configure(to(file + ".b")); err != nil {
			t.Error(err)
		}
	})
	log(l, "/a", 200)
	stop()
	if got := paths(t, file+".b"); got != "/waiting /a" {
		t.Errorf("got %q in the new file", got)
	}
	if got := r.get(); len(got) != 2 || !errors.Is(got[0], errStuck) || got[1] != (Recovered{1}) {
		t.Errorf("got reports %v", got)
	}
	drain(t, stuck, read)
}

func TestALogThatIsTurnedOffLeavesAStuckOutputBehind(t *testing.T) {
	t.Parallel()
	l, _, r := begin(t)
	stuck, read := standard(t, l)
	stop := run(t, l)
	stick(t, l, read)
	log(l, "/waiting", 200)
	within(t, "Configure", func() {
		if err := l.Configure(Config{}); err != nil {
			t.Error(err)
		}
	})
	if got := r.get(); len(got) != 2 || !errors.Is(got[0], errStuck) || got[1] != (ended{2}) {
		t.Errorf("got reports %v", got)
	}
	stop()
	drain(t, stuck, read)
}

func TestRunEndsThoughTheOutputIsStuck(t *testing.T) {
	t.Parallel()
	l, _, r := begin(t)
	stuck, read := standard(t, l)
	stop := run(t, l)
	stick(t, l, read)
	log(l, "/waiting", 200)
	stop()
	if got := r.get(); len(got) != 2 || !errors.Is(got[0], errStuck) || got[1] != (ended{2}) {
		t.Errorf("got reports %v", got)
	}
	drain(t, stuck, read)
}

func TestAnAbandonedOutputTakesAndReportsNothingMore(t *testing.T) {
	t.Parallel()
	l, file, r := begin(t)
	stuck, read := standard(t, l)
	log(l, tooLarge, 200)
	within(t, "Configure", func() {
		if err := l.Configure(to(file + ".b")); err != nil {
			t.Error(err)
		}
	})
	log(l, "/a", 200)
	drain(t, stuck, read)
	if got := r.get(); len(got) != 1 || !errors.Is(got[0], errStuck) {
		t.Errorf("got reports %v before a line was written again", got)
	}
	end(l)
	if got := paths(t, file+".b"); got != "/a" {
		t.Errorf("got %q in the new file", got)
	}
	if got := r.get(); len(got) != 2 || got[1] != (Recovered{1}) {
		t.Errorf("got reports %v", got)
	}
}

func TestLinesThatAreLostToAStuckOutputAreReportedWhileItIsStuck(t *testing.T) {
	t.Parallel()
	reported := make(chan error, 2)
	l, err := New(Config{}, func(err error) { reported <- err })
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Configure(to(os.DevNull)); err != nil {
		t.Fatal(err)
	}
	stuck, read := standard(t, l)
	stop := run(t, l)
	stick(t, l, read)
	for !l.lines.dropping() {
		log(l, tooLarge, 200)
	}
	within(t, "a report", func() {
		if err := <-reported; !errors.Is(err, errSlow) {
			t.Errorf("got %v", err)
		}
	})
	stop()
	drain(t, stuck, read)
}

// fifo makes a named pipe.
func fifo(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// reader opens the reading end of a named pipe.
func reader(t *testing.T, name string) *os.File {
	t.Helper()
	read, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close() })
	return read
}

func TestANamedPipeThatNobodyReadsIsRefused(t *testing.T) {
	l, file, _ := begin(t)
	within(t, "Configure", func() {
		err := l.Configure(to(fifo(t)))
		if !errors.Is(err, syscall.ENXIO) || !strings.Contains(err.Error(), "nobody reads the named pipe /") {
			t.Errorf("got %v", err)
		}
	})
	log(l, "/a", 200)
	end(l)
	if got := paths(t, file); got != "/a" {
		t.Errorf("got %q in the old file", got)
	}
}

func TestANamedPipeIsWrittenTo(t *testing.T) {
	l, _, r := begin(t)
	name := fifo(t)
	read := reader(t, name)
	if err := l.Configure(to(name)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		log(l, tooLarge, 200) // does not fit, and is waited for
	}
	got := make(chan int)
	go func() {
		text, _ := io.ReadAll(read)
		got <- bytes.Count(text, newline)
	}()
	end(l)
	if n := <-got; n != 2 || len(r.get()) != 0 {
		t.Errorf("got %d lines, reports %v", n, r.get())
	}
}

func TestReopenLeavesAStuckNamedPipeWhoseOutputEnds(t *testing.T) {
	t.Parallel()
	l, file, r := begin(t)
	name := fifo(t)
	read := reader(t, name)
	if err := l.Configure(to(name)); err != nil {
		t.Fatal(err)
	}
	stuck := l.out
	stop := run(t, l)
	stick(t, l, read)
	if err := os.Rename(file, name); err != nil { // a file is there now
		t.Fatal(err)
	}
	within(t, "Reopen", func() {
		if err := l.Reopen(); err != nil {
			t.Error(err)
		}
	})
	within(t, "an abandoned named pipe", func() { <-stuck.gone })
	log(l, "/a", 200)
	stop()
	if got := paths(t, name); got != "/a" {
		t.Errorf("got %q", got)
	}
	if got := r.get(); len(got) != 2 || !errors.Is(got[0], errStuck) || got[1] != (Recovered{1}) {
		t.Errorf("got reports %v", got)
	}
}

func TestReopenLeavesStandardOutputAlone(t *testing.T) {
	l, _, _ := begin(t)
	o, _ := standard(t, l)
	if err := l.Reopen(); err != nil || l.out != o {
		t.Errorf("got %v, another output: %v", err, l.out != o)
	}
	end(l)
}

func TestWhatWasWrittenIsNotLostWithItsOutput(t *testing.T) {
	l, file, r := begin(t)
	log(l, "/a", 200)
	o := l.out
	o.flush(l)
	l.mu.Lock()
	l.out = nil
	l.abandon(o)
	l.mu.Unlock()
	o.close()
	end(l)
	if got := paths(t, file); got != "/a" || len(r.get()) != 0 {
		t.Errorf("got %q, reports %v", got, r.get())
	}
}
