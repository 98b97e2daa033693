package std

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"usher/balancer"
	"usher/proxy"
	"usher/proxy/field"
)

// flight is one exchange in this plane: what the walk sees of it, and net/http's side of it. It is used again when it is over: what another
// goroutine may still hold then is not part of it.
type flight struct {
	proxy.Exchange
	service *service
	w       http.ResponseWriter
	r       *http.Request
	body    *requestBody // the current attempt's; nil without a body
	cut     bool
}

var _ proxy.Forwarder = (*flight)(nil)

func (f *flight) begin(s *service, w http.ResponseWriter, r *http.Request) {
	f.service, f.w, f.r, f.cut = s, w, r, false
	f.Entry, f.Start = s.key, time.Now()
	q := &f.Request
	q.Method, q.Host, q.Proto, q.TLS = r.Method, r.Host, r.Proto, r.TLS != nil
	q.Target, q.ContentLength = r.RequestURI, r.ContentLength
	if r.ProtoMajor == 1 {
		q.Target = originForm(r.Method, r.RequestURI)
	}
	if r.Body == http.NoBody {
		q.ContentLength = 0
	}
	q.Peer, _ = netip.ParseAddrPort(r.RemoteAddr)
	read(&q.Header, r.Header)
}

var errLength = errors.New("length that the body has not, or that is no number")

// malformed returns what net/http's HTTP/2 server lets pass though nobody may forward it: a Content-Length that is no number, or not the one
// that the body is held to (RFC 9113 8.1.1, RFC 9110 8.6).
func (f *flight) malformed() *proxy.Refused {
	if f.r.ProtoMajor == 2 && !lengthsAre(f.r.ContentLength, f.r.Header) {
		return &proxy.Refused{Status: http.StatusBadRequest, Why: errLength}
	}
	return nil
}

// lengthsAre reports whether every Content-Length says n. Over HTTP/2 net/http leaves them as they came, those too that it has passed over.
func lengthsAre(n int64, h http.Header) bool {
	for _, length := range h["Content-Length"] {
		if said, err := strconv.ParseUint(length, 10, 63); err != nil || int64(said) != n {
			return false
		}
	}
	return true
}

// originForm takes scheme and authority off a target in absolute form (RFC 9112 3.2.2). net/http has read them into Host.
func originForm(method, target string) string {
	rest, ok := cutScheme(target)
	if !ok {
		return target
	}
	i := strings.IndexAny(rest, "/?")
	switch {
	case i < 0 && method == http.MethodOptions:
		return "*" // RFC 9112 3.2.4
	case i < 0:
		return "/"
	case rest[i] == '?':
		return "/" + rest[i:]
	}
	return rest[i:]
}

func cutScheme(target string) (rest string, ok bool) {
	for _, scheme := range []string{"http://", "https://"} {
		if len(target) >= len(scheme) && strings.EqualFold(target[:len(scheme)], scheme) {
			return target[len(scheme):], true
		}
	}
	return target, false
}

// end frees the flight of everything that belongs to the exchange, and reports whether the response has to be cut.
func (f *flight) end() (cut bool) {
	cut = f.cut
	f.leaveBody()
	f.Reset()
	f.service, f.w, f.r, f.body = nil, nil, nil, nil
	return cut
}

// Await runs fn: a goroutine may block.
func (f *flight) Await(fn func()) { fn() }

// Forward sends the request to the lease's backend and passes the answer on.
func (f *flight) Forward(x *proxy.Exchange, l balancer.Lease) error {
	ctx, cancel := context.WithCancelCause(f.r.Context())
	defer cancel(nil)
	late := func() { cancel(proxy.ErrTimeout) }
	if x.Limits.Request > 0 {
		defer time.AfterFunc(time.Until(x.Start.Add(x.Limits.Request)), late).Stop()
	}
	f.body = nil
	if x.Request.ContentLength != 0 {
		watch := newWatchdog(x.Limits.StreamIdle, late)
		defer watch.pause()
		f.body = newRequestBody(f, watch)
		defer f.body.wakeAtEnd(ctx)()
		defer func() { x.RequestBytes = f.body.read.Load() }()
	}

	resp, err := f.roundTrip(ctx, l.Backend)
	if err != nil {
		return f.explain(ctx, err)
	}
	defer resp.Body.Close()
	if err := f.relay(late, resp); err != nil {
		f.cut = x.HeadSent()
		return f.explain(ctx, err)
	}
	return nil
}

