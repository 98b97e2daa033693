package config

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// source is the text that is read, by lines, and what of it must not be shown.
type source struct {
	name   string
	text   string
	starts []int // of the lines, in bytes
	masks  []mask
	known  secrets // found so far
	last   position
}

// position is a place in the text that was asked for last: the next one is mostly behind it.
type position struct{ line, column, offset int }

// mask is a stretch of text that holds a secret: from a line and column up to, not including, another.
type mask struct{ line, column, endLine, endColumn int }

// newSource splits the text into lines where YAML 1.1 does.
func newSource(name, text string) *source {
	s := &source{name: name, text: strings.TrimPrefix(text, "\ufeff"), known: secrets{}}
	s.starts = []int{0}
	for i := 0; i < len(s.text); {
		r, size := utf8.DecodeRuneInString(s.text[i:])
		i += size
		if r == '\r' && i < len(s.text) && s.text[i] == '\n' {
			i++
		}
		if isBreak(r) && i < len(s.text) {
			s.starts = append(s.starts, i)
		}
	}
	return s
}

func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// line returns line n, from 1, without its end.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.starts) {
		return ""
	}
	end := len(s.text)
	if n < len(s.starts) {
		end = s.starts[n]
	}
	return strings.TrimRightFunc(s.text[s.starts[n-1]:end], isBreak)
}

// spotAt returns the place of the byte at offset.
func (s *source) spotAt(offset int) spot {
	line, exact := slices.BinarySearch(s.starts, offset)
	if !exact {
		line--
	}
	return spot{line: line + 1, column: utf8.RuneCountInString(s.text[s.starts[line]:offset]) + 1}
}

func (s *source) badUTF8() spot {
	for i, r := range s.text {
		if r == utf8.RuneError && !strings.HasPrefix(s.text[i:], "\ufffd") {
			return s.spotAt(i)
		}
	}
	return spot{}
}

func (s *source) controlCharacter() spot {
	i := strings.IndexFunc(s.text, func(r rune) bool {
		return unicode.IsControl(r) && r != '\t' && !isBreak(r) || r >= 0xfffe && r <= 0xffff || r == '\ufeff'
	})
	if i < 0 {
		return spot{}
	}
	return s.spotAt(i)
}

// offset returns where in the text a line and column is.
func (s *source) offset(line, column int) int {
	if line < 1 || line > len(s.starts) {
		return len(s.text)
	}
	if s.last.line != line || s.last.column > column {
		s.last = position{line, 1, s.starts[line-1]}
	}
	for ; s.last.column < column; s.last.column++ {
		_, size := utf8.DecodeRuneInString(s.text[s.last.offset:])
		s.last.offset += size
	}
	return s.last.offset
}

// end returns where the scalar n ends in the text.
func (s *source) end(n *node) int {
	start := s.pastProperties(s.offset(n.line, n.column))
	switch n.style {
	case quoted:
		return start + quotedLen(s.text[start:])
	case plain:
		if length, ok := plainLen(s.text[start:], n.text); ok {
			return start + length
		}
	}
	if i := strings.IndexFunc(s.text[start:], isBreak); i >= 0 {
		return start + i
	}
	return len(s.text)
}

// pastProperties returns where the node that begins at offset has its value, behind an anchor and a tag.
func (s *source) pastProperties(offset int) int {
	for offset < len(s.text) && (s.text[offset] == '&' || s.text[offset] == '!') {
		length := strings.IndexFunc(s.text[offset:], unicode.IsSpace)
		if length < 0 {
			return len(s.text)
		}
		offset += length
		offset += len(s.text[offset:]) - len(strings.TrimLeftFunc(s.text[offset:], unicode.IsSpace))
	}
	return offset
}

// quotedLen is the length of the quoted scalar that text begins with.
func quotedLen(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[0] == '"':
			i++
		case text[i] == text[0] && text[0] == '\'' && i+1 < len(text) && text[i+1] == '\'':
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return len(text)
}

// plainLen is the length of the plain scalar that text begins with. Its value differs from the text in white space alone, where it is folded;
// if not, it is reported as not found.
func plainLen(text, value string) (end int, ok bool) {
	i := 0
	for _, want := range value {
		if unicode.IsSpace(want) {
			continue
		}
		i += len(text[i:]) - len(strings.TrimLeftFunc(text[i:], unicode.IsSpace))
		r, size := utf8.DecodeRuneInString(text[i:])
		if i += size; r != want || size == 0 {
			return end, false
		}
		end = i
	}
	return end, true
}

// hide keeps the scalar n out of every excerpt.
func (s *source) hide(n *node) {
	if n.line == 0 || n.null {
		return
	}
	start, end := s.offset(n.line, n.column), s.end(n)
	m := mask{n.line, n.column, n.line, n.column + utf8.RuneCountInString(s.text[start:end])}
	if line, _ := slices.BinarySearch(s.starts, end); end > start && line > n.line {
		m.endLine, m.endColumn = line, utf8.RuneCountInString(s.text[s.starts[line-1]:end])+1
	}
	s.masks = append(s.masks, m)
}

// An excerpt shows this many characters of a line, and nothing of a line that no person has written.
const (
	widest  = 140
	longest = 4000
)

// excerpt returns the line at the spot, with secrets masked and the spot marked.
func (s *source) excerpt(at spot) Excerpt {
	if at.line < 1 || at.line > len(s.starts) {
		return Excerpt{}
	}
	line := []rune(s.line(at.line))
	if len(line) > longest {
		return Excerpt{}
	}
	from := min(max(at.column-1, 0), len(line))
	to := min(from+max(at.width, 1), max(len(line), from+1))
	for _, m := range s.masksOn(at.line, len(line)) {
		a, b := m[0], m[1]
		line = slices.Concat(line[:a], []rune("***"), line[b:])
		from, to = shift(from, a, b, 0), shift(to, a, b, 3)
	}
	to = max(to, from+1)
	cut := max(0, from-widest/2)
	if len(line) <= widest {
		cut = 0
	}
	shown := line[cut:min(len(line), cut+widest)]
	return Excerpt{Text: printable(shown), Column: from - cut + 1, Width: min(to-from, max(1, len(shown)-(from-cut)))}
}

// shift returns where position p is once the stretch from a to b has become three characters; inside, it is a+within.
func shift(p, a, b, within int) int {
	switch {
	case p <= a:
		return p
	case p >= b:
		return p - (b - a) + 3
	}
	return a + within
}

// masksOn returns the stretches of a line to mask, the last first and none overlapping another.
func (s *source) masksOn(line, length int) [][2]int {
	hidden := make([]bool, length+1)
	for _, m := range s.masks {
		from, to := 0, length
		if line == m.line {
			from = m.column - 1
		}
		if line == m.endLine {
			to = m.endColumn - 1
		}
		for i := from; i < min(to, length) && m.line <= line && line <= m.endLine; i++ {
			hidden[i] = true
		}
	}
	var out [][2]int
	for to := length; to > 0; to-- {
		from := to
		for from > 0 && hidden[from-1] {
			from--
		}
		if from < to {
			out = append(out, [2]int{from, to})
			to = from + 1
		}
	}
	return out
}

// hides reports whether a secret is at the spot.
func (s *source) hides(at spot) bool {
	return slices.ContainsFunc(s.masksOn(at.line, at.column), func(m [2]int) bool { return m[0] < at.column && at.column <= m[1] })
}

// printable replaces what would disturb a terminal.
func printable(line []rune) string {
	var b strings.Builder
	for _, r := range line {
		switch {
		case r == '\t':
			r = ' '
		case !unicode.IsPrint(r):
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ")
}
