package own

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/proxy/h1"
)

// scripted is a backend that answers each request with what the test has laid out.
type scripted struct {
	asker
	net.Listener
	t     testing.TB
	conns sync.WaitGroup
	next  chan script
	done  chan struct{} // the script has been played
}

// script is an answer: its parts go out each in a read of its own.
type script struct {
	parts []string
	close bool // the connection ends behind it
	spoil bool // no other request may come on the connection
	after int  // of bytes of the first part, so many are the answer: what is behind nobody reads
}

func play(t testing.TB) *scripted {
	b := &scripted{asker: newAsker(t), Listener: listening(t), t: t, next: make(chan script, 1), done: make(chan struct{}, 1)}
	b.conns.Go(func() {
		for {
			c, err := b.Accept()
			if err != nil {
				return
			}
			b.conns.Go(func() { b.serve(c.(*net.TCPConn)) })
		}
	})
	return b
}

func (b *scripted) serve(c *net.TCPConn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for spoiled := false; ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		io.Copy(io.Discard, r.Body)
		if spoiled {
			b.t.Error("a request came on a connection that had bytes behind an answer, or is not a connection for requests any more")
		}
		s := <-b.next
		c.Write([]byte(s.parts[0]))
		if len(s.parts) > 1 {
			if len(s.parts[0]) <= s.after {
				b.taken(b.t, c)
			}
			c.Write([]byte(s.parts[1])) // an error is a proxy that has seen enough
		}
		if s.close {
			c.Close()
		}
		spoiled = s.spoil
		b.done <- struct{}{}
	}
}

// played is what has to become of the bytes that a backend answers with.
type played struct {
	message
	interims []int
	used     int // bytes of the answer
}

// broken reports whether it is the body that is not good.
func (p *played) broken() bool { return p.head > 0 && p.status != unasked }

// unasked are statuses that change what a connection speaks; nobody has asked for that.
const unasked = 101

func follow(t testing.TB, c *wireCase) (p played) {
	rest := c.bytes()
	for first := true; ; first = false {
		m := asResponse(rest, c.method(), c.EOF)
		if _, wide := wider[c.Name]; first && !wide {
			c.verdict(t, &m)
		}
		if m.more && m.framing.Kind == h1.UntilClose { // and the connection ends
			m = asResponse(rest, c.method(), true)
		}
		p.message, p.used = m, p.used+len(m.raw)
		if m.head == 0 || m.fault != nil || m.status >= 200 || m.status == unasked {
			break
		}
		if m.status != 100 {
			p.interims = append(p.interims, m.status)
		}
		rest = m.rest
	}
	if p.status == unasked {
		p.fault = errors.New("nobody has asked for another protocol")
	}
	return p
}

// wider are the cases that are refused by the strict reader's bounds for heads. The engine has wider ones for backends: 256 KiB and 1000
// lines.
var wider = map[string]struct{}{"a head too large": {}, "a status line too long": {}, "too many lines": {}}

// untold are the cases that no client can be answered with. CONNECT is answered with 405 (RFC 9110 9.3.6) and not sent; where no byte comes
// on a connection that was used before, the request is sent again on another.
func untold(c *wireCase) bool { return c.method() == "CONNECT" || c.bytes() == "" }

func TestEveryResponseOfTheCorpusPassesOrIsAnsweredFor(t *testing.T) {
	for name, loops := range single {
		t.Run(name, func(t *testing.T) { responses(t, loops) })
	}
}

func responses(t *testing.T, loops int) {
	roomy(t)
	b := play(t)
	f := raise(t, loops, b.Addr().String(), nil)
	r := &replier{requester{t: t, f: f}, b}
	runs := 0
	for _, c := range readCases(t, "responses.json") {
		if untold(&c) {
			continue
		}
		want := follow(t, &c)
		for _, at := range cuts(c.bytes()) {
			r.what = fmt.Sprintf("%s, parted at %d", c.Name, at)
			r.try(&c, &want, at)
			if runs++; t.Failed() {
				return
			}
		}
	}
	r.drop()
	f.end()
	b.Close()
	b.conns.Wait()
	t.Logf("answered %d times", runs)
}

