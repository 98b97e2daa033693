package h1

import (
	"errors"
	"strconv"

	"usher/proxy/field"
)

// ErrUnwritable means that a part of a message cannot stand on the wire, or that the parts do not go together. Nothing was written.
var ErrUnwritable = errors.New("message cannot be written: a part of it does not keep to the grammar")

// RequestLine is the start of a request that is written.
type RequestLine struct {
	Method, Target string
	// Host must not be empty: a backend that a client of HTTP/1.0 has named no host for is given its own address.
	Host string
}

// Hop is what a head says of the connection and of the body behind it. Field lines say nothing of that: Content-Length,
// Transfer-Encoding, Connection, Keep-Alive, Proxy-Connection, Trailer and Host in a section are not written.
type Hop struct {
	// Body is the framing that the head announces. Whoever answers HEAD, or with 304, may announce what does not follow. Responses with
	// 1xx and 204 announce nothing, whatever is said here.
	Body Framing
	// Close announces the end of the connection; a body of the kind UntilClose does too. KeepAlive promises the contrary to a client of
	// HTTP/1.0.
	Close, KeepAlive bool
	// Upgrade makes the section's Upgrade line part of the head. It is not written otherwise.
	Upgrade bool
	// Trailer is the list of names announced for the trailer section of a chunked body, or empty.
	Trailer string
}

// AppendRequestHead appends the head of an HTTP/1.1 request. A TE line in fields is named in Connection, as it must be (RFC 9110 10.1.4).
// The error is ErrUnwritable, and dst comes back as it was.
func AppendRequestHead(dst []byte, line RequestLine, fields *field.Section, hop Hop) ([]byte, error) {
	if !field.IsToken(line.Method) || !field.IsTarget(line.Target) || !isAuthority(line.Host) || hop.Body.Kind == UntilClose {
		return dst, ErrUnwritable
	}
	start := len(dst)
	dst = append(dst, line.Method...)
	dst = append(dst, ' ')
	dst = append(dst, line.Target...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, line.Host...)
	dst = append(dst, "\r\n"...)
	return finishHead(dst, start, fields, hop)
}

// AppendResponseHead appends the head of an HTTP/1.1 response. The error is ErrUnwritable, and dst comes back as it was.
func AppendResponseHead(dst []byte, status int, fields *field.Section, hop Hop) ([]byte, error) {
	if status < 100 || status > 599 {
		return dst, ErrUnwritable
	}
	start := len(dst)
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, Reason(status)...)
	dst = append(dst, "\r\n"...)
	if bodiless(status) {
		hop.Body = Framing{}
	}
	return finishHead(dst, start, fields, hop)
}

// AppendChunk appends data as a chunk; no chunk for no data, which would end the body.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = AppendChunkHead(dst, len(data))
	dst = append(dst, data...)
	return append(dst, ChunkEnd...)
}

// AppendChunkHead appends the size line of a chunk of n bytes, n > 0. The data follows, and then ChunkEnd.
func AppendChunkHead(dst []byte, n int) []byte {
	dst = strconv.AppendUint(dst, uint64(n), 16)
	return append(dst, "\r\n"...)
}

// ChunkEnd stands behind a chunk's data.
const ChunkEnd = "\r\n"

// AppendLastChunk appends the last chunk and the trailer section, nil for none. Lines that frame or route are left out, as in a head. The
// error is ErrUnwritable, and dst comes back as it was.
func AppendLastChunk(dst []byte, trailer *field.Section) ([]byte, error) {
	start := len(dst)
	dst = append(dst, "0\r\n"...)
	if trailer != nil {
		var ok bool
		if dst, _, ok = appendFields(dst, trailer, false); !ok {
			return dst[:start], ErrUnwritable
		}
	}
	return append(dst, "\r\n"...), nil
}

// finishHead appends what stands behind a start line. The head begins at start.
func finishHead(dst []byte, start int, fields *field.Section, hop Hop) ([]byte, error) {
	dst, te, ok := appendFields(dst, fields, hop.Upgrade)
	if !ok || !field.IsText(hop.Trailer) || hop.Body.Length < 0 {
		return dst[:start], ErrUnwritable
	}
	switch hop.Body.Kind {
	case Length:
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, hop.Body.Length, 10)
		dst = append(dst, "\r\n"...)
	case Chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
		if hop.Trailer != "" {
			dst = append(dst, "Trailer: "...)
			dst = append(dst, hop.Trailer...)
			dst = append(dst, "\r\n"...)
		}
	case UntilClose:
		hop.Close = true
	}
	dst = hop.appendConnection(dst, te)
	return append(dst, "\r\n"...), nil
}

// appendConnection appends the Connection line, if one is needed.
func (h Hop) appendConnection(dst []byte, te bool) []byte {
	before := "Connection: "
	for _, option := range [...]struct {
		on   bool
		name string
	}{{h.Close, "close"}, {h.KeepAlive && !h.Close, "keep-alive"}, {h.Upgrade, "Upgrade"}, {te, "TE"}} {
		if option.on {
			dst = append(dst, before...)
			dst = append(dst, option.name...)
			before = ", "
		}
	}
	if before == ", " {
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// appendFields appends the lines of s that are not the writer's to say. It reports whether TE is among them, and whether all could be
// written.
func appendFields(dst []byte, s *field.Section, upgrade bool) (_ []byte, te, ok bool) {
	lines := s.Lines()
	for i := range lines {
		l := &lines[i]
		if !field.IsToken(l.Name) || !field.IsText(l.Value) {
			return dst, false, false
		}
		if len(l.Name) < 32 && reservedLengths>>len(l.Name)&1 != 0 {
			if reserved(l.Name, upgrade) {
				continue
			}
			te = te || field.Equal(l.Name, "TE")
		}
		dst = appendLine(dst, l)
	}
	return dst, te, true
}

func appendLine(dst []byte, l *field.Line) []byte {
	dst = append(dst, l.Name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, l.Value...)
	return append(dst, '\r', '\n')
}

// reservedLengths has a bit for the length of each name that is not simply copied.
const reservedLengths uint32 = 1<<len("TE") | 1<<len("Host") | 1<<len("Upgrade") | 1<<len("Connection") | 1<<len("Content-Length") |
	1<<len("Proxy-Connection") | 1<<len("Transfer-Encoding")

// reserved reports whether a field is the writer's own.
func reserved(name string, upgrade bool) bool {
	switch len(name) {
	case len("Host"):
		return field.Equal(name, "Host")
	case len("Upgrade"):
		return field.Equal(name, "Trailer") || !upgrade && field.Equal(name, "Upgrade")
	case len("Connection"):
		return field.Equal(name, "Connection") || field.Equal(name, "Keep-Alive")
	case len("Content-Length"):
		return field.Equal(name, "Content-Length")
	case len("Proxy-Connection"):
		return field.Equal(name, "Proxy-Connection")
	case len("Transfer-Encoding"):
		return field.Equal(name, "Transfer-Encoding")
	}
	return false
}
