package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
)

var errSlow = errors.New("lines come faster than they can be written")

// losing is reported when lines begin to be lost.
type losing struct{ err error }

func (e losing) Error() string {
	return fmt.Sprintf("write access log: %v; requests are served, and lines are lost until this is over", e.err)
}

func (e losing) Unwrap() error { return e.err }

// Recovered is reported when lines are written again after some were lost.
type Recovered struct {
	// Lost is the number of lines that are missing.
	Lost int
}

func (e Recovered) Error() string {
	return fmt.Sprintf("the access log is written again; %d lines are missing", e.Lost)
}

// output is where lines go. A nil *output swallows them.
type output struct {
	file *os.File
	kept bool // the file is not ours to close
	torn bool // a line has been written in part
}

// open opens what cfg names, or returns nil for a log that is not enabled.
func open(cfg Config) (*output, error) {
	switch {
	case !cfg.Enabled:
		return nil, nil
	case cfg.Output == "stdout":
		return &output{file: os.Stdout, kept: true}, nil
	case cfg.Output == "stderr":
		return &output{file: os.Stderr, kept: true}, nil
	}
	f, err := os.OpenFile(cfg.Output, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open access log: %w", err)
	}
	return &output{file: f}, nil
}

// write writes whole lines. With an error it returns how many of them are not there in full; what it could write of the first of these is
// ended before the next line.
func (o *output) write(lines []byte) (lost int, err error) {
	if o == nil {
		return 0, nil
	}
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

func (o *output) close() {
	if o != nil && !o.kept {
		o.file.Close() // every write has been checked, and there is nobody to tell
	}
}

// buffer holds lines until they are written. The lock is held for a copy in memory only.
type buffer struct {
	// filling receives when there is enough to be worth a write. It has room for one.
	filling chan struct{}

	mu             sync.Mutex // guards what follows
	pending, spare []byte
	dropped        int // lines for which there was no room
}

// Sizes in bytes: what is worth a write, and the most that waits for one.
const (
	worthWriting = 64 << 10
	mostPending  = 4 << 20
)

// add takes a copy of a line, or counts it as dropped.
func (b *buffer) add(line []byte) {
	b.mu.Lock()
	if len(b.pending)+len(line) > mostPending {
		b.dropped++
	} else {
		b.pending = append(b.pending, line...)
	}
	enough := len(b.pending) >= worthWriting
	b.mu.Unlock()
	if enough {
		select {
		case b.filling <- struct{}{}:
		default:
		}
	}
}

// take returns the lines that wait, and how many were dropped since the last call. The lines are valid until the next call.
func (b *buffer) take() (lines []byte, dropped int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines, dropped = b.pending, b.dropped
	b.pending, b.spare, b.dropped = b.spare[:0], lines, 0
	return lines, dropped
}
