package test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// h2Answer is what a backend sends over h2c: the heads, of which the last is final, what follows, and trailers. It sends a client "secret" only
// in what must not be passed on, and "kept" in what must.
type h2Answer struct {
	rfc      string
	name     string
	interim  fields
	head     fields
	data     []string // nil: the head ends the stream
	trailer  fields
	instead  *frame // sent in place of all that
	outcome  string // the status; "cut" behind it if the client must see that the answer is not whole
	kept     string // must have arrived, if not empty
	forHEAD  bool
	contents string
}

var (
	fine = fields{":status", "200"}
	ok   = []string{"ok"}
)

var h2Answers = []h2Answer{
	{rfc: "8.3.2", name: "a plain answer", head: fine.with("x-a", "kept"), data: ok, outcome: "200", kept: "X-A: kept\r\n", contents: "ok"},
	{rfc: "8.1.1", name: "a length that fits", head: fine.with("content-length", "2"), data: ok, outcome: "200", kept: "Content-Length: 2\r\n", contents: "ok"},

	{rfc: "8.3.2", name: "no status", head: fields{"x-a", "1"}, data: ok, outcome: "502"},
	{rfc: "8.3.2", name: "an empty status", head: fields{":status", ""}, data: ok, outcome: "502"},
	{rfc: "8.3.2", name: "a status that is no number", head: fields{":status", "abc"}, data: ok, outcome: "502"},
	{rfc: "8.3.2", name: "a status with a reason", head: fields{":status", "200 OK"}, data: ok, outcome: "502"},
	{rfc: "8.3.2", name: "a status of two digits", head: fields{":status", "20"}, data: ok, outcome: "502"},
	{rfc: "8.3.2", name: "a status of four digits", head: fields{":status", "2000"}, data: ok, outcome: "502"},
	{rfc: "8.3.2", name: "a status below nothing", head: fields{":status", "-200"}, data: ok, outcome: "502"},
	{rfc: "8.3", name: "two statuses", head: append(fine.with(), ":status", "404"), data: ok, outcome: "502"},
	{rfc: "8.3", name: "a status behind a regular field", head: fields{"x-a", "1", ":status", "200"}, data: ok, outcome: "502"},
	{rfc: "8.3", name: "a pseudo-header field of requests", head: append(fine.with(), ":path", "/"), data: ok, outcome: "502"},
	{rfc: "8.3", name: "an unknown pseudo-header field", head: append(fine.with(), ":secret", "1"), data: ok, outcome: "502"},
	{rfc: "8.6", name: "an upgrade", head: fields{":status", "101", "upgrade", "websocket"}, data: ok, outcome: "502"},

	{rfc: "8.2.1", name: "a name with a capital", head: fine.with("X-Secret", "1"), data: ok, outcome: "502"},
	{rfc: "8.2.1", name: "a name with a space", head: fine.with("x-a b", "secret"), data: ok, outcome: "502"},
	{rfc: "8.2.1", name: "a name with CR LF", head: fine.with("x-a: 1\r\nx-b", "secret"), data: ok, outcome: "502"},
	{rfc: "8.2.1", name: "a value with CR LF", head: fine.with("x-a", "1\r\nset-cookie: secret"), data: ok, outcome: "502"},
	{rfc: "8.2.1", name: "a value with LF", head: fine.with("x-a", "1\n\nsecret"), data: ok, outcome: "502"},
	{rfc: "8.2.1", name: "a value with NUL", head: fine.with("x-a", "secret\x00"), data: ok, outcome: "502"},
	{rfc: "8.2.1", name: "a value with white space around it", head: fine.with("x-a", " kept\t"), data: ok, outcome: "200", kept: "X-A: kept\r\n", contents: "ok"},

	{rfc: "8.2.2", name: "Connection", head: fine.with("connection", "x-inner", "x-inner", "secret", "keep-alive", "timeout=77"), data: ok, outcome: "200", contents: "ok"},
	{rfc: "8.2.2", name: "Transfer-Encoding", head: fine.with("transfer-encoding", "secret, chunked"), data: []string{"2\r\nok\r\n0\r\n\r\n"}, outcome: "200", contents: "2\r\nok\r\n0\r\n\r\n"},
	{rfc: "8.2.2", name: "Upgrade and Proxy-Connection", head: fine.with("upgrade", "secret", "proxy-connection", "secret"), data: ok, outcome: "200", contents: "ok"},
	{rfc: "RFC 9110 5.1", name: "what Usher alone may see", head: fine.with("x-session-patch", "secret", "x_session.destroy", "secret"), data: ok, outcome: "200", contents: "ok"},

	{rfc: "8.1.1", name: "a body that is too short", head: fine.with("content-length", "5"), data: ok, outcome: "200 cut"},
	{rfc: "8.1.1", name: "a body that is too long", head: fine.with("content-length", "1"), data: ok, outcome: "cut"},
	{rfc: "8.1.1", name: "a length and no body", head: fine.with("content-length", "5"), outcome: "cut"},
	{rfc: "8.1.1", name: "a length and no body, of a 304", head: fields{":status", "304", "content-length", "5"}, outcome: "304"},
	{rfc: "8.1.1", name: "a length and no body, for HEAD", head: fine.with("content-length", "5"), forHEAD: true, outcome: "200", kept: "Content-Length: 5\r\n"},
	{rfc: "RFC 9110 8.6", name: "two lengths", head: fine.with("content-length", "2", "content-length", "1"), data: ok, outcome: "502"},
	{rfc: "RFC 9110 8.6", name: "a length that is no number", head: fine.with("content-length", "two"), data: ok, outcome: "502"},
	{rfc: "RFC 9110 8.6", name: "a length with a sign", head: fine.with("content-length", "+2"), data: ok, outcome: "502"},
	{rfc: "RFC 9110 8.6", name: "a length that is a list", head: fine.with("content-length", "2, 2"), data: ok, outcome: "502"},

	{rfc: "8.1", name: "trailers", head: fine.with("trailer", "x-sum"), data: ok, trailer: fields{"x-sum", "kept"}, outcome: "200", kept: "X-Sum: kept\r\n", contents: "ok"},
	{rfc: "8.1", name: "trailers that were not announced", head: fine, data: ok, trailer: fields{"grpc-status", "kept"}, outcome: "200", kept: "Grpc-Status: kept\r\n", contents: "ok"},
	{rfc: "RFC 9110 6.5.1", name: "forbidden trailers", head: fine.with("trailer", "set-cookie, x-session-patch, x-sum"), data: ok, trailer: fields{
		"content-length", "secret", "transfer-encoding", "secret", "set-cookie", "secret", "host", "secret", "x-session-patch", "secret", "x.session.patch", "secret", "x-sum", "kept",
	}, outcome: "200", kept: "X-Sum: kept\r\n", contents: "ok"},
	{rfc: "8.1", name: "a pseudo-header field among trailers", head: fine, data: ok, trailer: fields{":status", "404"}, outcome: "200 cut"},
	{rfc: "8.2.1", name: "a trailer with CR LF", head: fine, data: ok, trailer: fields{"x-a", "1\r\nsecret: 1"}, outcome: "200 cut"},

	{rfc: "8.1", name: "early hints", interim: fields{":status", "103", "link", "kept", "connection", "secret", "x-session-patch", "secret"}, head: fine, data: ok, outcome: "103", kept: "Link: kept\r\n"},
	{rfc: "8.1", name: "an interim answer with a control character", interim: fields{":status", "103", "link", "secret\n"}, head: fine, data: ok, outcome: "502"},
	{rfc: "10.5.1", name: "a section that is too large", head: fine.with(strings.Split(strings.Repeat("x-a,1,", 9000)+"x-a,1", ",")...), data: ok, outcome: "502"},
	{rfc: "8.1", name: "a body without a head", instead: &frame{kind: frameData, flags: endStream, payload: []byte("secret")}, outcome: "502"},
	{rfc: "5.4.2", name: "a stream that is reset", instead: &frame{kind: frameReset, payload: []byte{0, 0, 0, 2}}, outcome: "502"},
	{rfc: "4.1", name: "a frame that breaks off the section", instead: &frame{kind: frameHeaders, flags: endHeaders, payload: []byte{0, 9, 'x'}}, outcome: "502"},
}

