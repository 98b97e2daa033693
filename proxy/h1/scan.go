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
		s.run(text, l.lines())
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
		f, end := fieldLine(text, from)
		if end == 0 {
			return false, fieldFault(text[from:to])
		}
		s.fields = append(s.fields, f)
	}
}

// run reads the good field lines that have arrived in full, until there are most; next sees that they end within the limit. It tries no
// line twice: where the last call has seen the beginning of one, it is for next to find its end.
func (s *scanner) run(text string, most int) {
	if s.seen != s.line {
		return
	}
	fields, at := s.fields, s.line
	for len(fields) < most {
		f, end := fieldLine(text, at)
		if end == 0 {
			break
		}
		fields = append(fields, f)
		at = end
	}
	s.fields, s.line, s.seen = fields, at, at
}

// fieldLine parses the field line (RFC 9112 5) that begins at the offset at, and returns where the next one does: 0 if this one is
// malformed or is not there in full.
func fieldLine(text string, at int) (f span, end int) {
	colon := at + field.TokenLen(text[at:])
	if colon == at || colon == len(text) || text[colon] != ':' {
		return f, 0
	}
	from := colon + 1
	for from < len(text) && isSpace(text[from]) {
		from++
	}
	to := field.TextEnd(text, from)
	if to > len(text)-2 || text[to:to+2] != "\r\n" {
		return f, 0
	}
	end = to + 2
	for to > from && isSpace(text[to-1]) {
		to--
	}
	return span{at, colon, from, to}, end
}

// fieldFault says what is wrong with a malformed field line.
func fieldFault(line string) error {
	colon := strings.IndexByte(line, ':')
	switch {
	case strings.IndexByte(line, '\r') >= 0:
		return errBareCR
	case isSpace(line[0]):
		return errFold
	case colon < 0:
		return errColon
	case colon > 0 && isSpace(line[colon-1]):
		return errSpace
	case !field.IsToken(line[:colon]):
		return errName
	}
	return errValue
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
