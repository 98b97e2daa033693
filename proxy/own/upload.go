package own

import (
	"errors"
	"io"
	"runtime/debug"
	"sync/atomic"
	"time"

	"usher/proxy"
	"usher/proxy/h1"
)

// upload is the request's body on its way to the backend. A small one is gathered first and goes out with the head. Any other has a task of
// its own, for the backend may answer before it has read it.
type upload struct {
	transfer
	w        *worker
	gathered []byte // the whole of a small body
	flow     buffer
	flowing  slab // of flow
	written  slab // of out

	running bool   // the task has begun, or waits for the backend's word
	held    bool   // it waits for the backend to ask for the body
	sealed  bool   // gathered is all of the body
	job     func() // run
	join    func()
	waited  time.Duration // for the client: time in which the backend took nothing does not count

	over    atomic.Bool // the task has ended; failure says how
	failure error
}

// rateGrace is how long a body may be slower than the minimum rate.
const rateGrace = 10 * time.Second

// errTaken means that the backend takes no more of the body. It may have answered.
var errTaken = errors.New("the backend takes no more of the body")

// gather reads a small body, of which the client has not to be asked for, to its end.
func (w *worker) gather() error {
	u := &w.upload
	if u.sealed {
		return nil
	}
	u.waited = 0
	size := w.head.Body.Length
	if w.body.Done() || w.head.Body.Kind != h1.Length || size > int64(len(w.in.b)-w.in.r) || w.head.Expect100 && w.in.empty() {
		return nil
	}
	for int64(w.in.w-w.in.r) < size {
		n, err := u.readClient(w.in.room())
		w.in.w += n
		w.RequestBytes = int64(w.in.w - w.in.r) // by which the client earns time
		switch {
		case err == io.EOF:
			return proxy.Because(proxy.ErrClientGone, io.ErrUnexpectedEOF)
		case n == 0 && err != nil:
			return err
		}
	}
	u.gathered, u.sealed = w.in.b[w.in.r:w.in.r+int(size)], true
	w.body.Skip(size)
	w.in.r += int(size)
	if w.head.Expect100 {
		w.Request.Header.Del("Expect") // which has no more purpose
	}
	return nil
}

// repeatable reports whether none of the body is lost if the request is sent again.
func (u *upload) repeatable() bool { return u.sealed || u.w.body.Done() }

// begin sends the body on, if it has not gone with the head.
func (u *upload) begin() {
	w := u.w
	if u.repeatable() {
		return
	}
	u.running, u.failure = true, nil
	u.over.Store(false)
	u.body, u.moved, u.length = &w.body, &w.RequestBytes, w.head.Body.Kind == h1.Length
	u.in, u.next, u.memory = &w.in, &u.flow, &u.flowing
	if u.chunked, u.out = w.head.Chunked, nil; u.chunked {
		u.written = bodies.get()
		u.out = (*u.written)[:0]
	}
	if u.held = w.head.Expect100 && w.in.empty(); !u.held {
		u.join = w.carrier.fork(u.job)
	}
}

// run is the task. When it has ended it wakes the one that waits for the response.
func (u *upload) run() {
	defer func() {
		if p := recover(); p != nil {
			u.failure = &proxy.Panicked{Value: p, Stack: debug.Stack()}
		}
		u.over.Store(true)
		u.w.up.Cancel(true)
	}()
	u.failure = u.transfer.run()
}

// answerBy is until when a response is waited for. While the body is on its way, that has bounds of its own.
func (u *upload) answerBy() instant {
	w := u.w
	switch {
	case u.held:
		return w.bound(holdBack)
	case u.running && !u.over.Load():
		return w.limit
	}
	return w.bound(w.Limits.ResponseHeader)
}

// news finds out whether a wait for the backend has ended because of the body. It returns the error if not, or what the client did wrong.
func (u *upload) news(err error) error {
	switch {
	case errors.Is(err, errCancelled) && u.running:
		u.w.up.Cancel(false)
		u.w.up.Watch(u.w.client.conn)
		return u.fault()
	case errors.Is(err, errLate) && u.held:
		return u.goAhead()
	}
	return err
}

