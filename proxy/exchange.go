package proxy

import (
	"net/netip"
	"time"

	"usher/affinity"
	"usher/balancer"
	"usher/proxy/field"
)

// Forwarder makes one attempt to have a backend answer an exchange and passes the answer on. Each plane has one.
type Forwarder interface {
	// Forward sends x.Request to the lease's backend and passes the answer on. When the head of the response is there it calls
	// x.Answered, and x.HeadOut once that head has gone to the client. It returns nil when the response has reached the client in full,
	// whatever its status. An error that wraps ErrUnsent means that the backend has not acted on the request. After HeadOut an error
	// means that the client was left with a visibly incomplete response.
	Forward(x *Exchange, l balancer.Lease) error
	// Answer answers the client in place of a backend: x.Response, with x.LocalBody. Called at most once, and not after HeadOut.
	Answer(x *Exchange)
	// Await runs f where blocking is allowed and returns when it is done: f itself on a goroutine, elsewhere with the coroutine parked.
	// Whatever may block goes through it, and nothing else in the walk blocks.
	Await(f func())
}

// Exchange is one request and its response on their way through the proxy.
//
// It carries what each step has found out to the steps after it and, when all is done, to the observers. It belongs to one goroutine (or
// coroutine) at a time. A plane may use it again after Serve has returned: Reset it first.
type Exchange struct {
	// Entry is the key of the listener that the request came in on. Set by the plane, like Request and Start.
	Entry   string
	Request Request
	// Shard is a small number that tells apart those who serve at the same time: the event loop's. Observers may count by it. Set by the
	// plane, 0 or more, and not changed before Serve has returned; Reset keeps it.
	Shard int
	// Reuse says that nothing of what Forward was given is looked at once the exchange is over, so that the next one may have the memory of
	// the strings that the walk has made: net/http's Transport, for one, may go on writing a request that it has given up. Set by the
	// plane; Reset keeps it.
	Reuse bool
	// Start is when the first byte of the request was seen, or the nearest that the plane knows. A plane that leaves it zero gets the time
	// at which the walk began.
	Start time.Time

	// Response is the answer's head, filled in by the plane in Forward and by the walk for local answers.
	Response Response
	// LocalBody is the body of a local answer.
	LocalBody string

	// Listener, Route, Pool and Backend are names from the configuration; empty while not known. Backend is the last one tried.
	Listener, Route, Pool, Backend string
	// ClientIP is the client's address, behind trusted proxies. Secure says that the client came by TLS.
	ClientIP netip.Addr
	Secure   bool
	// RequestID identifies the exchange in logs and to the backend.
	RequestID string
	// Received is the path as it came. The query is left out: it can hold secrets.
	Received string
	// Upgrade is the protocol, in lower case, that the client asks for and the route allows; else empty.
	Upgrade string
	// Attempts counts the backends tried.
	Attempts int
	// Bound is what the client's cookie said; Change is what became of it. HasAffinity says that the pool binds at all.
	Bound       affinity.State
	Change      affinity.Change
	HasAffinity bool
	// ByPrevious says that the cookie was sealed with a previous secret.
	ByPrevious bool
	// Err is why the exchange failed, or nil.
	Err error
	// BackendWait is the time spent waiting for a backend's response head, over all attempts. FirstByte is when the head went out, End when
	// the exchange was over. The walk takes the time where the plane, before HeadOut and before Forward returns, has not.
	BackendWait    time.Duration
	FirstByte, End time.Time
	// RequestBytes and ResponseBytes count body bytes passed on, a tunnel's too. Set by the plane.
	RequestBytes, ResponseBytes int64
	// Limits holds the bounds in force, copied so that a stream holds no snapshot.
	Limits Limits

	snapshot *Snapshot
	listener *Listener
	route    *Route
	pool     *Pool
	binding  affinity.Binding
	key      balancer.Key
	trusted  bool
	tried    balancer.Set
	cookies  [4]string
	arena    arena
	headOut  bool
	// of the listener, for trailers, which may come when the snapshot is gone
	strip, owned field.Names
	underscores  bool
}

// Limits bounds one exchange. Zero means no bound.
type Limits struct {
	// Body is the most bytes that a request's body may have.
	Body int64
	// MinRate is the least bytes per second at which a request's body may arrive.
	MinRate int64
	// Request bounds the whole exchange, ResponseHeader the wait for a response head, StreamIdle a body's or tunnel's standing still.
	Request, ResponseHeader, StreamIdle time.Duration
}

// Request is the head of a request as the plane read it. The walk changes Target and Header into what the backend gets.
type Request struct {
	Method string
	// Target is the path and query as they came, byte for byte, or "*".
	Target string
	// Host is the authority: the Host field, or what an absolute target or :authority said.
	Host string
	// Proto is "HTTP/1.0", "HTTP/1.1" or "HTTP/2.0".
	Proto  string
	Header field.Section
	// FieldsChecked says that each line of Header has been held against field.IsToken and field.IsValue, as proxy/h1 does where it parses.
	FieldsChecked bool
	// Peer is the address of the connection's other end.
	Peer netip.AddrPort
	// TLS says that the connection is encrypted.
	TLS bool
	// ContentLength is the body's length in bytes, or -1 if unknown.
	ContentLength int64
}

// Path returns the target without its query.
func (r *Request) Path() string {
	for i := range len(r.Target) {
		if r.Target[i] == '?' {
			return r.Target[:i]
		}
	}
	return r.Target
}

// Response is the head of a response.
type Response struct {
	Status int
	Header field.Section
}

// Retried is how many further backends were asked because the one before could not be connected to.
func (x *Exchange) Retried() int { return max(0, x.Attempts-1) }

// Reset makes x ready for another exchange and keeps its memory.
func (x *Exchange) Reset() {
	x.Request.Header.Reset()
	x.Response.Header.Reset()
	x.arena.reset(x.Reuse)
	*x = Exchange{
		Shard: x.Shard, Reuse: x.Reuse, arena: x.arena,
		Request: Request{Header: x.Request.Header}, Response: Response{Header: x.Response.Header},
	}
}

// HeadSent reports whether the head of a response has gone to the client, so that no other answer can be given.
func (x *Exchange) HeadSent() bool { return x.headOut }

// HeadOut is called by the plane once, when the head of the final response has gone to the client. The exchange gives its snapshot back:
// what streams on for a day must not hold a day-old configuration.
func (x *Exchange) HeadOut() {
	x.headOut = true
	if x.FirstByte.IsZero() {
		x.FirstByte = time.Now()
	}
	x.giveBack()
}

// Connect says how the chosen pool's backends are connected to; it is not to be changed. Valid in Forward, until HeadOut.
func (x *Exchange) Connect() *ConnectConfig { return &x.pool.Connect }

func (x *Exchange) giveBack() {
	if x.snapshot != nil {
		x.snapshot.release(x.Shard)
	}
	x.snapshot, x.listener, x.route, x.pool = nil, nil, nil, nil
}
