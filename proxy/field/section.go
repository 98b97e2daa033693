// Package field holds the field section of an HTTP message (RFC 9110 5): its lines in wire order, what may stand in them, and how their
// names compare. It knows nothing of the wire and nothing of net/http.
package field

import "strings"

// Line is one field line. Both strings may be views into a plane's buffer: they are valid until the message that they came with is over.
type Line struct{ Name, Value string }

// Section is the field section of one message, in the order of the wire. The zero value is empty and ready to use. It is not safe for
// concurrent use.
type Section struct{ lines []Line }

// Reset empties s and keeps its memory.
func (s *Section) Reset() {
	clear(s.lines)
	s.lines = s.lines[:0]
}

// Lines returns the lines in order. The slice is s's own and valid until s changes.
func (s *Section) Lines() []Line { return s.lines }

// Len is the number of lines.
func (s *Section) Len() int { return len(s.lines) }

// Add appends a line.
func (s *Section) Add(name, value string) { s.lines = append(s.lines, Line{name, value}) }

// Set removes every line of that name and appends one.
func (s *Section) Set(name, value string) {
	s.Del(name)
	s.Add(name, value)
}

// Get returns the value of the first line of that name, or "".
func (s *Section) Get(name string) string {
	for i := range s.lines {
		if Equal(s.lines[i].Name, name) {
			return s.lines[i].Value
		}
	}
	return ""
}

// Has reports whether there is a line of that name.
func (s *Section) Has(name string) bool {
	for i := range s.lines {
		if Equal(s.lines[i].Name, name) {
			return true
		}
	}
	return false
}

// Del removes every line of that name.
func (s *Section) Del(name string) {
	s.Keep(func(l *Line) bool { return !Equal(l.Name, name) })
}

// Keep leaves only the lines for which keep returns true. keep may change the line.
func (s *Section) Keep(keep func(*Line) bool) {
	kept := 0
	for i := range s.lines {
		if !keep(&s.lines[i]) {
			continue
		}
		if kept != i {
			s.lines[kept] = s.lines[i]
		}
		kept++
	}
	clear(s.lines[kept:])
	s.lines = s.lines[:kept]
}

// HasToken reports whether the comma-separated list in the lines of that name holds token (RFC 9110 5.6.1), in any case of letters.
func (s *Section) HasToken(name, token string) bool {
	for i := range s.lines {
		if !Equal(s.lines[i].Name, name) {
			continue
		}
		for t := range Tokens(s.lines[i].Value) {
			if strings.EqualFold(t, token) {
				return true
			}
		}
	}
	return false
}

// Tokens yields the members of a comma-separated list (RFC 9110 5.6.1) without the white space around them; empty members are skipped. A
// comma within a quoted string parts nothing (RFC 9110 5.6.4).
func Tokens(list string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for list != "" {
			n := memberEnd(list)
			member := trim(list[:n])
			list = list[min(n+1, len(list)):]
			if member != "" && !yield(member) {
				return
			}
		}
	}
}

// trim takes the white space off both ends.
func trim(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// memberEnd is the place of the first comma outside quotes, or the list's length.
func memberEnd(list string) int {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '"':
			quoted = !quoted
		case '\\':
			if quoted {
				i++
			}
		case ',':
			if !quoted {
				return i
			}
		}
	}
	return len(list)
}

// Equal reports whether two names are the same but for the case of ASCII letters.
func Equal(a, b string) bool { return len(a) == len(b) && equal(a, b) }

func equal(a, b string) bool {
	for i := range len(a) {
		if lower[a[i]] != lower[b[i]] {
			return false
		}
	}
	return true
}

var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] |= 0x20
		}
	}
	return t
}()