// wire is the answer's frames.
func (a *h2Answer) wire(stream uint32) (b []byte) {
	if a.instead != nil {
		f := *a.instead
		f.stream = stream
		return f.wire()
	}
	if a.interim != nil {
		b = section(stream, a.interim, 0)
	}
	return append(b, h2Request{head: a.head, data: a.data, trailer: a.trailer}.wire(stream)...)
}

// h2Backend answers every request of its h2c connections with a.
func h2Backend(t *testing.T, a *h2Answer) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { a.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Wait()
	})
	return l.Addr().String()
}

func (a *h2Answer) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	if _, err := r.Discard(len(preface)); err != nil {
		return
	}
	c.Write(frame{kind: frameSettings}.wire())
	for {
		f, err := readFrame(r)
		switch {
		case err != nil:
			return
		case f.kind == frameSettings && f.flags&ack == 0:
			c.Write(frame{kind: frameSettings, flags: ack}.wire())
		case f.kind == framePing && f.flags&ack == 0:
			c.Write(frame{kind: framePing, flags: ack, payload: f.payload}.wire())
		case f.kind == frameHeaders:
			c.Write(a.wire(f.stream))
		}
	}
}

func TestWhatComesFromAnH2CBackendIsPassedOnWellFormedOrNotAtAll(t *testing.T) {
	var routes, pools strings.Builder
	for i := range h2Answers {
		fmt.Fprintf(&routes, "  - {match: {path: [=/%d]}, pool: p%d}\n", i, i)
		fmt.Fprintf(&pools, "  p%d: {connect: {protocol: h2c}, backends: [%q]}\n", i, h2Backend(t, &h2Answers[i]))
	}
	u := start(t, "routes:\n"+routes.String()+"pools:\n"+pools.String())
	address := strings.TrimPrefix(u.url, "http://")
	for i := range h2Answers {
		a := &h2Answers[i]
		t.Run(a.name, func(t *testing.T) {
			method := http.MethodGet
			if a.forHEAD {
				method = http.MethodHead
			}
			a.check(t, method, rawAnswer(t, address, fmt.Sprintf("%s /%d HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close\r\n\r\n", method, i)))
		})
	}
}

