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
// requests; Configure, Reopen and the end of Run wait a second for it at the most. What is lost is counted, and reported when it begins and
// when it is over. For standard output and error the program has to ignore SIGPIPE, or a pipe that is closed at the other end is its end too.
type Log struct {
	settings atomic.Pointer[Config]
	lines    buffer
	report   func(error)

	change  sync.Mutex // guards running; one Configure or Reopen, and the begin or end of Run, at a time
	running bool       // out has its goroutine

	// mu guards what follows. It is never held over the output's I/O, and never taken by Observe. out is changed with both locks held.
	mu      sync.Mutex
	out     *output
	lost    int  // lines, since the trouble began
	trouble bool // the last lines could not all be written
}

var _ proxy.Observer = (*Log)(nil)

// New returns a log as cfg wants it, with its output open. report is called, one call at a time, when lines begin to be lost, when they are
// written again, and at the end if some are missing; it must not call back.
func New(cfg Config, report func(error)) (*Log, error) {
	l := &Log{report: report}
	l.lines.filling = make(chan struct{}, 1)
	l.settings.Store(&Config{})
	return l, l.Configure(cfg)
}

// Configure makes cfg the configuration in force. A new output is open before the old one is let go of; an error means that it could not be
// opened, and leaves everything as it was. Lines that were handed over before go to the old output, unless it is stuck: then it keeps those
// that it has begun to write, which are counted as lost, and the new output gets the others.
func (l *Log) Configure(cfg Config) error {
	l.change.Lock()
	defer l.change.Unlock()
	old := l.settings.Load()
	if old.Enabled == cfg.Enabled && old.Output == cfg.Output {
		l.settings.Store(&cfg)
		return nil
	}
	next, err := open(cfg)
	if err != nil {
		return err
	}
	l.settings.Store(&cfg)
	l.replace(next)
	return nil
}

// Reopen opens a file again by its name, after the file was renamed to rotate it. When it returns, nothing more is written to the old file,
// unless that is stuck, as for Configure. An error leaves the old file in use. Reopen does nothing for standard output and error.
func (l *Log) Reopen() error {
	l.change.Lock()
	defer l.change.Unlock()
	if l.out == nil || l.out.kept {
		return nil
	}
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
	l.lines.add(x.Shard, *b)
	if cap(*b) <= maxScratch {
		scratch.Put(b)
	}
}

// scratch holds buffers for one line each; a larger one than maxScratch bytes is not kept.
var scratch = sync.Pool{New: func() any { return new(make([]byte, 0, 1024)) }}

const maxScratch = 64 << 10

// Run has the lines written that are handed over, within a second. When ctx ends it has the rest written, closes the output and returns,
// after a second at the most; an output that is stuck then is abandoned, and its goroutine ends with its write. Run is called once, and its
// ctx ends after the last exchange.
func (l *Log) Run(ctx context.Context) {
	l.begin()
	defer l.end()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.watch()
		}
	}
}

func (l *Log) begin() {
	l.change.Lock()
	defer l.change.Unlock()
	l.running = true
	if l.out != nil {
		go l.out.work(l)
	}
}

func (l *Log) end() {
	l.change.Lock()
	defer l.change.Unlock()
	l.replace(nil)
	l.running = false
}

// replace has what is waiting written to the output in force, closes that or abandons it, and puts next in force. change must be held.
func (l *Log) replace(next *output) {
	old := l.out
	if old != nil && !l.running {
		go old.work(l) // for what was handed over before Run
	}
	stuck := !old.finish()
	l.mu.Lock()
	l.out = next
	if stuck {
		l.abandon(old)
	}
	if next == nil {
		l.sum()
	}
	l.mu.Unlock()
	if next != nil && l.running {
		go next.work(l)
	}
}

// claim hands what is waiting to o, as its batch, unless there is nothing or o was abandoned. dropped lines had no room to wait in.
func (l *Log) claim(o *output) (dropped int, claimed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out != o {
		return 0, false
	}
	o.batch, dropped = l.lines.take(o.batch)
	l.lost += dropped
	return dropped, len(o.batch) > 0
}

// settle takes what became of o's batch to account. What o was abandoned with is lost already.
func (l *Log) settle(o *output, lost int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out != o {
		return
	}
	o.batch = o.batch[:0]
	l.lost += lost
	l.tell(err)
}