// replier asks a plane, and has the backend answer with the cases.
type replier struct {
	requester
	b *scripted
}

func (r *replier) try(c *wireCase, want *played, at int) {
	r.t.Helper()
	raw := c.bytes()
	s := script{parts: []string{raw}, close: c.EOF || want.more || want.framing.Kind == h1.UntilClose, after: want.used}
	if want.more || want.fault != nil {
		s.after = len(raw)
	}
	if at > 0 {
		s.parts = []string{raw[:at], raw[at:]}
	}
	s.spoil = want.rest != "" || !want.keep || want.fault != nil || want.more
	r.b.next <- s
	r.send(c.method()+" / HTTP/1.1\r\nHost: a.example\r\n\r\n", 0)
	r.hold(c, want, at)
	<-r.b.done
}

// hold holds what the client gets against what is wanted.
func (r *replier) hold(c *wireCase, want *played, at int) {
	r.t.Helper()
	var interims []int
	resp, err := http.ReadResponse(r.c.r, &http.Request{Method: c.method()})
	for ; err == nil && resp.StatusCode < 200; resp, err = http.ReadResponse(r.c.r, &http.Request{Method: c.method()}) {
		interims = append(interims, resp.StatusCode)
	}
	if err != nil {
		r.t.Errorf("%s: no answer: %v", r.what, err)
		r.drop()
		return
	}
	body, err := io.ReadAll(resp.Body)
	good := want.fault == nil && !want.more
	switch {
	case good && (resp.StatusCode != want.status || string(body) != want.body || err != nil):
		r.t.Errorf("%s: got %d %q %v, want %d %q", r.what, resp.StatusCode, body, err, want.status, want.body)
	case good:
		r.fits(want, resp)
	case resp.StatusCode == 502 && err == nil && (string(body) == "Bad Gateway\n" || c.method() == "HEAD"):
	case want.broken() && (at > 0 || want.more || c.EOF) && err != nil && strings.HasPrefix(want.body, string(body)):
		// A part had gone out before the rest turned out to be malformed, or did not come: the client sees that it is one.
	default:
		r.t.Errorf("%s: got %d %q %v, want 502 or a visible cut", r.what, resp.StatusCode, body, err)
	}
	if !slices.Equal(interims, want.interims) {
		r.t.Errorf("%s: got the informational responses %v, want %v", r.what, interims, want.interims)
	}
	if err != nil || resp.Close {
		r.drop()
	}
}

// fits compares the fields that the client gets with those of the backend.
func (r *replier) fits(want *played, resp *http.Response) {
	r.t.Helper()
	var nominated []string
	for _, l := range want.fields {
		if name, value, _ := strings.Cut(l, ": "); strings.EqualFold(name, "Connection") {
			nominated = append(nominated, strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(", \t", c) })...)
		}
	}
	nominated = append(nominated, "Host") // means nothing in a response, and is not written
	lines := http.Header{}
	for _, l := range want.fields {
		name, value, _ := strings.Cut(l, ": ")
		if same := func(n string) bool { return strings.EqualFold(n, name) }; !slices.ContainsFunc(hop[:8], same) &&
			!slices.ContainsFunc(nominated, same) && !strings.HasPrefix(strings.ToLower(name), "x-session-") {
			key := textproto.CanonicalMIMEHeaderKey(name)
			lines[key] = append(lines[key], value)
		}
	}
	for key, values := range lines {
		if !slices.Equal(resp.Header[key], values) {
			r.t.Errorf("%s: %s is %q, want %q", r.what, key, resp.Header[key], values)
		}
	}
	for key := range resp.Header {
		if lines[key] == nil && !slices.Contains([]string{"Date", "Content-Length", "Connection"}, key) {
			r.t.Errorf("%s: %s is too much", r.what, key)
		}
	}
	for key := range resp.Trailer {
		if !slices.ContainsFunc(want.trailer, func(l string) bool { return strings.HasPrefix(strings.ToLower(l), strings.ToLower(key)+": ") }) && resp.Trailer[key] != nil {
			r.t.Errorf("%s: trailer %s is too much", r.what, key)
		}
	}
}