// roundTrip sends the request and returns the response's head.
func (f *flight) roundTrip(ctx context.Context, b *balancer.Backend) (*http.Response, error) {
	t, err := f.service.plane.transports.get(keyOf(*f.Connect(), f.Limits.ResponseHeader))
	if err != nil {
		return nil, err
	}
	out, err := f.outgoing(b)
	if err != nil {
		return nil, err
	}
	hints := &interim{w: f.w, clean: proxy.CleanResponse}
	if f.r.Proto == "HTTP/1.0" {
		hints.w = nil // which knows no 1xx
	}
	var used *backendConn
	trace := &httptrace.ClientTrace{Got1xxResponse: hints.got, GotConn: func(info httptrace.GotConnInfo) {
		if used, _ = info.Conn.(*backendConn); used != nil && info.Reused {
			used.begin()
		}
	}}
	began := time.Now()
	resp, err := t.RoundTrip(out.WithContext(httptrace.WithClientTrace(ctx, trace)))
	f.BackendWait += time.Since(began)
	hints.end()
	if err == nil && used != nil && used.stale() {
		resp.Body.Close()
		return nil, proxy.Because(proxy.ErrAnswer, errSpare)
	}
	return resp, err
}

// outgoing is the backend's request: what the walk has made of the client's.
func (f *flight) outgoing(b *balancer.Backend) (*http.Request, error) {
	u := &url.URL{Scheme: b.Scheme, Host: b.Address, Opaque: f.Request.Target}
	if strings.HasPrefix(u.Opaque, "//") { // net/url would write that as an absolute target
		if err := pathOf(u); err != nil {
			return nil, err
		}
	}
	out := &http.Request{
		Method: f.Request.Method, URL: u, Host: f.Request.Host, Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: f.Request.ContentLength,
	}
	fill(out.Header, &f.Request.Header)
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := out.Header[name]; ok { // by which net/http would send a POST twice; it looks for this spelling alone
			delete(out.Header, name)
			out.Header[strings.ToLower(name)] = values
		}
	}
	if !f.Request.Header.Has("User-Agent") {
		out.Header["User-Agent"] = []string{""} // or net/http would name itself
	}
	if f.body != nil { // go.dev/issue/16036: a request with a Body that is not nil is not sent again on a stale connection
		out.Body, out.Trailer = f.body, f.body.out
	}
	return out, nil
}

// pathOf moves an opaque target into path and query, so that it is written as it came.
func pathOf(u *url.URL) error {
	path, query, has := strings.Cut(u.Opaque, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return proxy.ErrTarget
	}
	u.Opaque, u.Path, u.RawPath, u.RawQuery, u.ForceQuery = "", decoded, path, query, has
	if u.EscapedPath() != path {
		return proxy.ErrTarget
	}
	return nil
}

func fill(h http.Header, s *field.Section) {
	for _, l := range s.Lines() {
		h.Add(l.Name, l.Value)
	}
}

func read(s *field.Section, header map[string][]string) {
	for name, values := range header {
		for _, v := range values {
			s.Add(name, v)
		}
	}
}

// explain finds out whose fault a failure was. The client's comes first: what it broke off is never held against a backend.
func (f *flight) explain(ctx context.Context, err error) error {
	if fault := f.body.err(); fault != nil {
		return fault
	}
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, proxy.ErrTimeout):
		return proxy.Because(proxy.ErrTimeout, err)
	case f.r.Context().Err() != nil:
		return proxy.Because(proxy.ErrClientGone, err)
	case errors.Is(err, proxy.ErrUnsent), errors.Is(err, proxy.ErrClientGone), errors.Is(err, proxy.ErrAnswer), errors.Is(err, proxy.ErrTarget):
		return err
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return proxy.Because(proxy.ErrTimeout, err)
	}
	return proxy.Because(proxy.ErrAnswer, err)
}
