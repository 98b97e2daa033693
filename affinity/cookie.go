package affinity

import "strings"

// Values appends to dst the raw values of the cookies of that name in one Cookie header value, in wire order (RFC 6265 5.4): quotes and
// escapes are left as they are. It takes time linear in the header's length.
func Values(dst []string, header, name string) []string {
	for part := range strings.SplitSeq(header, ";") {
		if n, value := split(part); n == name {
			dst = append(dst, value)
		}
	}
	return dst
}

// Strip removes the cookies for whose name names returns true from one Cookie header value. The others keep their bytes, their order and
// what separates them; rest is empty when there are none. It reports whether anything was removed, and takes time linear in the header's
// length. names is called once for each part, with an empty name for one that has none.
func Strip(header string, names func(name string) bool) (rest string, changed bool) {
	var kept strings.Builder
	at := 0
	for part := range strings.SplitSeq(header, ";") {
		switch name, _ := split(part); {
		case names(name):
			if !changed {
				kept.Grow(len(header))
				kept.WriteString(header[:max(0, at-1)])
			}
			changed = true
		case changed:
			if kept.Len() > 0 {
				kept.WriteByte(';')
			}
			kept.WriteString(part)
		}
		at += len(part) + 1
	}
	if !changed {
		return header, false
	}
	rest = strings.Trim(kept.String(), blank) // a field value has none at its ends (RFC 9110 5.5, RFC 9113 8.2.1)
	if strings.Trim(rest, ";"+blank) == "" {
		return "", true
	}
	return rest, true
}

// blank is the white space of a field value (RFC 9110 5.6.3).
const blank = " \t"

// split parts a pair into name and value. A pair without an equals sign is a value without a name, as browsers have it.
func split(pair string) (name, value string) {
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		return "", strings.Trim(pair, blank)
	}
	return strings.Trim(name, blank), strings.Trim(value, blank)
}
