package std

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"usher/proxy"
)

const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// relay passes the backend's response on to the client. It calls late when the body stands still for too long.
func (f *flight) relay(late func(), resp *http.Response) error {
	if resp.ProtoMajor == 2 && !lengthsAre(resp.ContentLength, resp.Header) {
		return proxy.Because(proxy.ErrAnswer, errLength) // or a client over HTTP/1.1 would be told two lengths
	}
	f.Response.Status = resp.StatusCode
	f.Response.Header.Reset()
	read(&f.Response.Header, resp.Header)
	if err := f.Answered(); err != nil {
		return err
	}
	defer f.service.plane.streams.begun(f)()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return f.tunnel(resp)
	}
	if f.body.begun() && f.r.ProtoMajor == 1 {
		// Or net/http would throw the rest of the request's body away to write the head.
		http.NewResponseController(f.w).EnableFullDuplex()
	}
	announced := f.announceTrailers(resp)
	f.writeHead()
	f.HeadOut()
	if err := f.copyBody(resp, late); err != nil {
		return err
	}
	f.writeTrailers(resp, announced)
	return nil
}

// writeHead writes status and header section of x.Response, with nothing of net/http's own but Date.
func (f *flight) writeHead() {
	h := f.w.Header()
	fill(h, &f.Response.Header)
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // or net/http would guess one
	}
	if f.service.stopping.Load() || f.oneExchange() {
		h.Set("Connection", "close")
	}
	f.allowWrite()
	f.w.WriteHeader(f.Response.Status)
}

// oneExchange reports whether the connection must not be used again: net/http has let pass, and hidden, what two readers can take for two
// different messages, Transfer-Encoding beside Content-Length or in HTTP/1.0 (RFC 9112 6.1).
func (f *flight) oneExchange() bool {
	return f.r.ProtoMajor == 1 && (f.r.ProtoMinor == 0 || len(f.r.TransferEncoding) > 0)
}

// localWrite is how long a client may take to read an answer that has no other bound.
const localWrite = time.Minute

// allowWrite gives the client time to read what is written next.
func (f *flight) allowWrite() {
	idle := f.Limits.StreamIdle
	if f.Attempts == 0 {
		idle = localWrite
	}
	until := time.Time{}
	if idle > 0 {
		until = time.Now().Add(idle)
	}
	http.NewResponseController(f.w).SetWriteDeadline(until)
}

// Answer answers the client in place of a backend.
func (f *flight) Answer(x *proxy.Exchange) {
	if f.body != nil {
		f.body.leave()
	}
	if x.Response.Status == proxy.StatusClientGone {
		f.cut = true
		return
	}
	f.writeHead()
	n, _ := f.w.Write([]byte(x.LocalBody))
	x.ResponseBytes = int64(n)
	x.HeadOut()
}

// copyBody streams the response's body. What has come is sent on at once when no more is there, so that events arrive when they happen.
func (f *flight) copyBody(resp *http.Response, late func()) error {
	if resp.StatusCode == http.StatusNotModified {
		return nil // whose length is another answer's (RFC 9110 8.6); over HTTP/2 net/http misses the body
	}
	watch := newWatchdog(f.Limits.StreamIdle, late)
	defer watch.pause()
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	rc := http.NewResponseController(f.w)
	if resp.ContentLength == -1 {
		rc.Flush() // the head of a stream must not wait for its first event
	}
	for {
		watch.kick()
		n, err := resp.Body.Read(buf[:])
		if n > 0 {
			f.allowWrite()
			if _, werr := f.w.Write(buf[:n]); werr != nil {
				return proxy.Because(proxy.ErrClientGone, werr)
			}
			f.ResponseBytes += int64(n)
			if err == nil && (n < bufferSize || resp.ContentLength == -1) {
				rc.Flush()
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// announceTrailers names the response's trailers that will be passed on.
func (f *flight) announceTrailers(resp *http.Response) map[string]bool {
	if len(resp.Trailer) == 0 {
		return nil
	}
	keep, announced := f.TrailerFilter(), map[string]bool{}
	for name := range resp.Trailer {
		if keep(name) {
			announced[name] = true
			f.w.Header().Add("Trailer", name)
		}
	}
	return announced
}

// writeTrailers passes the trailers on, those too that the backend had not announced.
func (f *flight) writeTrailers(resp *http.Response, announced map[string]bool) {
	if len(resp.Trailer) == 0 {
		return
	}
	http.NewResponseController(f.w).Flush() // trailers need a chunked body, though it be empty
	h, keep := f.w.Header(), f.TrailerFilter()
	for name, values := range resp.Trailer {
		if !keep(name) {
			continue
		}
		if !announced[name] {
			name = http.TrailerPrefix + name
		}
		for _, v := range values {
			h.Add(name, strings.Trim(v, " \t"))
		}
	}
}
