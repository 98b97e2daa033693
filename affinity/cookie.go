package affinity

import "strings"

// Values appends to dst the raw values of the cookies of that name in one Cookie header value, in wire order (RFC 6265 5.4): quotes and
// escapes are left as they are. It takes time linear in the header's length.
func Values(dst []string, header, name string) []string {
	var part string
	for more := true; more; {
		part, header, more = cut(header, ';')
		if n, value := split(part); n == name {
			dst = append(dst, value)
		}
	}
	return dst
}

// Strip appends to dst one Cookie header value without the cookies for whose name names returns true. The others keep their bytes, their
// order and what separates them; nothing is appended when there are none. It reports whether anything was removed: else dst is as it was
// and the header as it should be. It takes time linear in the header's length. names is called once for each part, with an empty name for
// one that has none.
func Strip(dst []byte, header string, names func(name string) bool) (kept []byte, changed bool) {
	from, at := len(dst), 0
	var part string
	for rest, more := header, true; more; at += len(part) + 1 {
		part, rest, more = cut(rest, ';')
		switch name, _ := split(part); {
		case names(name):
			if !changed {
				dst = append(dst, trimLeft(header[:max(0, at-1)])...)
			}
			changed = true
		case changed && len(dst) == from:
			dst = append(dst, trimLeft(part)...)
		case changed:
			dst = append(append(dst, ';'), part...)
		}
	}
	return dst[:from+tidy(dst[from:])], changed
}

// tidy is how much of a Cookie line's rest is worth keeping: nothing where only separators are left, and else all but the white space at
// the end, of which a field value has none (RFC 9110 5.5, RFC 9113 8.2.1).
func tidy(rest []byte) (length int) {
	for length = len(rest); length > 0 && isBlank(rest[length-1]); {
		length--
	}
	for _, c := range rest[:length] {
		if c != ';' && !isBlank(c) {
			return length
		}
	}
	return 0
}

// isBlank reports whether c is white space of a field value (RFC 9110 5.6.3).
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// split parts a pair into name and value. A pair without an equals sign is a value without a name, as browsers have it.
func split(pair string) (name, value string) {
	name, value, ok := cut(pair, '=')
	if !ok {
		return "", trim(pair)
	}
	return trim(name), trim(value)
}

func cut(s string, at byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, at); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// trim takes the white space off both ends; strings.Trim would make a set of it first.
func trim(s string) string {
	s = trimLeft(s)
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func trimLeft(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	return s
}
