package test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"usher/proxy/h1"
)

// recorder is a backend that keeps every byte it gets. It answers one request a connection, and reads on until the connection is closed:
// what stands behind a request would be another one.
type recorder struct {
	address string
	mu      sync.Mutex
	all     []*record
}

// record is one connection.
type record struct {
	ended chan struct{} // closed once raw is all that came
	raw   []byte
}

func newRecorder(t *testing.T) *recorder {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{address: l.Addr().String()}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := &record{ended: make(chan struct{})}
			rec.mu.Lock()
			rec.all = append(rec.all, r)
			rec.mu.Unlock()
			conns.Go(func() { r.keep(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Wait()
	})
	return rec
}

// keep reads a connection to its end, and answers the first request that is whole.
func (r *record) keep(c net.Conn) {
	defer close(r.ended)
	defer c.Close()
	buf, answered := make([]byte, 64<<10), false
	for {
		n, err := c.Read(buf)
		r.raw = append(r.raw, buf[:n]...)
		if _, _, whole := parseRequest(r.raw); whole == nil && !answered {
			answered = true
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}
		if err != nil {
			return
		}
	}
}

// take returns the connections since the last call, in order, each of which has ended by now or is about to.
func (rec *recorder) take() (raw [][]byte) {
	rec.mu.Lock()
	all := rec.all
	rec.all = nil
	rec.mu.Unlock()
	for _, r := range all {
		<-r.ended
		raw = append(raw, r.raw)
	}
	return raw
}

// pool is the configuration of one pool with this backend, which keeps no connection that nothing was sent on.
func (rec *recorder) pool() string {
	return fmt.Sprintf("routes: [{pool: web}]\npools: {web: {connect: {keepalive: 0s}, backends: [%q]}}\n", rec.address)
}

// givenUp is a field of requests that are reset on their way. Their connection to the backend may come late, and even after those of requests
// behind them.
const givenUp = "x-given-up"

// before returns what came before the request that begins with last, which must have come: all but what has been given up, none of which may
// be a whole request, and connections on which not a byte was sent.
func (rec *recorder) before(t *testing.T, last string) (got [][]byte) {
	t.Helper()
	found := false
	for _, raw := range rec.take() {
		switch {
		case bytes.HasPrefix(raw, []byte(last)):
			found = true
		case bytes.Contains(bytes.ToLower(raw), []byte(givenUp)):
			if request, _, err := parseRequest(raw); err == nil {
				t.Errorf("the backend got a whole request, %s, of one that was broken off", request)
			}
		case len(raw) > 0:
			got = append(got, raw)
		}
	}
	if !found {
		t.Fatalf("the backend got %q, and no %s", got, last)
	}
	return got
}

// errPartial means that a request is not there in full.
var errPartial = errors.New("the request is not whole")

// parseRequest reads a request as proxy/h1 does, and returns it on one line, with its body, and what stands behind it.
func parseRequest(raw []byte) (request string, rest []byte, err error) {
	var head h1.RequestHead
	n, err := head.Parse(raw)
	switch {
	case err != nil:
		return "", nil, err
	case n == 0:
		return "", nil, errPartial
	}
	var body h1.Body
	var payload []byte
	body.Start(head.Body)
	rest = raw[n:]
	for !body.Done() {
		if len(rest) == 0 {
			return "", nil, errPartial
		}
		data, used, err := body.Next(rest)
		if err != nil {
			return "", nil, err
		}
		payload, rest = append(payload, data...), rest[used:]
	}
	return fmt.Sprintf("%s %s %s %q", head.Method, head.Target, head.Host, payload), rest, nil
}

// oneRequest reports why raw is anything but one well-formed request, for proxy/h1 and for net/http alike.
func oneRequest(raw []byte) error {
	ours, rest, err := parseRequest(raw)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%q stands behind the request", rest)
	}
	r := bufio.NewReader(bytes.NewReader(raw))
	req, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	if r.Buffered() > 0 {
		return errors.New("net/http finds more behind the request")
	}
	if theirs := fmt.Sprintf("%s %s %s %q", req.Method, req.RequestURI, req.Host, body); theirs != ours {
		return fmt.Errorf("net/http reads %s, and proxy/h1 %s", theirs, ours)
	}
	return nil
}

func TestTheRecorderTellsOneRequestFromTwo(t *testing.T) {
	for raw, good := range map[string]bool{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                                                              true,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc":                                     true,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab":                                      false,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n":            true,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n":                     false,
		"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n":                             false,
		"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n":                                                   false,
		"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n":                                                           false,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": false,
	} {
		if err := oneRequest([]byte(raw)); (err == nil) != good {
			t.Errorf("%q: got %v", raw, err)
		}
	}
}
