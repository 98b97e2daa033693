package std

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"time"

	"usher/balancer"
	"usher/proxy"
	"usher/proxy/field"
)

// flight is one exchange in this plane: what the walk sees of it, and net/http's side of it. It is used again when it is over.
type flight struct {
	proxy.Exchange
	service *service
	w       http.ResponseWriter
	r       *http.Request
	watch   *watchdog
	body    *requestBody // the current attempt's; nil without a body
	cut     bool

	informational sync.Mutex // held while a 1xx response is written
	answered      bool       // no more 1xx; guarded by informational
}

var _ proxy.Forwarder = (*flight)(nil)

func (f *flight) begin(s *service, w http.ResponseWriter, r *http.Request) {
	f.service, f.w, f.r, f.cut, f.answered = s, w, r, false, false
	f.Entry, f.Start = s.key, time.Now()
	q := &f.Request
	q.Method, q.Host, q.Proto, q.TLS = r.Method, r.Host, r.Proto, r.TLS != nil
	q.Target, q.ContentLength = originForm(r.RequestURI), r.ContentLength
	if r.Body == http.NoBody {
		q.ContentLength = 0
	}
	q.Peer, _ = netip.ParseAddrPort(r.RemoteAddr)
	for name, values := range r.Header {
		for _, v := range values {
			q.Header.Add(name, v)
		}
	}
}

// originForm takes scheme and authority off a target in absolute form (RFC 9112 3.2.2). net/http has read them into Host.
func originForm(target string) string {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || strings.HasPrefix(target, "/") || strings.ContainsAny(scheme, "/?") {
		return target
	}
	i := strings.IndexAny(rest, "/?")
	switch {
	case i < 0:
		return "/"
	case rest[i] == '?':
		return "/" + rest[i:]
	}
	return rest[i:]
}

// end frees the flight of everything that belongs to the exchange, and reports whether the response has to be cut.
func (f *flight) end() (cut bool) {
	cut = f.cut
	f.leaveBody()
	f.Reset()
	f.service, f.w, f.r, f.body, f.watch = nil, nil, nil, nil, nil
	return cut
}

// Await runs fn: a goroutine may block.
func (f *flight) Await(fn func()) { fn() }

// Forward sends the request to the lease's backend and passes the answer on.
func (f *flight) Forward(x *proxy.Exchange, l balancer.Lease) error {
	ctx, cancel := context.WithCancelCause(f.r.Context())
	defer cancel(nil)
	if x.Limits.Request > 0 {
		left := time.Until(x.Start.Add(x.Limits.Request))
		defer time.AfterFunc(left, func() { cancel(proxy.ErrTimeout) }).Stop()
	}
	f.watch = newWatchdog(x.Limits.StreamIdle, func() { cancel(proxy.ErrTimeout) })
	defer f.watch.pause()
	if x.Request.ContentLength != 0 {
		f.body = newRequestBody(f, f.watch)
		defer func() { x.RequestBytes = f.body.count() }()
	}

	resp, err := f.roundTrip(ctx, l.Backend)
	if err != nil {
		return f.explain(ctx, err)
	}
	defer resp.Body.Close()
	if err := f.relay(resp); err != nil {
		f.cut = x.HeadSent()
		return f.explain(ctx, err)
	}
	return nil
}

// roundTrip sends the request and returns the response's head.
func (f *flight) roundTrip(ctx context.Context, b *balancer.Backend) (*http.Response, error) {
	t, err := f.service.plane.transports.get(keyOf(f.Connect(), f.Limits.ResponseHeader))
	if err != nil {
		return nil, err
	}
	out, err := f.outgoing(b)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	resp, err := t.RoundTrip(out.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: f.got1xx})))
	f.BackendWait += time.Since(began)
	f.informational.Lock()
	f.answered = true
	f.informational.Unlock()
	if err != nil && resp != nil {
		resp.Body.Close()
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
		return proxy.ErrClientBody
	}
	u.Opaque, u.Path, u.RawPath, u.RawQuery, u.ForceQuery = "", decoded, path, query, has
	if u.EscapedPath() != path {
		return errors.New("target beginning with // has bytes that cannot be sent as they came")
	}
	return nil
}

func fill(h http.Header, s *field.Section) {
	for _, l := range s.Lines() {
		h.Add(l.Name, l.Value)
	}
}

// got1xx passes an informational response on; 100 and 101 have ways of their own. net/http calls it on another goroutine.
func (f *flight) got1xx(code int, header textproto.MIMEHeader) error {
	f.informational.Lock()
	defer f.informational.Unlock()
	if code == http.StatusContinue || f.answered || f.r.Proto == "HTTP/1.0" {
		return nil
	}
	var s field.Section
	read(&s, header)
	f.Informational(&s)
	h := f.w.Header()
	fill(h, &s)
	f.w.WriteHeader(code)
	clear(h)
	return nil
}

func read(s *field.Section, header map[string][]string) {
	for name, values := range header {
		for _, v := range values {
			s.Add(name, v)
		}
	}
}

// Answer answers the client in place of a backend.
func (f *flight) Answer(x *proxy.Exchange) {
	if x.Response.Status == proxy.StatusClientGone {
		f.cut = true
		return
	}
	f.writeHead()
	n, _ := f.w.Write([]byte(x.LocalBody))
	x.ResponseBytes = int64(n)
	x.HeadOut()
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
	case errors.Is(err, proxy.ErrUnsent), errors.Is(err, proxy.ErrClientGone), errors.Is(err, proxy.ErrAnswer):
		return err
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return proxy.Because(proxy.ErrTimeout, err)
	}
	return proxy.Because(proxy.ErrAnswer, err)
}
