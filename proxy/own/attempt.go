package own

import (
	"errors"
	"io"
	"time"

	"usher/balancer"
	"usher/proxy"
	"usher/proxy/field"
	"usher/proxy/h1"
)

// attempt is one attempt to have a backend answer: the connection, and what has come on it.
type attempt struct {
	*upstream
	w        *worker
	in       buffer
	memory   slab // of in; strings of the response are views into it
	flow     buffer
	flowing  slab // of flow
	head     h1.ResponseHead
	body     h1.Body
	interims int
	// sure says that another attempt would do no harm: the request changes nothing, and none of its body is gone.
	sure bool
	// whole says that the connection can be used again.
	whole bool
}

const (
	// answerHead bounds the head of a response.
	answerHead = 256 << 10
	// maxInterims bounds the informational responses before the final one.
	maxInterims = 10
	// holdBack is how long a body is held back for a backend that does not answer an Expect: 100-continue (RFC 9110 10.1.1).
	holdBack = time.Second
)

var (
	errMultiplexed = errors.New("the pool speaks h2c, and the connection is older than that")
	errInterims    = errors.New("too many informational responses")
	errBackendGone = errors.New("the backend closed the connection without an answer")
)

// Forward sends the request to the lease's backend and passes the answer on.
func (w *worker) Forward(x *proxy.Exchange, l balancer.Lease) error {
	to := target{l.Backend, x.Connect()}
	if to.connect.Protocol != "h1" {
		w.leave = true // the next connection will be another plane's
		return proxy.Because(proxy.ErrUnsent, errMultiplexed)
	}
	w.limit = w.started.in(x.Limits.Request)
	if err := w.gather(); err != nil {
		return err
	}
	again, err := w.try(to, false)
	if again {
		_, err = w.try(to, true)
	}
	return err
}

// try makes one attempt on an idle connection or, with fresh, on a new one. It reports whether the idle connection had ended, so that
// another one may be tried.
func (w *worker) try(to target, fresh bool) (again bool, err error) {
	u := &w.up
	if err := u.open(to, fresh); err != nil {
		return false, proxy.Because(proxy.ErrUnsent, err)
	}
	defer u.drop()
	began := clock()
	sent, torn := w.send()
	switch {
	case errors.Is(torn, proxy.ErrTarget):
		return false, torn
	case torn == nil:
		w.upload.begin()
		defer w.upload.end()
	case !u.fresh() && (sent == 0 || u.sure):
		return true, nil
	}
	err = u.answer() // which a backend may have given before it closed
	w.BackendWait += time.Duration(max(0, w.carrier.now()-began))
	if errors.Is(err, errBackendGone) && !u.fresh() && u.sure {
		return true, nil
	}
	if err == nil {
		err = w.relay()
	}
	u.whole = u.whole && torn == nil
	return false, w.explain(err)
}

// open takes an idle connection to the target, or connects.
func (u *attempt) open(to target, fresh bool) error {
	u.whole, u.interims = false, 0
	u.sure = safe(u.w.Request.Method) && u.w.upload.repeatable()
	u.upstream = nil
	if !fresh {
		u.upstream = u.w.carrier.idle().take(to, u.w.carrier.now())
	}
	if u.upstream != nil {
		return nil
	}
	c, err := u.w.carrier.connect(to)
	if err == nil {
		u.upstream = &upstream{conn: c, to: to, since: u.w.carrier.now()}
	}
	return err
}

// safe reports whether a method changes nothing (RFC 9110 9.2.1).
func safe(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}

// drop lets go of the connection: it is kept for others if nothing speaks against it.
func (u *attempt) drop() {
	if u.upstream == nil {
		return
	}
	u.Watch(nil)
	if u.whole && u.w.upload.clean() {
		u.w.carrier.idle().put(u.upstream, u.w.carrier.now())
	} else {
		u.Close()
	}
	u.upstream = nil
	giveRoom(&u.flowing)
	u.flow = buffer{}
}

// forget gives the memory back that the response's strings are views into.
func (u *attempt) forget() {
	answers.put(u.memory)
	u.in, u.memory = buffer{}, nil
}

// send writes the request's head, and the body if all of it is there.
func (w *worker) send() (sent int, err error) {
	hop := h1.Hop{Body: w.head.Body, Upgrade: w.Upgrade != ""}
	if w.trailer != "" {
		hop.Trailer = announced(w.trailer, w.TrailerFilter())
	}
	line := h1.RequestLine{Method: w.Request.Method, Target: w.Request.Target, Host: w.Request.Host}
	if line.Host == "" { // HTTP/1.0
		line.Host = w.up.to.backend.Address
	}
	out, err := h1.AppendRequestHead(w.out, line, &w.Request.Header, hop)
	if err != nil {
		return 0, proxy.ErrTarget
	}
	out = append(out, w.upload.gathered...)
	w.RequestBytes = int64(len(w.upload.gathered))
	w.up.WriteBy(w.bound(w.Limits.StreamIdle))
	sent, err = w.up.Write(out)
	if err == nil && !w.up.fresh() && !w.up.sure { // whether nothing was sent has to be known now
		if err = w.up.Flush(); err != nil && !errors.Is(err, errPartly) {
			sent = 0
		}
	}
	return sent, err
}