// rawAnswer sends a request and reads to the end of the connection.
func rawAnswer(t *testing.T, address, request string) []byte {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, request)
	raw, _ := io.ReadAll(c) // an end by a reset is an end
	return raw
}

// check holds what the client got against what it should.
func (a *h2Answer) check(t *testing.T, method string, raw []byte) {
	t.Helper()
	status, cut, contents := readAnswer(t, method, raw)
	if cut {
		status = strings.TrimSpace(status + " cut")
	}
	if status != a.outcome || contents != a.contents && !cut && a.contents != "" {
		t.Errorf("got %s with %q, want %s with %q (%s): %q", status, contents, a.outcome, a.contents, a.rfc, raw)
	}
	if bytes.Contains(bytes.ToLower(raw), []byte("secret")) {
		t.Errorf("the client got %q, with what is not for it (%s)", raw, a.rfc)
	}
	if !bytes.Contains(raw, []byte(a.kept)) {
		t.Errorf("the client got %q, without %q (%s)", raw, a.kept, a.rfc)
	}
}

// readAnswer reads the first answer in raw: its status, whether it breaks off, and its body. What stands behind a final one is a failure.
func readAnswer(t *testing.T, method string, raw []byte) (status string, cut bool, contents string) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(raw))
	if len(raw) == 0 {
		return "", true, ""
	}
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("got %q: %v", raw, err)
	}
	text, err := io.ReadAll(resp.Body)
	if rest, _ := io.ReadAll(r); len(rest) > 0 && resp.StatusCode >= 200 {
		t.Errorf("%q stands behind the answer", rest)
	}
	return fmt.Sprint(resp.StatusCode), err != nil, string(text)
}
