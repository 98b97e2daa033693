// Package proxy is the life of a request: route, affinity, balance, forward, answer. It moves no bytes: a plane (proxy/std) reads requests,
// calls Handler.Serve, and forwards and answers as the walk tells it.
package proxy

import (
	"errors"
	"runtime/debug"
	"strings"
	"time"

	"usher/affinity"
	"usher/balancer"
	"usher/proxy/field"
)

// Observer is told of every exchange when it is over. Metrics, access log and tracing are observers; nothing else measures or logs
// requests. Observe must not keep x or its strings, and is called concurrently.
type Observer interface{ Observe(x *Exchange) }

// Handler serves exchanges under the snapshot in force.
type Handler struct {
	current   current
	observers []Observer
}

// NewHandler returns a handler that serves under first until Swap.
func NewHandler(first *Snapshot, observers ...Observer) *Handler {
	h := &Handler{observers: observers}
	h.current.swap(first)
	return h
}

// Swap makes next the snapshot in force. The channel is closed once nothing runs on the one before it.
func (h *Handler) Swap(next *Snapshot) (retired <-chan struct{}) { return h.current.swap(next) }

// Snapshot returns the snapshot in force, for reading; it is not held.
func (h *Handler) Snapshot() *Snapshot { return h.current.p.Load() }

// Serve takes one exchange through its life. It returns when the client has been answered in full or cannot be. The plane owns x.
func (h *Handler) Serve(x *Exchange, f Forwarder) {
	defer h.finish(x)
	h.begin(x)
	x.Err = h.guarded(x, f)
	if x.Err != nil && !x.headOut {
		x.fail()
		f.Answer(x)
	}
}

// Refuse ends an exchange whose request the plane could not take: the client is answered, and the observers are told, as of any other.
func (h *Handler) Refuse(x *Exchange, f Forwarder, why *Refused) {
	defer h.finish(x)
	h.begin(x)
	if l := x.snapshot.listeners[x.Entry]; l != nil {
		x.listener, x.Listener = l, l.Name
	}
	x.ClientIP, x.Err = x.Request.Peer.Addr().Unmap(), why
	x.fail()
	f.Answer(x)
}

func (h *Handler) begin(x *Exchange) {
	x.snapshot, x.Received = h.current.hold(x.Shard), x.Request.Path()
	if x.Start.IsZero() {
		x.Start = time.Now()
	}
}

// guarded is serve with a panic turned into an error: it costs this client its answer, and the others nothing.
func (h *Handler) guarded(x *Exchange, f Forwarder) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Panicked{p, debug.Stack()}
		}
	}()
	return h.serve(x, f)
}

func (h *Handler) serve(x *Exchange, f Forwarder) error {
	if err := x.admit(); err != nil {
		return err
	}
	x.identify()
	route, err := x.listener.choose(&x.Request, &x.arena)
	if err != nil {
		return err
	}
	x.take(route)
	if x.local() {
		f.Answer(x)
		return nil
	}
	x.bind()
	x.Request.Target = route.target(&x.Request)
	x.prepare()
	return x.forward(f)
}

// finish ends the exchange, whatever became of it, and tells the observers once.
func (h *Handler) finish(x *Exchange) {
	x.giveBack()
	if x.End.IsZero() {
		x.End = time.Now()
	}
	for _, o := range h.observers {
		o.Observe(x)
	}
}

// take notes the route and copies what outlives the snapshot.
func (x *Exchange) take(r *Route) {
	x.route, x.Route = r, r.name
	x.Limits.Request, x.Limits.StreamIdle = r.timeouts.Request.D(), r.timeouts.StreamIdle.D()
}

// local prepares the route's own answer, if it has one.
func (x *Exchange) local() bool {
	switch {
	case x.route.respond.Status != 0:
		x.localAnswer(x.route.respond.Status, x.route.respond.Body)
	case x.route.redirect.To != "":
		x.localAnswer(x.route.redirect.Status, "")
		x.Response.Header.Set("Location", x.route.location(&x.Request))
	default:
		return false
	}
	x.editResponse()
	return true
}

func (x *Exchange) localAnswer(status int, body string) {
	x.Response.Status, x.LocalBody = status, body
	x.Response.Header.Reset()
	if body != "" {
		x.Response.Header.Add("Content-Type", "text/plain; charset=utf-8")
		x.Response.Header.Add("X-Content-Type-Options", "nosniff")
	}
}

// bind finds out which backend the client is bound to, and chooses the pool: one that it is bound in, else one whose backend it has lost,
// else one by weight.
func (x *Exchange) bind() {
	var lost *Pool
	for _, w := range x.route.pools {
		b := w.pool.open(x)
		if b.State == affinity.Valid || len(x.route.pools) == 1 {
			x.choosePool(w.pool, b)
			return
		}
		if b.State == affinity.Gone && lost == nil {
			lost = w.pool
		}
	}
	if lost == nil {
		lost = x.route.draw()
	}
	x.choosePool(lost, lost.open(x))
}

