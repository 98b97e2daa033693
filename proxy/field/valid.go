package field

import (
	"net/netip"
	"strings"
)

// classes holds, for each byte, which of the grammars below it belongs to.
var classes = func() (t [256]uint8) {
	for c := range 256 {
		if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' {
			t[c] |= token | host
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
	for _, c := range "-._~!$&'()*+;=" { // RFC 3986's reg-name but the comma
		t[c] |= host
	}
	return t
}()

const (
	token uint8 = 1 << iota
	value
	target
	host
)

// all looks at every byte, without leaving early: nearly every string that is asked about is good.
func all(s string, class uint8) bool {
	common := class
	for i := range len(s) {
		common &= classes[s[i]]
	}
	return common != 0
}

// IsToken reports whether s is a token (RFC 9110 5.6.2): a method, a field name. It looks at eight bytes at a time, the last of which it may
// have seen before: names have hardly anything but letters and hyphens.
func IsToken(s string) bool {
	if len(s) >= 8 {
		found := others(word(s[len(s)-8:]))
		for n := 0; n < len(s)-8; n += 8 {
			found |= others(word(s[n:]))
		}
		if found == 0 {
			return true
		}
	}
	return s != "" && all(s, token)
}

// TokenLen is the length of the token that s begins with; 0 if it begins with none.
func TokenLen(s string) int { return run(s, token) }

// run is the number of bytes that s begins with and that are of the class.
func run(s string, class uint8) int {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return i
		}
	}
	return len(s)
}

// IsValue reports whether s may stand as a field value (RFC 9110 5.5): no control characters but tab, bytes above 0x7f allowed. White
// space around it must have been removed.
func IsValue(s string) bool {
	return s == "" || !isSpace(s[0]) && !isSpace(s[len(s)-1]) && IsText(s)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// IsText is IsValue where white space may stand around. It looks at eight bytes at a time, as IsToken does.
func IsText(s string) bool {
	if len(s) < 8 {
		return all(s, value)
	}
	found := unusual(word(s[len(s)-8:]))
	for n := 0; n < len(s)-8; n += 8 {
		found |= unusual(word(s[n:]))
	}
	return found&tops == 0 || TextEnd(s, 0) == len(s)
}

// TextEnd is the offset of the first control character in s from the offset n on that is no tab, or the length of s. Sixteen bytes at a
// time: values are most of a head.
func TextEnd(s string, n int) int {
	for n <= len(s)-16 {
		one, two := word(s[n:]), word(s[n+8:])
		if (unusual(one)|unusual(two))&tops == 0 {
			n += 16
			continue
		}
		if found := controls(one); found != 0 {
			n += first(found)
		} else if found := controls(two); found != 0 {
			n += 8 + first(found)
		} else {
			n += 16
			continue
		}
		if s[n] != '\t' {
			return n
		}
		n++
	}
	for n < len(s) && classes[s[n]]&value != 0 {
		n++
	}
	return n
}

// IsTarget reports whether s may stand as a path and query: no white space, control characters or fragment. Bytes above 0x7f are
// allowed, as browsers of old and many scripts send them.
func IsTarget(s string) bool { return s != "" && all(s, target) }

// TargetLen is the number of bytes that s begins with and that may stand in a target.
func TargetLen(s string) int { return run(s, target) }

// IsHost reports whether s may stand as a Host (RFC 9110 7.2, RFC 3986 3.2.2): a name, or an address in brackets, and an optional port. An
// empty one is allowed. Escapes are not, and no label but the last may be empty: no name in use needs them, and each server reads them in
// its own way.
func IsHost(s string) bool {
	if s == "" {
		return true
	}
	name, port := s, ""
	if s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		if a, err := netip.ParseAddr(s[1:end]); err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		name, port = "", s[end+1:]
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 {
		name, port = s[:colon], s[colon:]
		if name == "" {
			return false
		}
	}
	return isPort(port) && all(name, host) && !strings.HasPrefix(name, ".") && !strings.Contains(name, "..")
}

// isPort reports whether s is empty, or a colon and at most five digits.
func isPort(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) > 6 {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || '9' < s[i] {
			return false
		}
	}
	return true
}
