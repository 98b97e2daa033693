package h1

import "usher/proxy/field"

// ResponseHead is the head of a response. It is used like RequestHead. The reason phrase is dropped: it means nothing (RFC 9112 4).
type ResponseHead struct {
	Limits Limits

	// Status is from 100 to 599.
	Status int
	// Minor is the version's second digit: 0 or 1.
	Minor int
	// Fields are the field lines without Content-Length and Transfer-Encoding.
	Fields field.Section
	// ContentLength is the announced length in bytes, or -1. A response to HEAD and a 304 announce what they do not send.
	ContentLength int64
	Chunked       bool
	// Body is how the body behind the head is framed, whatever was announced (RFC 9112 6.3).
	Body Framing
	// KeepAlive says that the connection may be used again once the body has been read.
	KeepAlive bool
	// Upgrade says that the fields name a protocol to change to. Only a 101 does so.
	Upgrade bool

	scan    scanner
	hasLine bool
}

// Reset makes r ready for another head. Limits and memory are kept.
func (r *ResponseHead) Reset() {
	r.Fields.Reset()
	r.scan.reset()
	*r = ResponseHead{Limits: r.Limits, Fields: r.Fields, scan: r.scan}
}

// Parse reads the head of a response to a request of that method, as RequestHead.Parse does of a request. It reads one head: behind an
// informational one (1xx, but not 101) comes another.
func (r *ResponseHead) Parse(buf []byte, method string) (n int, err error) {
	text := view(buf)
	if !r.hasLine {
		from, to, ok, err := r.scan.next(text, r.Limits.bytes())
		if err != nil || !ok {
			return 0, err
		}
		if err := r.statusLine(text[from:to]); err != nil {
			return 0, err
		}
	}
	whole, err := r.scan.section(text, r.Limits)
	if err != nil || !whole {
		return 0, err
	}
	if err := r.finish(text, method); err != nil {
		return 0, err
	}
	return r.scan.line, nil
}

// statusLine parses a status line (RFC 9112 4). The space behind the status may be missing where the reason is: many servers do that.
func (r *ResponseHead) statusLine(line string) (err error) {
	r.hasLine = true
	const status, reason = len("HTTP/1.1 "), len("HTTP/1.1 200")
	if len(line) < reason || line[status-1] != ' ' || len(line) > reason && line[reason] != ' ' {
		return errStatusLine
	}
	if r.Minor, err = version(line[:status-1]); err != nil {
		return err
	}
	for _, c := range []byte(line[status:reason]) {
		if !isDigit(c) {
			return errStatus
		}
		r.Status = r.Status*10 + int(c-'0')
	}
	switch {
	case r.Status < 100 || r.Status > 599:
		return errStatus
	case !field.IsText(line[reason:]):
		return errReason
	}
	return nil
}

// finish makes the exported members from what was scanned.
func (r *ResponseHead) finish(text, method string) error {
	c := control{length: -1}
	for _, f := range r.scan.fields {
		name, value := f.of(text)
		if rules(name) {
			framing, err := c.note(name, value)
			if err != nil {
				return err
			}
			if framing {
				continue
			}
		}
		r.Fields.Add(name, value)
	}
	if err := c.check(r.Minor); err != nil {
		return err
	}
	r.ContentLength, r.Chunked, r.Body = c.length, c.chunked, c.framing()
	switch {
	case method == "HEAD", bodiless(r.Status), r.Status == 304, method == "CONNECT" && r.Status/100 == 2:
		r.Body = Framing{}
	case r.Body.Kind == None:
		r.Body.Kind = UntilClose
	}
	r.KeepAlive = c.persists(r.Minor) && r.Body.Kind != UntilClose
	r.Upgrade = r.Status == 101 && c.upgrade && c.offers
	return nil
}

// bodiless reports whether responses with that status have neither a body nor framing fields (RFC 9112 6.1, RFC 9110 8.6).
func bodiless(status int) bool { return status < 200 || status == 204 }
