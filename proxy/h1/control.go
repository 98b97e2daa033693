package h1

import (
	"math"
	"strings"

	"usher/proxy/field"
)

// control gathers what the fields of a head say of its framing and of the connection.
type control struct {
	length  int64 // Content-Length, or -1
	chunked bool
	close   bool // Connection: close
	keep    bool // Connection: keep-alive
	upgrade bool // Connection: upgrade
	offers  bool // there is an Upgrade line
}

// rules reports whether the field of that name may rule the message or the connection, by its length and its first letter: nearly all
// lines are told from those few by that.
func rules(name string) bool {
	return len(name) < len(initials) && name[0]|0x20 == initials[len(name)]
}

// initials are the first letters, by their lengths, of the names that the heads look at.
var initials = [...]byte{
	len("Host"): 'h', len("Expect"): 'e', len("Upgrade"): 'u', len("Connection"): 'c', len("Content-Length"): 'c', len("Transfer-Encoding"): 't',
}

// note takes in a field line. It reports whether the line is about framing: those are not part of the section.
func (c *control) note(name, value string) (framing bool, err error) {
	switch {
	case field.Equal(name, "Upgrade"):
		c.offers = true
	case field.Equal(name, "Connection"):
		c.connection(value)
	case field.Equal(name, "Content-Length"):
		return true, c.contentLength(value)
	case field.Equal(name, "Transfer-Encoding"):
		return true, c.transferEncoding(value)
	}
	return false, nil
}

func (c *control) connection(value string) {
	if c.option(value) { // alone, as nearly always
		return
	}
	for rest, more := value, true; more; { // options are tokens, and never quoted
		var name string
		name, rest, more = strings.Cut(rest, ",")
		c.option(strings.Trim(name, " \t"))
	}
}

// option takes in a connection option (RFC 9110 7.6.1), and reports whether it is known.
func (c *control) option(name string) bool {
	switch {
	case field.Equal(name, "close"):
		c.close = true
	case field.Equal(name, "keep-alive"):
		c.keep = true
	case field.Equal(name, "upgrade"):
		c.upgrade = true
	default:
		return false
	}
	return true
}

// contentLength takes one number (RFC 9112 6.3). A list or a second line is refused even where the numbers are the same.
func (c *control) contentLength(value string) error {
	if c.length >= 0 {
		return errLengths
	}
	if value == "" {
		return errLength
	}
	var n int64
	for i := range len(value) {
		d := int64(value[i]) - '0'
		if d < 0 || d > 9 || n > (math.MaxInt64-d)/10 {
			return errLength
		}
		n = n*10 + d
	}
	c.length = n
	return nil
}

// transferEncoding takes chunked alone. Another coding in front of it is 501 (RFC 9112 6.1); anything that does not end in a single
// chunked has no certain end (RFC 9112 6.3).
func (c *control) transferEncoding(value string) error {
	if !c.chunked && field.Equal(value, "chunked") {
		c.chunked = true
		return nil
	}
	for rest, more := value, true; more; {
		var coding string
		coding, rest, more = strings.Cut(rest, ",")
		coding = strings.Trim(coding, " \t")
		if !field.IsToken(coding) || field.Equal(coding, "chunked") == more {
			return errCoding
		}
	}
	if c.chunked {
		return errCoding
	}
	return errCodingOther
}

// check holds what the lines say against each other.
func (c *control) check(minor int) error {
	switch {
	case c.chunked && c.length >= 0:
		return errBoth
	case c.chunked && minor == 0:
		return errOldCoding
	}
	return nil
}

// persists reports whether the connection outlives the message, as far as the fields say (RFC 9112 9.3).
func (c *control) persists(minor int) bool { return !c.close && (minor == 1 || c.keep) }

// framing is what the fields alone say.
func (c *control) framing() Framing {
	switch {
	case c.chunked:
		return Framing{Kind: Chunked}
	case c.length >= 0:
		return Framing{Length, c.length}
	}
	return Framing{}
}

// version parses an HTTP-version (RFC 9112 2.3).
func version(s string) (minor int, err error) {
	if len(s) != len("HTTP/1.1") || s[:5] != "HTTP/" || s[6] != '.' || !isDigit(s[5]) || !isDigit(s[7]) {
		return 0, errVersion
	}
	if s[5] != '1' || s[7] > '1' {
		return 0, errVersionOther
	}
	return int(s[7] - '0'), nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
