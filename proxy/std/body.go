package std

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy"
)

// requestBody is the client's body on its way to a backend: bounded in size and in time, and the place where it is noticed that the client,
// and not the backend, is at fault. There is one for each attempt.
//
// net/http's Transport reads it on a goroutine of its own, which may outlive the round trip, while net/http's server allows no read once
// the handler has returned. leave is the barrier between the two.
type requestBody struct {
	conn    *http.ResponseController
	keep    func(name string) bool // of trailers
	limit   int64
	minRate int64
	watch   *watchdog

	mu     sync.Mutex    // held while the client is read from; guards what follows
	r      *http.Request // the client's
	out    http.Header   // the backend's trailers
	waited time.Duration // in Read: time in which the backend took nothing does not count

	read  atomic.Int64
	asked atomic.Bool // Read was called
	left  atomic.Bool // the exchange is no longer interested
	gone  atomic.Bool // the client went away
	ended atomic.Bool // read to its end
	fault atomic.Pointer[error]
}

// rateGrace is how long a body may be slower than the minimum rate.
const rateGrace = 10 * time.Second

func newRequestBody(f *flight, watch *watchdog) *requestBody {
	b := &requestBody{
		r: f.r, keep: f.TrailerFilter(), conn: http.NewResponseController(f.w),
		limit: f.Limits.Body, minRate: f.Limits.MinRate, watch: watch,
	}
	if f.Request.ContentLength < 0 {
		b.out = http.Header{} // those announced, whose values come at the end; others may join them
		for name := range f.r.Trailer {
			if b.keep(name) {
				b.out[name] = nil
			}
		}
	}
	return b
}

// Read reads from the client.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked.Store(true)
	began := time.Now()
	b.allow(began)
	if b.left.Load() { // after the deadline was set: leave does the reverse
		return 0, http.ErrBodyReadAfterClose
	}
	b.watch.kick()
	n, err := b.r.Body.Read(p)
	b.waited += time.Since(began)
	if total := b.read.Add(int64(n)); b.limit > 0 && total > b.limit {
		return 0, b.fail(proxy.ErrBodyTooLarge)
	}
	switch err {
	case nil:
		return n, nil
	case io.EOF:
		b.end()
		return n, io.EOF
	}
	return n, b.fail(b.blame(err))
}

// allow gives the client the time that it has earned by what it has sent.
func (b *requestBody) allow(now time.Time) {
	if b.minRate <= 0 || b.left.Load() {
		return
	}
	earned := time.Duration(float64(b.read.Load()) / float64(b.minRate) * float64(time.Second))
	b.conn.SetReadDeadline(now.Add(max(0, rateGrace+earned-b.waited)))
}

// end notes that the body is complete and fills in the trailers. Over HTTP/2 net/http sends only those that were announced.
func (b *requestBody) end() {
	b.watch.pause()
	if b.minRate > 0 {
		b.conn.SetReadDeadline(time.Time{})
	}
	for name, values := range b.r.Trailer {
		if b.out != nil && b.keep(name) {
			b.out[name] = values
		}
	}
	b.ended.Store(true)
}

func (b *requestBody) fail(err error) error {
	b.watch.pause()
	b.fault.CompareAndSwap(nil, &err)
	return err
}

// blame says in which way the client is at fault.
func (b *requestBody) blame(err error) error {
	var timeout net.Error
	var reset *net.OpError
	switch {
	case b.gone.Load():
		return proxy.Because(proxy.ErrClientGone, err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return proxy.Because(proxy.ErrSlowBody, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &reset), b.r.Context().Err() != nil:
		return proxy.Because(proxy.ErrClientGone, err)
	}
	return proxy.Because(proxy.ErrClientBody, err)
}

// Close leaves the client's body to net/http's server, which closes it when the exchange is over.
func (b *requestBody) Close() error { return nil }

// wakeAtEnd wakes a read that waits for the client when ctx ends: Transport waits for it. The function that it returns calls that off, and
// returns when nothing of it is under way.
func (b *requestBody) wakeAtEnd(ctx context.Context) (callOff func()) {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		b.gone.Store(b.r.Context().Err() != nil) // now: a deadline that passes ends that context, too
		b.left.Store(true)
		b.conn.SetReadDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() {
			<-woken
		}
	}
}

// leave ends the exchange's interest in the body and returns when nobody reads from the client any more. A read that waits for the client is
// woken.
func (b *requestBody) leave() {
	b.left.Store(true)
	if !b.mu.TryLock() {
		b.conn.SetReadDeadline(time.Unix(1, 0))
		b.mu.Lock()
	}
	b.mu.Unlock()
}

// drainTime is how long the rest of a body that nobody wants may take to arrive, so that its connection can be used again.
const drainTime = time.Second

// leaveBody ends the exchange's interest in the client's body, on which net/http's server would wait without end. What did not come to be
// asked for, because the client waits for 100 Continue, is not waited for.
func (f *flight) leaveBody() {
	if f.body != nil {
		f.body.leave()
	}
	if f.Request.ContentLength == 0 || f.body != nil && f.body.ended.Load() {
		return
	}
	drain := drainTime
	if f.body != nil && f.body.fault.Load() != nil || f.r.Header.Get("Expect") != "" && !f.body.begun() {
		drain = -drainTime
	}
	http.NewResponseController(f.w).SetReadDeadline(time.Now().Add(drain))
}

// begun reports whether the backend has asked for the body: a client that expects 100 Continue has been sent it then.
func (b *requestBody) begun() bool { return b != nil && b.asked.Load() }

// err returns how the client failed, or nil.
func (b *requestBody) err() error {
	if b == nil {
		return nil
	}
	if e := b.fault.Load(); e != nil {
		return *e
	}
	return nil
}

// watchdog calls bark when nothing has moved for the time given. A nil one never does.
type watchdog struct {
	timer *time.Timer
	idle  time.Duration
}

// newWatchdog returns a watchdog that sleeps until the first kick, or nil if idle is not positive.
func newWatchdog(idle time.Duration, bark func()) *watchdog {
	if idle <= 0 {
		return nil
	}
	w := &watchdog{time.AfterFunc(idle, bark), idle}
	w.timer.Stop()
	return w
}

// kick says that something moves.
func (w *watchdog) kick() {
	if w != nil {
		w.timer.Reset(w.idle)
	}
}

// pause ends the watch until the next kick.
func (w *watchdog) pause() {
	if w != nil {
		w.timer.Stop()
	}
}
