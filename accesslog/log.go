// Package accesslog writes one line for each exchange.
package accesslog

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy"
)

// Log writes a line for each exchange to standard output, standard error or a file. It is safe for concurrent use.
//
// Observe only hands a line over and never waits for the output, so that a full disk or a pipe that nobody reads costs lines and not
// requests. What is lost is counted, and reported when it begins and when it is over. For standard output and error the program has to ignore
// SIGPIPE, or a pipe that is closed at the other end is its end too.
type Log struct {
	settings atomic.Pointer[Config]
	lines    buffer
	report   func(error)

	change sync.Mutex // one Configure or Reopen at a time

	// writing guards what follows. It is held over I/O, and never taken by Observe.
	writing sync.Mutex
	out     *output
	lost    int  // lines, since the trouble began
	trouble bool // the last lines could not all be written
}

var _ proxy.Observer = (*Log)(nil)

// New returns a log as cfg wants it, with its output open. report is called, by Run, Configure and Reopen, when lines begin to be lost and
// when they are written again; it must not call back.
func New(cfg Config, report func(error)) (*Log, error) {
	l := &Log{report: report}
	l.lines.filling = make(chan struct{}, 1)
	l.settings.Store(&Config{})
	return l, l.Configure(cfg)
}

// Configure makes cfg the configuration in force. A new output is open before the old one is let go of; an error means that it could not be
// opened, and leaves everything as it was. Lines that were handed over before go to the old output.
func (l *Log) Configure(cfg Config) error {
	l.change.Lock()
	defer l.change.Unlock()
	if old := l.settings.Load(); old.Enabled != cfg.Enabled || old.Output != cfg.Output {
		next, err := open(cfg)
		if err != nil {
			return err
		}
		l.replace(next)
	}
	l.settings.Store(&cfg)
	return nil
}

// Reopen opens a file again by its name, after the file was renamed to rotate it. An error leaves the old file in use. It does nothing for
// an output that is not a file.
func (l *Log) Reopen() error {
	l.change.Lock()
	defer l.change.Unlock()
	next, err := open(*l.settings.Load())
	if err != nil {
		return err
	}
	l.replace(next)
	return nil
}

// Observe hands the line of x over, if x is among those that are logged.
func (l *Log) Observe(x *proxy.Exchange) {
	cfg := l.settings.Load()
	if !cfg.Enabled || x.Response.Status < 500 && cfg.Sample < 100 && rand.Float64()*100 >= float64(cfg.Sample) {
		return
	}
	b := scratch.Get().(*[]byte)
	write := appendLine
	if cfg.Format == Common {
		write = appendCommon
	}
	*b = write((*b)[:0], x)
	l.lines.add(*b)
	if cap(*b) <= maxScratch {
		scratch.Put(b)
	}
}

// scratch holds buffers for one line each; a larger one than maxScratch bytes is not kept.
var scratch = sync.Pool{New: func() any { return new(make([]byte, 0, 1024)) }}

const maxScratch = 64 << 10

// Run writes the lines that are handed over, within a second. When ctx ends it writes the rest, closes the output and returns. It is called
// once, and its ctx ends after the last exchange.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.replace(nil)
			return
		case <-tick.C:
		case <-l.lines.filling:
		}
		l.writing.Lock()
		l.flush()
		l.writing.Unlock()
	}
}

// replace writes what is waiting to the old output and closes it.
func (l *Log) replace(next *output) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.flush()
	l.out.close()
	l.out = next
}

// flush writes what is waiting.
func (l *Log) flush() {
	batch, dropped := l.lines.take()
	if len(batch) == 0 {
		return
	}
	lost, err := l.out.write(batch)
	l.lost += lost + dropped
	if err == nil && dropped > 0 {
		err = errSlow
	}
	l.tell(err)
}

// tell reports err where it is news.
func (l *Log) tell(err error) {
	switch {
	case err != nil && !l.trouble:
		l.trouble = true
		l.report(losing{err})
	case err == nil && l.trouble:
		l.report(Recovered{Lost: l.lost})
		l.trouble, l.lost = false, 0
	}
}
