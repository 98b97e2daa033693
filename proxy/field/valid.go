package field

// classes holds, for each byte, which of the grammars below it belongs to.
var classes = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9':
			t[c] |= token
		}
		if c == '\t' || c >= ' ' && c != 0x7f {
			t[c] |= value
		}
		if c > ' ' && c != 0x7f && c != '#' {
			t[c] |= target
		}
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= token
	}
	return t
}()

const (
	token uint8 = 1 << iota
	value
	target
)

func all(s string, class uint8) bool {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

// IsToken reports whether s is a token (RFC 9110 5.6.2): a method, a field name.
func IsToken(s string) bool { return s != "" && all(s, token) }

// IsValue reports whether s may stand as a field value (RFC 9110 5.5): no control characters but tab, bytes above 0x7f allowed. White
// space around it must have been removed.
func IsValue(s string) bool {
	if s == "" {
		return true
	}
	first, last := s[0], s[len(s)-1]
	return all(s, value) && first != ' ' && first != '\t' && last != ' ' && last != '\t'
}

// IsTarget reports whether s may stand as a path and query: no white space, control characters or fragment. Bytes above 0x7f are
// allowed, as browsers of old and many scripts send them.
func IsTarget(s string) bool { return s != "" && all(s, target) }

// IsHost reports whether s may stand as a Host (RFC 9110 7.2): a name or address and an optional port. An empty one is allowed.
func IsHost(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || hostMark(c)) {
			return false
		}
	}
	return true
}

// hostMark reports whether c is one of the marks of RFC 3986 3.2.2's host and port; userinfo's @ is not.
func hostMark(c byte) bool {
	switch c {
	case '-', '.', '_', '~', ':', '[', ']', '%', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=':
		return true
	}
	return false
}
