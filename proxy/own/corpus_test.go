package own

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"usher/proxy/field"
	"usher/proxy/h1"
)

// wireCase is one of the messages of proxy/h1/testdata, with what has to become of it. Their form is told in proxy/h1/case_test.go.
type wireCase struct {
	Name, RFC string
	Raw       []string
	Fill      *struct {
		Of    string
		Times int
	}
	Method string
	EOF    bool
	Refuse int
	More   bool
	Want   *struct {
		Method, Target, Host, Body string
		Status                     int
	}
}

func readCases(t testing.TB, file string) []wireCase {
	t.Helper()
	text, err := os.ReadFile("../h1/testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []wireCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 100 {
		t.Fatalf("%s has %d cases", file, len(cases))
	}
	return cases
}

// text is s with its fill, a byte for each character.
func (c *wireCase) text(s string) string {
	if c.Fill != nil {
		s = strings.ReplaceAll(s, "<fill>", strings.Repeat(c.Fill.Of, c.Fill.Times))
	}
	raw := make([]byte, 0, len(s))
	for _, r := range s {
		raw = append(raw, byte(r))
	}
	return string(raw)
}

func (c *wireCase) bytes() string { return c.text(strings.Join(c.Raw, "")) }

func (c *wireCase) method() string {
	if c.Method == "" {
		return "GET"
	}
	return c.Method
}

// message is a message as the strict reader, proxy/h1, reads it. It holds copies.
type message struct {
	raw                  string // what was used of the bytes
	head                 int    // bytes of the head; 0: it is not there in full, or refused
	fault                error  // why it is refused
	more                 bool   // the rest of it has not come
	method, target, host string
	status, minor        int
	fields, trailer      []string
	framing              h1.Framing
	length               int64
	body, rest           string
	keep, expect         bool
	upgrade              bool
}

// asRequest reads one request off the front of raw.
func asRequest(raw string, l h1.Limits) (m message) {
	h := h1.RequestHead{Limits: l}
	m.head, m.fault = h.Parse([]byte(raw))
	if m.fault != nil || m.head == 0 {
		m.more = m.fault == nil
		return m
	}
	m.method, m.target, m.host, m.minor = strings.Clone(h.Method), strings.Clone(h.Target), strings.Clone(h.Host), h.Minor
	m.fields, m.framing, m.length = linesOf(&h.Fields), h.Body, h.ContentLength
	m.keep, m.expect, m.upgrade = h.KeepAlive, h.Expect100, h.Upgrade
	m.readBody(raw, false)
	return m
}

// asResponse reads one response to a request of that method. At eof the connection ends behind raw.
func asResponse(raw, method string, eof bool) (m message) {
	h := h1.ResponseHead{Limits: h1.Limits{HeadBytes: answerHead, Lines: 1000}}
	m.head, m.fault = h.Parse([]byte(raw), method)
	if m.fault != nil || m.head == 0 {
		m.more = m.fault == nil
		return m
	}
	m.status, m.minor, m.fields, m.framing = h.Status, h.Minor, linesOf(&h.Fields), h.Body
	m.length, m.keep, m.upgrade = h.ContentLength, h.KeepAlive, h.Upgrade
	m.readBody(raw, eof)
	return m
}

func (m *message) readBody(raw string, eof bool) {
	var b h1.Body
	b.Start(m.framing)
	rest := []byte(raw[m.head:])
	for len(rest) > 0 && !b.Done() {
		data, n, err := b.Next(rest[:1])
		if err != nil {
			m.fault = err
			return
		}
		m.body, rest = m.body+string(data), rest[n:]
	}
	if eof {
		m.fault = b.End()
	}
	m.more = !b.Done() && m.fault == nil
	m.trailer, m.rest = linesOf(&b.Trailer), string(rest)
	m.raw = raw[:len(raw)-len(rest)]
}

func linesOf(s *field.Section) (lines []string) {
	for _, l := range s.Lines() {
		lines = append(lines, l.Name+": "+l.Value)
	}
	return lines
}

// verdict compares what the strict reader says of the case's first message with what the case says.
func (c *wireCase) verdict(t testing.TB, m *message) {
	t.Helper()
	if (c.Refuse != 0) != (m.fault != nil) || c.More != m.more || c.Want != nil && c.Want.Method != "" && c.text(c.Want.Body) != m.body {
		t.Errorf("%s: got %+v, want refuse %d, more %t, %+v", c.Name, m, c.Refuse, c.More, c.Want)
	}
}

// cuts are the places at which raw is parted, 0 for not at all: behind each of its bytes. In what is long because of a filler most places are
// like the one before: there it is some, and those at the ends. The race detector makes all of this slow, and gets fewer.
func cuts(raw string) (at []int) {
	const long, end = 1 << 10, 100
	step := 1
	if racing || testing.Short() {
		step = 1 + len(raw)/6
	}
	for i := 0; i < max(1, len(raw)); i += step {
		if i == end && len(raw) > long {
			for ; i < len(raw)-end; i += 1 + len(raw)/10 {
				at = append(at, i)
			}
			i = len(raw) - end
		}
		at = append(at, i)
	}
	return at
}
