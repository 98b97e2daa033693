package own

import (
	"errors"
	"io"
	"net/netip"
	"runtime/debug"
	"time"

	"usher/proxy"
	"usher/proxy/h1"
)

// client is a connection to a client. It is small: what an exchange needs is a worker's, which is taken when bytes come.
type client struct {
	conn
	service *service
	peer    netip.AddrPort
	tls     bool
	// since is when the connection was accepted, or when its last exchange ended; served says which.
	since  instant
	served bool
	// resting says that a request is waited for.
	resting bool
	// early is what was read to find out what the client speaks.
	early []byte
	// blocking is conn, where goroutines carry it.
	blocking *blocking
	// home is the carrier's own note of the connection.
	home home
}

// end closes the connection. It is called once.
func (c *client) end() {
	c.Close()
	c.service.leave(c)
}

// rest says whether the client is waited for to send a request.
func (c *client) rest(yes bool) {
	if c.blocking != nil {
		c.blocking.atRest = yes
	}
	if c.resting = yes; yes {
		c.ReadBy(c.restBy())
	}
}

// restBy is until when the client may be silent.
func (c *client) restBy() instant {
	bound := c.service.ReadHeader
	if c.served {
		bound = c.service.Idle
	}
	by := c.since.in(bound)
	if c.service.stopping.Load() {
		by = earlier(by, c.service.stoppedAt().in(idleEnd))
	}
	return by
}

// worker carries the exchanges of one client after the other. It is the walk's Exchange and its Forwarder, and holds what both need; all of
// it is used again.
type worker struct {
	proxy.Exchange
	carrier carrier
	plane   *Plane
	client  *client
	started instant // when the request's first byte came
	limit   instant // of the whole exchange; 0: none

	memory  slab   // of in and out
	in      buffer // from the client; strings of the Exchange are views into it
	out     []byte // empty: what is about to be written, to either side
	head    h1.RequestHead
	body    h1.Body // of the request
	trailer string  // names that the client announces for its trailer section

	up       attempt
	upload   upload
	download transfer

	job func() // what a task does with the worker; the carrier's

	leave  bool // the client's connection is not used again
	linger bool // the client may still be sending
	broken bool // what the client has got is not whole
	spoilt bool // a panic has left behind nobody knows what: no other client gets the worker
}

var _ proxy.Forwarder = (*worker)(nil)

func newWorker(c carrier, p *Plane) *worker {
	w := &worker{carrier: c, plane: p}
	w.Shard, w.Reuse = c.shard(), true
	w.up.w, w.upload.w = w, w
	w.download.read, w.download.write, w.download.trailers = w.up.read, w.writeAnswer, w.trailersKept
	w.upload.read, w.upload.write, w.upload.trailers = w.upload.readClient, w.upload.writeBackend, w.trailersKept
	w.upload.job = w.upload.run
	return w
}

// carry is serve, with a panic confined to the client whose connection it was in.
func (w *worker) carry(c *client) (rest bool) {
	defer func() {
		if p := recover(); p != nil {
			w.plane.log.Error("connection ended in a panic", "error", p, "stack", string(debug.Stack()))
			w.spoilt = true
			rest = false
		}
	}()
	return w.serve(c)
}

// serve carries exchanges for c until its connection ends (false), or everything that came has been served and the connection rests (true).
func (w *worker) serve(c *client) (rest bool) {
	w.client = c
	w.memory = messages.get()
	w.in, w.out = buffer{b: (*w.memory)[:headRoom:headRoom]}, (*w.memory)[headRoom:headRoom]
	w.in.w = copy(w.in.b, c.early)
	c.early = nil
	defer w.giveBack()
	for {
		if !w.request() {
			return false
		}
		w.exchange()
		if !w.settle() {
			return false
		}
		c.since, c.served = w.carrier.now(), true
		if w.in.empty() {
			return true
		}
	}
}

// giveBack gives the memory back that strings of the last exchange are views into: nobody looks at them any more.
func (w *worker) giveBack() {
	w.up.forget()
	messages.put(w.memory)
	w.memory, w.in, w.out, w.client = nil, buffer{}, nil, nil
}

// request reads the head of a request. It returns false when there is none, or it was refused.
func (w *worker) request() bool {
	w.startOver()
	c := w.client
	c.rest(true)
	for fresh := true; ; {
		if !w.in.empty() {
			if fresh {
				fresh = false
				w.started, w.Start = w.carrier.now(), w.carrier.wall()
				c.rest(false)
				c.ReadBy(w.started.in(c.service.ReadHeader))
			}
			n, err := w.head.Parse(w.in.bytes())
			if err != nil {
				w.refuse(err)
				return false
			}
			if n > 0 {
				w.in.r += n
				return true
			}
		}
		if len(w.in.room()) == 0 {
			w.in.grow(min(2*len(w.in.b), w.client.service.HeaderBytes+headRoom))
		}
		n, err := c.Read(w.in.room())
		w.in.w += n
		if n == 0 && err != nil {
			switch {
			case !errors.Is(err, errLate):
			case !w.in.empty():
				w.refuse(&proxy.Refused{Status: 408, Why: err})
			case w.carrier.now() < c.restBy():
				c.rest(true)
				continue
			}
			return false
		}
	}
}

