package h1

import (
	"strings"

	"usher/proxy/field"
)

// RequestHead is the head of a request. Set Limits, call Parse until the head is whole, and Reset before the next. The zero value is
// ready to use. All strings are views into the buffer of the last Parse.
type RequestHead struct {
	Limits Limits

	Method string
	// Target is the path and query, byte for byte; "*" for OPTIONS, host and port for CONNECT. Of a target in absolute form it is what
	// stands behind the authority (RFC 9112 3.2).
	Target string
	// Host is the authority that the target or Host names; empty only in HTTP/1.0.
	Host string
	// Minor is the version's second digit: 0 or 1.
	Minor int
	// Fields are the field lines without Host, Content-Length and Transfer-Encoding, of which the other members speak.
	Fields field.Section
	// ContentLength is the announced length in bytes, or -1.
	ContentLength int64
	Chunked       bool
	// Body is how the body behind the head is framed. Body{Length, 0} is a body announced as empty.
	Body Framing
	// KeepAlive says that the client lets the connection outlive the exchange (RFC 9112 9.3).
	KeepAlive bool
	// Expect100 says that the client may wait for a 100 before it sends the body (RFC 9110 10.1.1).
	Expect100 bool
	// Upgrade says that the client offers to change protocols, in the field Upgrade (RFC 9110 7.8).
	Upgrade bool

	scan    scanner
	line    span // method and target
	hasLine bool
	hasHost bool
}

// Reset makes r ready for another head. Limits and memory are kept.
func (r *RequestHead) Reset() {
	r.Fields.Reset()
	r.scan.reset()
	*r = RequestHead{Limits: r.Limits, Fields: r.Fields, scan: r.scan}
}

// Parse reads a head from the front of buf and returns its length in bytes, with the empty line that ends it. It returns 0 and no error
// while the head has not arrived in full; then it is called again with the same bytes, which may have moved, and more behind them. In
// total that costs time linear in the head's length. An error is an *Error, and final.
//
// One empty line before the request line is passed over (RFC 9112 2.2).
func (r *RequestHead) Parse(buf []byte) (n int, err error) {
	text := view(buf)
	if !r.hasLine {
		if err := r.requestLine(text); err != nil || !r.hasLine {
			return 0, err
		}
	}
	whole, err := r.scan.section(text, r.Limits)
	if err != nil || !whole {
		return 0, err
	}
	if err := r.finish(text); err != nil {
		return 0, err
	}
	return r.scan.line, nil
}

// requestLine parses the request line (RFC 9112 3) if it is there.
func (r *RequestHead) requestLine(text string) error {
	from, to, ok, err := r.scan.next(text, r.Limits.bytes())
	if ok && to == 0 { // an empty line, the first
		from, to, ok, err = r.scan.next(text, r.Limits.bytes())
	}
	switch {
	case err == errHeadSize:
		return errTargetSize
	case err != nil || !ok:
		return err
	}
	line := text[from:to]
	method := field.TokenLen(line)
	rest := line[min(method+1, len(line)):]
	target := method + 1 + field.TargetLen(rest)
	if method == 0 || target == method+1 || target >= len(line) || line[method] != ' ' || line[target] != ' ' {
		return requestLineFault(line)
	}
	if r.Minor, err = version(line[target+1:]); err != nil {
		return requestLineFault(line)
	}
	r.line = span{from, from + method, from + method + 1, from + target}
	r.hasLine = true
	return nil
}

// requestLineFault says what is wrong with a request line.
func requestLineFault(line string) error {
	first, last := strings.IndexByte(line, ' '), strings.LastIndexByte(line, ' ')
	if first == last {
		return errRequestLine
	}
	if _, err := version(line[last+1:]); err != nil {
		return err
	}
	if !field.IsToken(line[:first]) {
		return errMethod
	}
	return errTarget
}

// finish makes the exported members from what was scanned.
func (r *RequestHead) finish(text string) error {
	c := control{length: -1}
	for _, f := range r.scan.fields {
		name, value := f.of(text)
		if rules(name) {
			own, err := r.note(&c, name, value)
			if err != nil {
				return err
			}
			if own {
				continue
			}
		}
		r.Fields.Add(name, value)
	}
	if err := c.check(r.Minor); err != nil {
		return err
	}
	if r.Minor == 1 && !r.hasHost {
		return errNoHost
	}
	r.ContentLength, r.Chunked, r.Body = c.length, c.chunked, c.framing()
	r.KeepAlive = c.persists(r.Minor)
	r.Upgrade = r.Minor == 1 && c.upgrade && c.offers
	method, target := r.line.of(text)
	r.Method = method
	return r.resolve(target)
}

// note takes in a field line, and reports whether it is one that the section goes without.
func (r *RequestHead) note(c *control, name, value string) (own bool, err error) {
	switch {
	case field.Equal(name, "Host"):
		return true, r.noteHost(value)
	case field.Equal(name, "Expect"):
		r.Expect100 = r.Expect100 || r.Minor == 1 && field.Equal(value, "100-continue")
		return false, nil
	}
	return c.note(name, value)
}

// noteHost takes one Host line (RFC 9112 3.2). An http URI has a host (RFC 9110 4.2.1), and HTTP/1.0 need not say which.
func (r *RequestHead) noteHost(value string) error {
	if r.hasHost {
		return errHosts
	}
	r.hasHost = true
	if !isAuthority(value) && (value != "" || r.Minor == 1) {
		return errHost
	}
	r.Host = value
	return nil
}
