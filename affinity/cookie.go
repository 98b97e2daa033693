package affinity

import "strings"

// Values appends to dst the raw values of the cookies of that name in one Cookie header value, in wire order (RFC 6265 5.4): quotes and
// escapes are left as they are. It takes time linear in the header's length.
func Values(dst []string, header, name string) []string {
	for pair := range pairs(header) {
		if n, value := split(pair); n == name {
			dst = append(dst, value)
		}
	}
	return dst
}

// Strip removes the cookies for whose name it returns true from one Cookie header value. The others keep their bytes and their order. It
// reports whether anything was removed.
func Strip(header string, names func(name string) bool) (rest string, changed bool) {
	for pair := range pairs(header) {
		if n, _ := split(pair); names(n) {
			changed = true
			break
		}
	}
	if !changed {
		return header, false
	}
	kept := make([]byte, 0, len(header))
	for pair := range pairs(header) {
		if n, _ := split(pair); names(n) {
			continue
		}
		if len(kept) > 0 {
			kept = append(kept, "; "...)
		}
		kept = append(kept, strings.Trim(pair, " \t")...)
	}
	return string(kept), true
}

// pairs yields what stands between the semicolons, empty parts left out.
func pairs(header string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for header != "" {
			var part string
			part, header, _ = strings.Cut(header, ";")
			if strings.Trim(part, " \t") != "" && !yield(part) {
				return
			}
		}
	}
}

// split parts a pair into name and value. A pair without an equals sign is a value without a name, as browsers have it.
func split(pair string) (name, value string) {
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		return "", strings.Trim(pair, " \t")
	}
	return strings.Trim(name, " \t"), strings.Trim(value, " \t")
}
