package own

import (
	"errors"
	"io"
	"time"
)

// conn is a connection to a client or a backend as the engine sees it: code reads and writes from top to bottom, and how it waits is the
// runtime's affair. One task reads and one task writes at a time.
type conn interface {
	// Read reads what is there, and waits for the first byte of it: until the deadline (errLate), the end (io.EOF), Cancel (errCancelled), or
	// until the peer that Watch named has gone (errGone).
	io.Reader
	// Write writes all of p, and waits for room until the deadline: errLate. A small p may be kept back for as long as nobody waits for
	// anything; Flush sends it at once, and returns the error that it
	// met: errPartly among them if not all of it was lost.
	io.Writer
	Flush() error
	io.Closer
	// CloseWrite ends the direction of Write.
	CloseWrite() error
	patience
	signals
}

// patience bounds waits. A zero instant is no bound.
type patience interface {
	// ReadBy and WriteBy bound the waits that begin from now on.
	ReadBy(at instant)
	WriteBy(at instant)
}

// signals pass between the tasks that share a connection, or two that belong together.
type signals interface {
	// Ready waits, as Read does, until a Read would not, and takes no memory for what it waits for.
	Ready() error
	// Cancel makes the Read that waits, and every later one, return errCancelled; false takes that back.
	Cancel(on bool)
	// Watch makes waits of Read end with errGone when client, from which nobody reads meanwhile, has gone away; nil ends that.
	Watch(client conn)
	// Probe says, without waiting, what a Read would meet.
	Probe() prospect
}

// prospect is what a Read would meet.
type prospect uint8

const (
	quiet prospect = iota // it would wait
	bytesThere
	ended // the other side has closed, or the connection is broken
)

// waitError is a reason for which a wait ended. It is temporary for crypto/tls, which may then read on.
type waitError struct {
	text string
	late bool
}

func (e *waitError) Error() string   { return e.text }
func (e *waitError) Timeout() bool   { return e.late }
func (e *waitError) Temporary() bool { return true }

var (
	errLate      = &waitError{"took too long", true}
	errCancelled = &waitError{"no longer wanted", false}
	errGone      = &waitError{"the client has gone away", false}
	errEmpty     = &waitError{"nothing there yet", false}
	errPartly    = errors.New("a part was sent")
	errClosed    = errors.New("connection closed")
)

// instant is a time by the monotonic clock: nanoseconds since the program began, never 0. 0 stands for none.
type instant int64

var began = time.Now()

func clock() instant { return instant(time.Since(began)) + 1 }

// in returns the instant d after at; none for a d of 0.
func (at instant) in(d time.Duration) instant {
	if d <= 0 {
		return 0
	}
	return at + instant(d)
}

// earlier returns the first of two bounds.
func earlier(a, b instant) instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// time is at as a deadline of Go's network library; the zero time for none.
func (at instant) time() time.Time {
	if at == 0 {
		return time.Time{}
	}
	return began.Add(time.Duration(at - 1))
}

// carrier is what tasks run on: an event loop, or goroutines.
type carrier interface {
	// now is the time, of the beginning of the loop's turn where there is one.
	now() instant
	// wall is now as the clock on the wall has it.
	wall() time.Time
	// await runs f, which may block, on a goroutine, and returns when it is done.
	await(f func())
	// fork runs f as a task beside the one that calls; join waits for its end. Connections are shared as conn says.
	fork(f func()) (join func())
	// connect connects to a backend's address.
	connect(to target) (conn, error)
	// idle holds the idle connections to backends.
	idle() *upstreams
	// shard is the number of the loop.
	shard() int
}