// announced is the list of those names that may stand in a trailer section.
func announced(list string, keep func(string) bool) (out string) {
	for name := range field.Tokens(list) {
		if keep(name) {
			if out != "" {
				out += ", "
			}
			out += name
		}
	}
	return out
}

// answer reads the head of the final response. What comes before it, it passes on.
func (u *attempt) answer() error {
	u.forget()
	u.head.Reset()
	u.head.Limits = h1.Limits{HeadBytes: answerHead, Lines: 1000}
	if !u.w.upload.running {
		u.Watch(u.w.client.conn) // until drop
	}
	u.ReadBy(u.w.upload.answerBy())
	for {
		if !u.in.empty() {
			n, err := u.head.Parse(u.in.bytes(), u.w.Request.Method)
			if err != nil {
				return proxy.Because(proxy.ErrAnswer, err)
			}
			if u.in.r += n; n > 0 {
				if u.head.Status >= 200 || u.head.Status == 101 {
					return nil
				}
				if err := u.interim(); err != nil {
					return err
				}
				continue
			}
		}
		if err := u.fill(); err != nil {
			return err
		}
	}
}

// fill reads more of a head.
func (u *attempt) fill() error {
	if err := u.Ready(); err != nil {
		if err = u.w.upload.news(err); err != nil {
			return u.cutShort(err)
		}
		u.ReadBy(u.w.upload.answerBy())
		return nil
	}
	switch {
	case u.memory == nil:
		u.memory = answers.get()
		u.in = buffer{b: *u.memory}
	case len(u.in.room()) == 0:
		u.in.grow(min(2*len(u.in.b), answerHead+answerRoom))
	}
	n, err := u.Read(u.in.room())
	u.in.w += n
	if n == 0 && err != nil {
		if err = u.w.upload.news(err); err != nil {
			return u.cutShort(err)
		}
		u.ReadBy(u.w.upload.answerBy())
	}
	return nil
}

// cutShort is the error of a response that ends within its head.
func (u *attempt) cutShort(err error) error {
	var wait *waitError
	switch {
	case errors.As(err, &wait), errors.Is(err, proxy.ErrClientGone):
		return err
	case u.in.w == 0 && u.interims == 0:
		return errBackendGone
	}
	return proxy.Because(proxy.ErrAnswer, err)
}

// interim passes a response of the 1xx class on, to clients that know of them (RFC 9110 15.2).
func (u *attempt) interim() error {
	w := u.w
	if u.interims++; u.interims > maxInterims {
		return proxy.Because(proxy.ErrAnswer, errInterims)
	}
	status := u.head.Status
	if status == 100 {
		if err := w.upload.goAhead(); err != nil {
			return err
		}
	} else if w.head.Minor == 1 {
		proxy.CleanResponse(&u.head.Fields)
		out, err := h1.AppendResponseHead(w.out, status, &u.head.Fields, h1.Hop{})
		if err != nil {
			return proxy.Because(proxy.ErrAnswer, err)
		}
		if err := w.writeClient(out); err != nil {
			return err
		}
	}
	u.head.Reset()
	u.ReadBy(w.upload.answerBy())
	return nil
}

// read reads more of the response's body; with nil it waits for it.
func (u *attempt) read(p []byte) (int, error) {
	for {
		u.ReadBy(u.w.bound(u.w.Limits.StreamIdle))
		n, err := readOrWait(u.conn, p)
		if n > 0 || err == nil {
			return n, nil
		}
		if err == io.EOF {
			return 0, err
		}
		if err = u.w.upload.news(err); err != nil {
			return 0, err
		}
	}
}

// readOrWait reads; with nil it waits until there is something to read.
func readOrWait(c conn, p []byte) (int, error) {
	if p == nil {
		return 0, c.Ready()
	}
	return c.Read(p)
}

// explain says whose fault a failure was. The client's comes first: what it broke off is never held against a backend.
func (w *worker) explain(err error) error {
	if err == nil {
		return nil
	}
	if fault := w.upload.fault(); fault != nil {
		return fault
	}
	if w.client.Probe() == ended && errors.Is(err, errClosed) { // cut
		return proxy.Because(proxy.ErrClientGone, err)
	}
	switch {
	case errors.Is(err, proxy.ErrClientGone), errors.Is(err, proxy.ErrAnswer), errors.Is(err, proxy.ErrUnsent):
		return err
	case errors.Is(err, errGone):
		return proxy.Because(proxy.ErrClientGone, err)
	case errors.Is(err, errLate):
		return proxy.Because(proxy.ErrTimeout, err)
	}
	return proxy.Because(proxy.ErrAnswer, err)
}