// startOver makes everything ready for another request. What has come of it already moves to the front.
func (w *worker) startOver() {
	w.Reset()
	w.head.Reset()
	w.head.Limits = h1.Limits{HeadBytes: w.client.service.HeaderBytes, Lines: w.client.service.HeaderCount}
	w.body.Start(h1.Framing{})
	w.leave, w.linger, w.broken = false, false, false
	if w.in.r > 0 {
		w.in.w = copy(w.in.b, w.in.bytes())
		w.in.r = 0
	}
}

// fill makes the walk's Request of the head. The field section changes hands: the walk changes it.
func (w *worker) fill() {
	h, q := &w.head, &w.Request
	w.identify()
	q.Method, q.Target, q.Host, q.Proto = h.Method, h.Target, h.Host, "HTTP/1.1"
	if h.Minor == 0 {
		q.Proto = "HTTP/1.0"
	}
	q.Header, h.Fields, q.FieldsChecked = h.Fields, q.Header, true
	switch h.Body.Kind {
	case h1.Length:
		q.ContentLength = h.Body.Length
	case h1.Chunked:
		q.ContentLength = -1
	}
	w.trailer = ""
	if h.Chunked {
		w.trailer = q.Header.Get("Trailer")
	}
	if h.Minor == 0 {
		q.Header.Del("Expect")
	}
	w.body.Limits = h1.Limits{}
	w.body.Start(h.Body)
	w.leave = !h.KeepAlive
}

// identify notes what is known of every request, well-formed or not.
func (w *worker) identify() {
	w.Entry, w.Request.Peer, w.Request.TLS = w.client.service.Key, w.client.peer, w.client.tls
	w.Request.Proto = "HTTP/1.1"
}

// exchange takes one request through the walk.
func (w *worker) exchange() {
	w.fill()
	w.limit = 0
	w.plane.handler.Serve(&w.Exchange, w)
	if w.Err != nil {
		w.mourn()
	}
}

// mourn ends the connection of an exchange that has ended in a panic, and tells.
func (w *worker) mourn() {
	var p *proxy.Panicked
	if errors.As(w.Err, &p) {
		w.plane.log.Error("exchange ended in a panic", "error", p, "stack", string(p.Stack))
		w.leave = true
		w.up.drop()
	}
}

// refuse answers what is not a request, and ends the connection: where the next one would begin is not known.
func (w *worker) refuse(why error) {
	var refused *proxy.Refused
	if !errors.As(why, &refused) {
		refused = &proxy.Refused{Status: 400, Why: why}
		var wire *h1.Error
		if errors.As(why, &wire) {
			refused.Status = wire.Status
		}
	}
	w.identify()
	w.leave, w.linger = true, true
	w.plane.handler.Refuse(&w.Exchange, w, refused)
	w.settle()
}

// Await runs f where it may block.
func (w *worker) Await(f func()) { w.carrier.await(f) }

// bound is the earlier of the exchange's end and d from now.
func (w *worker) bound(d time.Duration) instant {
	return earlier(w.limit, w.carrier.now().in(d))
}

const (
	// leftover bounds what is read of a body that nobody wants, so that its connection can be used again.
	leftover     = 256 << 10
	leftoverTime = time.Second
)

// settle brings the client's connection to where the next request begins. It returns false where there is none.
func (w *worker) settle() bool {
	w.upload.giveBack(&w.in)
	switch {
	case w.broken:
		if r, ok := w.client.conn.(interface{ reset() }); ok {
			r.reset()
		}
		return false
	case w.leave:
		if w.linger || !w.body.Done() || !w.in.empty() {
			w.lingerOn()
		}
		return false
	case !w.body.Done() && !w.swallow():
		w.lingerOn()
		return false
	}
	return true
}

// swallow reads the rest of the request's body. It returns false when that is not worth it, or there is no end to it.
func (w *worker) swallow() bool {
	w.client.ReadBy(w.carrier.now().in(leftoverTime))
	for total := 0; ; {
		for !w.body.Done() && !w.in.empty() {
			_, n, err := w.body.Next(w.in.bytes())
			if w.in.r += n; err != nil {
				return false
			}
			total += n
		}
		if w.body.Done() {
			return true
		}
		w.in.r, w.in.w = 0, 0
		n, err := w.client.Read(w.in.b)
		if w.in.w = n; n == 0 && err != nil || total > leftover {
			return false
		}
	}
}

// lingerOn ends the connection in a way that lets the client read its answer: closing it with bytes unread would reset it (RFC 9112 9.6).
func (w *worker) lingerOn() {
	c := w.client
	if c.CloseWrite() != nil {
		return
	}
	c.ReadBy(w.carrier.now().in(leftoverTime))
	for total := 0; total < leftover; {
		n, err := c.Read(w.in.b)
		if total += n; err != nil && (n == 0 || err == io.EOF) {
			return
		}
	}
}
