package accesslog

import (
	"bytes"
	"errors"
	"fmt"
)

// Why lines are lost, where the output itself has not said.
var (
	errSlow  = errors.New("lines come faster than they can be written")
	errStuck = errors.New("the output stands still, and was let go of with the lines that it held")
)

// losing is reported when lines begin to be lost.
type losing struct{ err error }

func (e losing) Error() string {
	return fmt.Sprintf("write access log: %v; requests are served, and lines are lost until this is over", e.err)
}

func (e losing) Unwrap() error { return e.err }

// Recovered is reported when lines are written again after some were lost.
type Recovered struct {
	// Lost is the number of lines that are missing. Lines that an output was let go of with are among them, even if it got them in the end.
	Lost int
}

func (e Recovered) Error() string {
	return fmt.Sprintf("the access log is written again; %d lines are missing", e.Lost)
}

// ended is reported when the log ends, or is turned off, while lines are being lost.
type ended struct{ lost int }

func (e ended) Error() string {
	return fmt.Sprintf("the access log has ended; %d lines are missing", e.lost)
}

// watch reports lines that are being lost while a write stands still, which then has nothing to report itself.
func (l *Log) watch() {
	if !l.lines.dropping() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell(errSlow)
}

// abandon gives up what o holds. mu must be held, and o no longer be in force.
func (l *Log) abandon(o *output) {
	if n := bytes.Count(o.batch, newline); n > 0 {
		l.lost += n
		l.tell(errStuck)
	}
	o.interrupt()
}

// tell reports err where it is news. mu must be held.
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

// sum reports what is missing when nothing more will be written. mu must be held.
func (l *Log) sum() {
	rest, dropped := l.lines.take(nil)
	if l.lost += bytes.Count(rest, newline) + dropped; l.lost > 0 {
		l.report(ended{l.lost})
	}
	l.trouble, l.lost = false, 0
}
