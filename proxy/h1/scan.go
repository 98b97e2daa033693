package h1

import (
	"strings"

	"usher/proxy/field"
)

// span is two words in a buffer: a field's name and value, or a request line's method and target. Offsets and no strings, because
// between two calls the caller may move what has arrived so far.
type span struct{ first, firstEnd, second, secondEnd int }

func (s span) of(text string) (first, second string) {
	return text[s.first:s.firstEnd], text[s.second:s.secondEnd]
}

// scanner reads lines as their bytes arrive. It looks at each byte for a line's end once, and parses each line once.
type scanner struct {
	line   int // where the first line that is not read yet begins
	seen   int // how far its end has been looked for
	fields []span
}

func (s *scanner) reset() { s.line, s.seen, s.fields = 0, 0, s.fields[:0] }

// next returns the bounds of the next line without its CR LF; ok is false while it has not arrived in full.
func (s *scanner) next(text string, limit int) (from, to int, ok bool, err error) {
	i := strings.IndexByte(text[s.seen:], '\n')
	if i < 0 {
		s.seen = len(text)
		if len(text) > limit {
			err = errHeadSize
		}
		return 0, 0, false, err
	}
	from, to = s.line, s.seen+i-1
	switch {
	case to+2 > limit:
		return 0, 0, false, errHeadSize
	case to < from || text[to] != '\r':
		return 0, 0, false, errBareLF
	}
	s.line, s.seen = to+2, to+2
	return from, to, true, nil
}

// section reads field lines up to the empty line behind them, and reports whether that has arrived.
func (s *scanner) section(text string, l Limits) (whole bool, err error) {
	for {
		from, to, ok, err := s.next(text, l.bytes())
		if err != nil || !ok {
			return false, err
		}
		if from == to {
			return true, nil
		}
		if len(s.fields) == l.lines() {
			return false, errLineCount
		}
		f, err := fieldLine(text[from:to], from)
		if err != nil {
			return false, err
		}
		s.fields = append(s.fields, f)
	}
}

// fieldLine parses a field line (RFC 9112 5) that stands at the offset at.
func fieldLine(line string, at int) (span, error) {
	colon := strings.IndexByte(line, ':')
	if colon < 0 || !field.IsToken(line[:colon]) {
		return span{}, nameFault(line, colon)
	}
	from, to := colon+1, len(line)
	for from < to && isSpace(line[from]) {
		from++
	}
	for from < to && isSpace(line[to-1]) {
		to--
	}
	if !isText(line[from:to]) {
		return span{}, textFault(line)
	}
	return span{at, at + colon, at + from, at + to}, nil
}

func nameFault(line string, colon int) error {
	switch {
	case strings.IndexByte(line, '\r') >= 0:
		return errBareCR
	case isSpace(line[0]):
		return errFold
	case colon < 0:
		return errColon
	case colon > 0 && isSpace(line[colon-1]):
		return errSpace
	}
	return errName
}

func textFault(line string) error {
	if strings.IndexByte(line, '\r') >= 0 {
		return errBareCR
	}
	return errValue
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// isText reports whether s has no control character but tab (RFC 9110 5.5). Eight bytes at a time: values are most of a head.
func isText(s string) bool {
	for len(s) >= 8 {
		if mayControl(word(s)) && !isPlain(s[:8]) {
			return false
		}
		s = s[8:]
	}
	return isPlain(s)
}

func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// word is the first eight bytes of s.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// mayControl reports whether a byte of w is below 0x20 or is 0x7f: a subtraction borrows from the top bit of such a byte, and of no
// other unless one is there.
func mayControl(w uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	del := w ^ 0x7f*ones
	return ((w-0x20*ones)&^w|(del-ones)&^del)&tops != 0
}
