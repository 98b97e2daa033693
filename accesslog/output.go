package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// output is where lines go, and the goroutine that writes them there. Nil is nowhere.
//
// The goroutine, work, is the only one that writes to the file and the one that closes it. Whoever ends an output waits for it with finish, and
// abandons it when it is stuck in a write: it holds on to the file and to its batch until that write returns, and then ends by itself.
type output struct {
	file *os.File
	kept bool // the file is not ours to close
	torn bool // a line has been written in part

	batch []byte        // what is being written; guarded by Log.mu, and read by work
	last  chan struct{} // closed when what is waiting is the last to be written
	gone  chan struct{} // closed when work has returned
}

// patience is how long an output may take to write the last lines.
const patience = time.Second

func newOutput(file *os.File, kept bool) *output {
	return &output{file: file, kept: kept, last: make(chan struct{}), gone: make(chan struct{})}
}

// open opens what cfg names, or returns nil for a log that is not enabled. It does not wait for a reader of a named pipe.
func open(cfg Config) (*output, error) {
	switch {
	case !cfg.Enabled:
		return nil, nil
	case cfg.Output == "stdout":
		return newOutput(os.Stdout, true), nil
	case cfg.Output == "stderr":
		return newOutput(os.Stderr, true), nil
	}
	f, err := os.OpenFile(cfg.Output, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return nil, refusal(cfg.Output, err)
	}
	return newOutput(f, false), nil
}

// refusal says why the file at path could not be opened.
func refusal(path string, err error) error {
	if text, _ := misplaced(path); text != "" {
		return fmt.Errorf("open access log: %s: %w", text, err)
	}
	if info, lost := os.Stat(path); lost == nil && info.Mode()&fs.ModeNamedPipe != 0 && errors.Is(err, syscall.ENXIO) {
		return fmt.Errorf("open access log: nobody reads the named pipe %s; start its reader first: %w", path, err)
	}
	return fmt.Errorf("open access log: %w", err)
}

// work writes the lines that l hands over: when there is enough to be worth it, within a second, and when the last ones are there.
func (o *output) work(l *Log) {
	defer close(o.gone)
	defer o.close()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for last := false; ; {
		o.flush(l)
		if last {
			return
		}
		select {
		case <-o.last:
			last = true
		case <-tick.C:
		case <-l.lines.filling:
		}
	}
}

// flush writes what is waiting.
func (o *output) flush(l *Log) {
	dropped, claimed := l.claim(o)
	if !claimed {
		return
	}
	lost, err := o.write(o.batch)
	if err == nil && dropped > 0 {
		err = errSlow
	}
	l.settle(o, lost, err)
}

// write writes whole lines. With an error it returns how many of them are not there in full; what it could write of the first of these is
// ended before the next line.
func (o *output) write(lines []byte) (lost int, err error) {
	if o.torn {
		if _, err := o.file.WriteString("\n"); err != nil {
			return bytes.Count(lines, newline), err
		}
	}
	n, err := o.file.Write(lines)
	o.torn = n > 0 && lines[n-1] != '\n'
	return bytes.Count(lines[n:], newline), err
}

var newline = []byte("\n")

// finish has what is waiting written and the file closed. It returns false when that is not done in time. It is called once, with work running.
func (o *output) finish() bool {
	if o == nil {
		return true
	}
	close(o.last)
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-o.gone:
		return true
	case <-late.C:
		return false
	}
}

// interrupt ends a write to a named pipe. Other writes end when they can: what is written to standard output is not ours alone to stop, and
// files have no deadlines.
func (o *output) interrupt() {
	if !o.kept {
		o.file.SetWriteDeadline(time.Now())
	}
}

func (o *output) close() {
	if !o.kept {
		o.file.Close() // every write has been checked, and there is nobody to tell
	}
}
