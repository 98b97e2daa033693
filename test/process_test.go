package test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what takes milliseconds on an idle machine.
const patience = 60 * time.Second

// need stops the test unless each of the things is there: a program, or a file under test/ when the name has a slash. Where CI is set
// that is a failure: what is skipped there would never be noticed.
func need(t *testing.T, things ...string) {
	t.Helper()
	for _, thing := range things {
		var err error
		if strings.Contains(thing, "/") {
			_, err = os.Stat(thing)
		} else {
			_, err = exec.LookPath(thing)
		}
		switch {
		case err == nil:
		case os.Getenv("CI") != "":
			t.Fatalf("%s is needed here: make test installs it on Debian", thing)
		default:
			t.Skipf("needs %s", thing)
		}
	}
}

// long returns most when the long proofs were asked for (USHER_LONG), and usual otherwise.
func long(usual, most int) int {
	if os.Getenv("USHER_LONG") != "" {
		return most
	}
	return usual
}

// process is a program that a test runs.
type process struct {
	*lines // what it wrote, to either output
	cmd    *exec.Cmd
	ended  chan struct{} // closed once the program has ended and all that it wrote has been read
}

// spawn starts a program, in dir, with extra environment. It is killed when the test ends, if it still runs then, and what it wrote is
// shown if the test failed.
func spawn(t *testing.T, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{lines: &lines{grown: make(chan struct{})}, cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.lines, p.lines
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", filepath.Base(name), p.tail(60))
		}
	})
	return p
}

// kill ends the program at once and waits for its end.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// signal sends a signal to a program that must be running.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %v: %v", s, err)
	}
}

// wait returns the exit code of a program that is about to end.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%s still runs after %v", p.cmd.Path, patience)
		return -1
	}
}

// await returns the first line from the from-th on that is accepted, waiting for it if need be.
func (p *process) await(t *testing.T, from int, what string, accept func(line string) bool) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		all, grown := p.from(from)
		for _, line := range all {
			if accept(line) {
				return line
			}
		}
		from += len(all)
		select {
		case <-grown:
		case <-p.ended:
			if all, _ := p.from(from); len(all) == 0 {
				t.Fatalf("%s ended before %s", p.cmd.Path, what)
			}
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// lines is an io.Writer that keeps what is written, line by line.
type lines struct {
	mu    sync.Mutex
	all   []string
	rest  []byte        // of a line that has not ended
	grown chan struct{} // closed, and replaced, when lines are added
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			break
		}
		l.all, l.rest = append(l.all, string(line)), rest
	}
	close(l.grown)
	l.grown = make(chan struct{})
	return len(b), nil
}

// count returns how many lines there are.
func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// from returns the lines from the i-th on, and a channel that is closed when more is written.
func (l *lines) from(i int) ([]string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[i:len(l.all):len(l.all)], l.grown
}

// tail returns the last n lines.
func (l *lines) tail(n int) string {
	all, _ := l.from(max(0, l.count()-n))
	return strings.Join(all, "\n")
}

// eventually waits until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("waited %v until %s", patience, what)
		}
	}
}

// together runs f(0) to f(n-1) at once and returns when all are done. f must not stop the test.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}
