package own

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/proxy/field"
	"usher/proxy/h1"
)

// beyond are the cases in which a well-formed request is answered otherwise than by the backend: what the walk refuses beyond the grammar.
var beyond = map[string]struct {
	status int
	why    string
}{}

// otherwise are the cases that are refused with another status than the strict reader's. Where its body turns out to be malformed, a request
// is on its way already, and has the one status of an exchange whose client sent no body.
var otherwise = map[string]struct {
	status int
	why    string
}{
	"too many trailers":   {400, "of the body"},
	"a trailer too large": {400, "of the body"},
}

// recorder is a backend that answers each request, and records every byte that it gets.
type recorder struct {
	net.Listener
	conns sync.WaitGroup

	mu       sync.Mutex
	requests []message
	pieces   []string // what else came
	faults   []string // what is no request to the strict reader
}

func record(t testing.TB) *recorder {
	b := &recorder{Listener: listening(t)}
	b.conns.Go(func() {
		for {
			c, err := b.Accept()
			if err != nil {
				return
			}
			b.conns.Go(func() { b.serve(c) })
		}
	})
	return b
}

func (b *recorder) serve(c net.Conn) {
	defer c.Close()
	var got []byte
	asked := false
	for {
		m := asRequest(string(got), h1.Limits{HeadBytes: 64 << 10, Lines: 200})
		switch {
		case m.fault == nil && !m.more:
			got, asked = got[len(m.raw):], false
			n := b.note(m)
			body := "ok"
			if m.method == "HEAD" {
				body = ""
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Number: %d\r\n\r\n%s", n, body)
			if len(got) > 0 {
				continue
			}
		case m.fault != nil:
			b.mu.Lock()
			b.faults = append(b.faults, fmt.Sprintf("%v in %q", m.fault, got))
			b.mu.Unlock()
			return
		case m.more && m.expect && !asked:
			asked = true
			io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		part := make([]byte, 16<<10)
		n, err := c.Read(part)
		if got = append(got, part[:n]...); err != nil {
			b.mu.Lock()
			if len(got) > 0 {
				b.pieces = append(b.pieces, string(got))
			}
			b.mu.Unlock()
			return
		}
	}
}

func (b *recorder) note(m message) (number int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, m)
	return len(b.requests)
}

// take returns the requests that have come since the last call.
func (b *recorder) take() []message {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.requests
	b.requests = nil
	return got
}

// step is what has to become of one of the messages that a client sends in a row.
type step struct {
	message
	status int
}

// steps says what has to become of the bytes of a case. rest is what is behind the last whole message, of which the rest is waited for.
func steps(t testing.TB, c *wireCase) (list []step, ends bool) {
	rest := c.bytes()
	for first := true; first || rest != ""; first = false {
		m := asRequest(rest, h1.Limits{})
		if first {
			c.verdict(t, &m)
		}
		status := 200
		other, is := otherwise[c.Name]
		special, walks := beyond[c.Name]
		switch {
		case m.more:
			return append(list, step{m, 0}), true
		case m.fault != nil && is:
			return append(list, step{m, other.status}), true
		case m.fault != nil:
			return append(list, step{m, statusOf(m.fault)}), true
		case m.method == "CONNECT":
			status = 405
		case first && walks:
			status = special.status
		}
		list = append(list, step{m, status})
		if !m.keep {
			return list, true
		}
		rest = m.rest
	}
	return list, false
}

// kind parts the cases by what the backend may see of them.
func kind(list []step) string {
	switch last := list[len(list)-1]; {
	case len(list) == 1 && last.status != 200 && last.head == 0 && !last.more:
		return "refused"
	case last.more || last.fault != nil:
		return "broken"
	}
	return "accepted"
}

func TestEveryRequestOfTheCorpusPassesAsOneOrNotAtAll(t *testing.T) {
	sorted := map[string][]*wireCase{}
	cases := readCases(t, "requests.json")
	for i := range cases {
		list, _ := steps(t, &cases[i])
		sorted[kind(list)] = append(sorted[kind(list)], &cases[i])
	}
	for name, loops := range single {
		for kind, list := range sorted {
			t.Run(name+" "+kind, func(t *testing.T) { requests(t, loops, kind, list) })
		}
	}
}

func requests(t *testing.T, loops int, kind string, cases []*wireCase) {
	roomy(t)
	b := record(t)
	f := raise(t, loops, b.Addr().String(), nil)
	r := &requester{t: t, f: f, b: b, asker: newAsker(t)}
	runs := 0
	for _, c := range cases {
		list, ends := steps(t, c)
		for _, at := range cuts(c.bytes()) {
			r.what = fmt.Sprintf("%s, parted at %d", c.Name, at)
			r.send(c.bytes(), at)
			r.read(list, ends)
			r.compare(list)
			if runs++; t.Failed() {
				return
			}
		}
	}
	r.drop()
	f.end()
	b.Close()
	b.conns.Wait()
	if kind != "broken" && len(b.pieces) > 0 || len(b.pieces) > runs || len(b.take()) > 0 {
		t.Errorf("%s: the backend got %d pieces of requests: %.10q", kind, len(b.pieces), b.pieces)
	}
	if len(b.faults) > 0 {
		t.Errorf("the backend got what is no request: %s", b.faults)
	}
	t.Logf("%d cases, sent %d times", len(cases), runs)
}

// requester sends the cases to a plane, one after the other.
type requester struct {
	asker
	t    *testing.T
	f    *front
	b    *recorder
	what string
	c    *peer // open between two cases if it can be
}

func (r *requester) drop() {
	if r.c != nil {
		r.c.SetLinger(0) // of thousands of connections none has to be remembered
		r.c.Close()
		r.c = nil
	}
}

// send writes raw in two parts, or in one.
func (r *requester) send(raw string, at int) {
	r.t.Helper()
	if r.c == nil {
		c, err := net.Dial("tcp", r.f.address)
		if err != nil {
			r.t.Fatal(err)
		}
		r.c = &peer{r.t, c.(*net.TCPConn), bufio.NewReader(c)}
	}
	r.c.SetDeadline(until())
	if at > 0 {
		r.c.Write([]byte(raw[:at]))
		r.taken(r.t, r.c.TCPConn)
	}
	r.c.Write([]byte(raw[at:])) // what cannot be sent was refused before
}

// read reads the answers and holds them against what is wanted.
func (r *requester) read(list []step, ends bool) {
	r.t.Helper()
	for _, s := range list {
		if s.more {
			r.c.CloseWrite()
			break
		}
		if !r.answered(&s) {
			r.drop()
			return
		}
	}
	if !ends {
		return
	}
	rest, err := io.ReadAll(r.c.r)
	if late, is := err.(net.Error); len(rest) > 0 || is && late.Timeout() {
		r.t.Errorf("%s: got %q and %v behind the last answer, want the end", r.what, rest, err)
	}
	r.drop()
}

func (r *requester) answered(s *step) bool {
	r.t.Helper()
	var resp *http.Response
	var err error
	for resp == nil || resp.StatusCode == 100 {
		if resp, err = http.ReadResponse(r.c.r, &http.Request{Method: s.method}); err != nil {
			r.t.Errorf("%s: got no answer: %v", r.what, err)
			return false
		}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != s.status {
		r.t.Errorf("%s: got %d %q %v, want %d", r.what, resp.StatusCode, body, err, s.status)
		return false
	}
	if last := s.fault != nil || !s.keep; resp.Close != last && resp.ProtoMinor == s.minor {
		r.t.Errorf("%s: the answer says of its connection that it ends: %t; want %t", r.what, resp.Close, last)
		return false
	}
	return true
}

// compare holds what the backend has got against what it was sent.
func (r *requester) compare(list []step) {
	r.t.Helper()
	got := r.b.take()
	for _, s := range list {
		if s.status != 200 {
			continue
		}
		if len(got) == 0 {
			r.t.Errorf("%s: the backend got nothing", r.what)
			return
		}
		r.passed(&s.message, &got[0])
		got = got[1:]
	}
	if len(got) > 0 {
		r.t.Errorf("%s: the backend got a request too many: %q", r.what, got[0].raw)
	}
}

// passed compares a request with what the client sent, as two strict readers read it.
func (r *requester) passed(sent, got *message) {
	r.t.Helper()
	host := sent.host
	if host == "" {
		host = r.b.Addr().String()
	}
	in := bufio.NewReader(strings.NewReader(got.raw))
	std, err := http.ReadRequest(in)
	if err != nil {
		r.t.Errorf("%s: net/http: %v in %q", r.what, err, got.raw)
		return
	}
	body, err := io.ReadAll(std.Body)
	rest, _ := io.ReadAll(in)
	want := fmt.Sprintf("%q %q %q %q", sent.method, sent.target, host, sent.body)
	if g := fmt.Sprintf("%q %q %q %q", std.Method, std.RequestURI, std.Host, body); g != want || err != nil || len(rest) > 0 {
		r.t.Errorf("%s: net/http reads %s (%v), and %q behind it, want %s", r.what, g, err, rest, want)
	}
	if g := fmt.Sprintf("%q %q %q %q", got.method, got.target, got.host, got.body); g != want || got.minor != 1 || !got.keep {
		r.t.Errorf("%s: the backend reads %s, HTTP/1.%d, keep %t; want %s, HTTP/1.1", r.what, g, got.minor, got.keep, want)
	}
	if sent.framing != got.framing {
		r.t.Errorf("%s: the body is framed as %v, want %v", r.what, got.framing, sent.framing)
	}
	if wrong := unfit(sent, got); wrong != "" {
		r.t.Errorf("%s: %s in %q", r.what, wrong, got.raw)
	}
}

// ours are the fields that the proxy says itself.
var ours = []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "X-Request-ID"}

// hop are the fields that end at the proxy (RFC 9110 7.6.1), and others that it does not believe a client.
var hop = append([]string{
	"Connection", "Proxy-Connection", "Keep-Alive", "TE", "Trailer", "Upgrade", "HTTP2-Settings", "Proxy-Authorization", "Proxy-Authenticate",
	"X-Real-IP",
}, ours...)

// ends reports whether a field of the client's must not reach a backend.
func endsHere(name string, nominated []string) bool {
	is := func(n string) bool { return strings.EqualFold(n, name) }
	lower := strings.ToLower(name)
	return slices.ContainsFunc(hop, is) || slices.ContainsFunc(nominated, is) || strings.Contains(name, "_") ||
		strings.HasPrefix(lower, "x-session-") || strings.HasPrefix(lower, "x-forwarded-")
}

// unfit says what is wrong with the fields that a backend got.
func unfit(sent, got *message) string {
	var nominated, want []string
	for _, l := range sent.fields {
		if name, value, _ := strings.Cut(l, ": "); strings.EqualFold(name, "Connection") {
			nominated = slices.AppendSeq(nominated, field.Tokens(value))
		}
	}
	for _, l := range sent.fields {
		name, _, _ := strings.Cut(l, ":")
		if sent.minor == 0 && strings.EqualFold(name, "Expect") || sent.body != "" && strings.EqualFold(l, "Expect: 100-continue") {
			continue // what has been met already is not passed on, or may not be
		}
		if !endsHere(name, nominated) {
			want = append(want, l)
		}
	}
	for _, l := range got.fields {
		name, value, _ := strings.Cut(l, ": ")
		switch {
		case len(want) > 0 && l == want[0]:
			want = want[1:]
		case slices.Contains(ours, name), l == "TE: trailers", l == "Connection: TE", l == "Expect: 100-continue":
		case name == "Trailer" && !strings.ContainsAny(value, "_"):
		case sent.upgrade && sent.method == "GET" && (l == "Connection: Upgrade" || l == "Connection: Upgrade, TE" || l == "Upgrade: websocket"):
		default:
			return fmt.Sprintf("%q is too much", l)
		}
	}
	if len(want) > 0 {
		return fmt.Sprintf("%q is missing", want)
	}
	return unfitTrailer(sent.trailer, got.trailer, nominated)
}

func unfitTrailer(sent, got, nominated []string) string {
	for _, l := range got {
		name, _, _ := strings.Cut(l, ":")
		if !slices.Contains(sent, l) || endsHere(name, nominated) || slices.Contains([]string{"content-length", "host", "authorization", "cookie"}, strings.ToLower(name)) {
			return fmt.Sprintf("trailer %q is too much", l)
		}
	}
	return ""
}
