package own

import (
	"errors"
	"time"

	"usher/proxy"
	"usher/proxy/field"
	"usher/proxy/h1"
)

// relay passes the response on to the client.
func (w *worker) relay() error {
	u := &w.up
	w.Response.Status = u.head.Status
	w.Response.Header, u.head.Fields = u.head.Fields, w.Response.Header
	trailer := ""
	if u.head.Chunked {
		trailer = w.Response.Header.Get("Trailer")
	}
	if err := w.Answered(); err != nil {
		return err
	}
	defer w.plane.streams.begun(w)()
	if w.Response.Status == 101 {
		return w.tunnel()
	}
	framing := w.framing()
	u.body.Limits = h1.Limits{}
	u.body.Start(u.head.Body)
	w.upload.withhold()
	if trailer != "" && framing.Kind == h1.Chunked {
		trailer = announced(trailer, w.TrailerFilter())
	} else {
		trailer = ""
	}
	out, err := w.appendHead(h1.Hop{Body: framing, Trailer: trailer})
	if err != nil {
		return proxy.Because(proxy.ErrAnswer, err)
	}
	return w.pass(out, framing)
}

// pass writes the head and the body.
func (w *worker) pass(out []byte, framing h1.Framing) error {
	u, t := &w.up, &w.download
	t.body, t.out, t.moved = &u.body, out, &w.ResponseBytes
	t.chunked = framing.Kind == h1.Chunked && u.head.Body.Kind != h1.None // what HEAD is told of does not follow
	t.in, t.next, t.memory, t.length = &u.in, &u.flow, &u.flowing, u.head.Body.Kind == h1.Length
	if !u.body.Done() && (u.in.empty() || len(u.in.room()) > 0) && u.Probe() != quiet {
		n, _ := u.Read(u.in.room()) // what came behind the head goes out with it; an error comes again
		u.in.w += n
	}
	if err := t.run(); err != nil {
		w.broken, w.leave = w.HeadSent(), true
		return err
	}
	spare := !u.in.empty() || !u.flow.empty()
	u.whole = u.head.KeepAlive && !spare
	return nil
}

// framing is how the client gets the body (RFC 9112 6.3). A client of HTTP/1.0 knows no chunks.
func (w *worker) framing() h1.Framing {
	h := &w.up.head
	if h.Body.Kind == h1.None { // what a body would have had
		switch {
		case h.ContentLength >= 0:
			return h1.Framing{Kind: h1.Length, Length: h.ContentLength}
		case h.Chunked && w.head.Minor == 1:
			return h1.Framing{Kind: h1.Chunked}
		}
		return h1.Framing{}
	}
	if h.Body.Kind == h1.Length {
		return h.Body
	}
	if w.head.Minor == 1 {
		return h1.Framing{Kind: h1.Chunked}
	}
	w.leave = true
	return h1.Framing{Kind: h1.UntilClose}
}

// appendHead writes the head of the final response.
func (w *worker) appendHead(hop h1.Hop) ([]byte, error) {
	if w.client.service.stopping.Load() {
		w.leave = true
	}
	h := &w.Response.Header
	if !h.Has("Date") { // RFC 9110 6.6.1
		h.Add("Date", w.plane.date.at(time.Now()))
	}
	hop.Close = w.leave && !hop.Upgrade // clients take no upgrade from an answer that says close
	hop.KeepAlive = w.head.Minor == 0
	return h1.AppendResponseHead(w.out, w.Response.Status, h, hop)
}

// Answer answers the client in place of a backend.
func (w *worker) Answer(x *proxy.Exchange) {
	w.upload.withhold()
	if x.Response.Status == proxy.StatusClientGone {
		w.leave, w.broken = true, true
		return
	}
	if x.Err != nil && errors.Is(x.Err, proxy.ErrClientBody) {
		w.leave, w.linger = true, true
	}
	hop := h1.Hop{Body: h1.Framing{Kind: h1.Length, Length: int64(len(x.LocalBody))}}
	if x.Response.Status == 304 {
		hop.Body = h1.Framing{}
	}
	out, err := w.appendHead(hop)
	if err != nil { // a header that a route sets; the configuration does not let it pass
		w.leave, w.broken = true, true
		return
	}
	if x.Request.Method != "HEAD" && x.Response.Status != 304 && x.Response.Status != 204 {
		out = append(out, x.LocalBody...)
		x.ResponseBytes = int64(len(x.LocalBody))
	}
	w.client.WriteBy(w.carrier.now().in(localWrite))
	if _, err := w.client.Write(out); err != nil {
		w.leave, w.broken = true, true
	}
	x.HeadOut()
}

// localWrite is how long a client may take to read an answer that has no other bound.
const localWrite = time.Minute

// writeAnswer writes the final response's head and what follows it.
func (w *worker) writeAnswer(p []byte) error {
	if err := w.writeClient(p); err != nil {
		return err
	}
	if !w.HeadSent() {
		w.FirstByte = w.carrier.wall().Add(time.Duration(clock() - w.carrier.now()))
		w.HeadOut()
	}
	return nil
}

// writeClient writes to the client.
func (w *worker) writeClient(p []byte) error {
	w.client.WriteBy(w.bound(w.Limits.StreamIdle))
	if _, err := w.client.Write(p); err != nil {
		return proxy.Because(proxy.ErrClientGone, err)
	}
	return nil
}

// trailersKept removes what may not stand in a trailer section.
func (w *worker) trailersKept(b *h1.Body) {
	if b.Trailer.Len() > 0 {
		keep := w.TrailerFilter()
		b.Trailer.Keep(func(l *field.Line) bool { return keep(l.Name) })
	}
}