// goAhead asks the client for the body, if it waits for that.
func (u *upload) goAhead() error {
	if !u.held {
		return nil
	}
	u.held = false
	if err := u.w.writeClient([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
		return err
	}
	u.join = u.w.carrier.fork(u.job)
	return nil
}

// withhold ends a connection whose client has been told to wait before it sends its body, and is answered without it: whether it will send
// it nobody knows (RFC 9110 10.1.1).
func (u *upload) withhold() {
	if u.held || !u.running && u.w.head.Expect100 && !u.w.body.Done() && u.w.in.empty() {
		u.w.leave, u.held = true, false // from now on nothing but the answer is written
	}
}

// end returns when nothing of the body is under way any more.
func (u *upload) end() {
	if !u.running {
		return
	}
	w := u.w
	if u.join != nil {
		if !u.over.Load() {
			w.client.Cancel(true)
			w.up.Close()
		}
		u.join()
		w.client.Cancel(false)
		w.up.Cancel(false)
		u.join = nil
	}
	u.running, u.held = false, false
	bodies.put(u.written)
	u.written, u.out = nil, nil
}

// clean reports whether the backend has got the whole body.
func (u *upload) clean() bool { return u.repeatable() && u.failure == nil }

// fault is what the client did wrong, or nil.
func (u *upload) fault() error {
	if !u.over.Load() || u.failure == nil {
		return nil
	}
	for _, kind := range [...]error{proxy.ErrClientGone, proxy.ErrSlowBody, proxy.ErrBodyTooLarge, proxy.ErrClientBody} {
		if errors.Is(u.failure, kind) {
			return u.failure
		}
	}
	switch {
	case errors.Is(u.failure, errWire):
		return proxy.Because(proxy.ErrClientBody, u.failure)
	case errors.Is(u.failure, io.ErrUnexpectedEOF):
		return proxy.Because(proxy.ErrClientGone, u.failure)
	}
	return nil
}

// giveBack makes ready for another request. What came behind the body moves to where heads are read.
func (u *upload) giveBack(in *buffer) {
	if !u.flow.empty() {
		rest := u.flow.bytes()
		if len(rest) > len(in.b) {
			in.b = make([]byte, len(rest)+headRoom)
		}
		in.r, in.w = 0, copy(in.b, rest)
	}
	giveRoom(&u.flowing)
	u.flow = buffer{}
	u.gathered, u.sealed, u.failure = nil, false, nil
	u.over.Store(false)
}

// readClient reads more of the body, in the time that the client has earned by what it has sent.
func (u *upload) readClient(p []byte) (int, error) {
	w := u.w
	began := w.carrier.now()
	by := w.bound(w.Limits.StreamIdle)
	if rate := w.Limits.MinRate; rate > 0 {
		earned := time.Duration(float64(w.RequestBytes) / float64(rate) * float64(time.Second))
		by = earlier(by, began.in(max(1, rateGrace+earned-u.waited)))
	}
	w.client.ReadBy(by)
	n, err := readOrWait(w.client.conn, p)
	u.waited += time.Duration(w.carrier.now() - began)
	switch {
	case n > 0 || err == nil:
		return n, nil
	case errors.Is(err, errLate):
		return 0, proxy.Because(proxy.ErrSlowBody, err)
	case errors.Is(err, errCancelled), err == io.EOF:
		return 0, err
	}
	return 0, proxy.Because(proxy.ErrClientGone, err)
}

// writeBackend writes to the backend.
func (u *upload) writeBackend(p []byte) error {
	w := u.w
	if w.Limits.Body > 0 && w.RequestBytes > w.Limits.Body {
		return proxy.ErrBodyTooLarge
	}
	w.up.WriteBy(w.bound(w.Limits.StreamIdle))
	if _, err := w.up.Write(p); err != nil {
		return proxy.Because(errTaken, err)
	}
	return nil
}