func (x *Exchange) choosePool(p *Pool, b affinity.Binding) {
	x.pool, x.Pool, x.binding = p, p.Name, b
	x.HasAffinity, x.Bound, x.ByPrevious = p.Affinity != nil, b.State, b.Previous
	x.Limits.ResponseHeader = p.ResponseHeader
	x.key = p.key(x)
}

// open reads the client's cookies of the pool's name.
func (p *Pool) open(x *Exchange) affinity.Binding {
	if p.Affinity == nil {
		return affinity.Binding{}
	}
	return p.Affinity.Open(x.cookieValues(p.Affinity.CookieName()), x.Start)
}

// cookieValues returns the raw values of the cookies of that name, in wire order. They are valid until the next call.
func (x *Exchange) cookieValues(name string) []string {
	values := x.cookies[:0]
	for _, l := range x.Request.Header.Lines() {
		if field.Equal(l.Name, "Cookie") {
			values = affinity.Values(values, l.Value, name)
		}
	}
	return values
}

// forward asks backends until one has acted on the request.
func (x *Exchange) forward(f Forwarder) error {
	want := balancer.Want{Tried: &x.tried, Key: x.key}
	if x.binding.State == affinity.Valid {
		want.Backend = x.pool.Balancer.Backend(x.binding.Backend)
	}
	err := errNoBackend
	for {
		lease, none := x.pool.Balancer.Acquire(want)
		if none != nil {
			return err
		}
		if err = x.attempt(f, lease); !errors.Is(err, ErrUnsent) || x.headOut {
			return err
		}
		x.tried.Add(lease.Backend)
		if lease.Backend == want.Backend && x.pool.FailWhenGone {
			return Because(errBoundGone, err)
		}
	}
}

func (x *Exchange) attempt(f Forwarder, lease balancer.Lease) error {
	defer lease.Release()
	if x.Attempts++; x.Attempts > 1 {
		x.Request.Header.Del(movedHeader)
	}
	x.Backend = lease.Backend.ID
	if x.moved() {
		x.Request.Header.Add(movedHeader, "1")
	}
	return f.Forward(x, lease)
}

// moved reports whether the client was bound to another backend than the one now asked.
func (x *Exchange) moved() bool {
	return x.Bound == affinity.Gone || x.Bound == affinity.Valid && x.binding.Backend != x.Backend
}

// Answered is called by the plane when the head of a final response has come, its status and header in x.Response. It makes them fit for
// the client, and sets the affinity cookie. An error means that the response cannot be passed on.
func (x *Exchange) Answered() error {
	status := x.Response.Status
	if status < 200 && (status != 101 || x.Upgrade == "") || status > 999 {
		return Because(ErrAnswer, errors.New("status that was not asked for"))
	}
	if status == 101 && !strings.EqualFold(x.Response.Header.Get("Upgrade"), x.Upgrade) {
		return Because(ErrAnswer, errors.New("upgrade to a protocol that was not asked for"))
	}
	h := &x.Response.Header
	CleanResponse(h)
	if status == 101 {
		h.Add("Connection", "Upgrade")
		h.Add("Upgrade", x.Upgrade)
	}
	x.editResponse()
	x.seal()
	return nil
}

// seal sets the affinity cookie where the client needs one.
func (x *Exchange) seal() {
	if x.pool.Affinity == nil {
		return
	}
	cookie, change := x.pool.Affinity.Seal(x.binding, x.Backend, x.Secure, x.Start)
	x.Change = change
	if cookie == "" {
		return
	}
	x.Response.Header.Add("Set-Cookie", cookie)
	if !x.pool.KeepCaching {
		makePrivate(&x.Response.Header)
	}
}

// fail prepares the answer that the table of faults gives for x.Err.
func (x *Exchange) fail() {
	f := faultFor(x.Err)
	x.localAnswer(f.status, f.text+"\n")
	h := &x.Response.Header
	h.Add("Cache-Control", "no-store")
	if f.retryAfter != "" {
		h.Add("Retry-After", f.retryAfter)
	}
	if x.listener != nil && x.listener.RequestID != "" && x.RequestID != "" {
		h.Add(x.listener.RequestID, x.RequestID)
	}
}

// key returns what the pool's hash policy hashes of this request.
func (p *Pool) key(x *Exchange) balancer.Key {
	if p.HashOn == "" {
		return balancer.Key{}
	}
	kind, name, _ := strings.Cut(string(p.HashOn), ":")
	value := ""
	switch kind {
	case "client-ip":
		value = x.arena.keep(appendNode(x.arena.room(member), x.ClientIP))
	case "uri":
		value = x.Request.Target
	case "header":
		value = x.Request.Header.Get(name)
	case "cookie":
		if v := x.cookieValues(name); len(v) > 0 {
			value = v[0]
		}
	}
	if value == "" {
		return balancer.Key{}
	}
	return balancer.KeyOf(value)
}
