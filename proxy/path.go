package proxy

import (
	"bytes"
	"slices"
	"strings"
)

// A path has as many readings as there are servers: one decodes %2f and another does not, one cuts ;parameters, one removes dot segments.
// A route is a promise about what its backends are asked for, so a path whose readings lead to different routes is refused (400) and no
// spelling walks around a route. The case of letters counts (RFC 3986 6.2.2.1), but for some servers it does not, and so a path that would
// be another route's in another case is refused, too.

// plain reports whether every server reads path in one way: no escapes, parameters, backslashes, empty or dot segments.
func plain(path string) bool { return literal(path) && clean(path) }

// literal reports whether nothing in path stands for something else: no escapes, parameters or backslashes.
func literal(path string) bool {
	return strings.IndexByte(path, '%') < 0 && strings.IndexByte(path, ';') < 0 && strings.IndexByte(path, '\\') < 0
}

// clean reports whether path has neither empty nor dot segments.
func clean(path string) bool {
	if path == "/" {
		return true
	}
	if path == "" || path[0] != '/' || path[len(path)-1] == '/' {
		return false
	}
	for i := range len(path) {
		if path[i] == '/' && dotOrEmpty(path[i+1:]) {
			return false
		}
	}
	return true
}

// dotOrEmpty reports whether the first segment of rest is empty, "." or "..".
func dotOrEmpty(rest string) bool {
	for n := range 3 {
		if n == len(rest) || rest[n] == '/' {
			return true
		}
		if rest[n] != '.' {
			return false
		}
	}
	return false
}

// reading is one way to read a path. A normal one has lost its empty and dot segments, and with them the slash at its end.
// A folded one has a form in lower case, too.
type reading struct {
	path   string
	normal bool
	folded string
}

// readings appends to out, which is empty, the ways in which servers read path, the path as received first. It takes time linear in the
// path's length. What is in lower case is made in a. An escape that is cut short or not hexadecimal, or stands for NUL, is an error.
func readings(out []reading, a *arena, path string) ([]reading, error) {
	if err := checkEscapes(path); err != nil {
		return nil, err
	}
	out = withNormal(out, upperEscapes(path))
	if !literal(path) {
		for _, p := range [2]string{path, cutParameters(path)} {
			for _, decoded := range [3]string{upperEscapes(p), decode(p, separators), strings.ReplaceAll(decode(p, ""), `\`, "/")} {
				out = withNormal(withNormal(out, decoded), cutParameters(decoded))
			}
		}
	}
	for _, r := range out {
		if low := lowerCase(a, r.path); low != r.path {
			out = append(out, reading{r.path, r.normal, low})
		}
	}
	return out, nil
}

// withNormal adds path and its normal form to the readings that are not there yet.
func withNormal(out []reading, path string) []reading {
	for _, r := range [2]reading{{path: path}, {path: normalize(path), normal: true}} {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// lowerCase is strings.ToLower, by a's memory where that is easy.
func lowerCase(a *arena, s string) string {
	if !isASCII(s) {
		return strings.ToLower(s)
	}
	low := a.room(len(s))
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		low = append(low, c)
	}
	return a.keep(low)
}

// hasUpper reports whether there is a capital letter in s.
func hasUpper(s string) bool {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return true
		}
	}
	return false
}

func checkEscapes(path string) error {
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			continue
		}
		if i+2 >= len(path) || unhex(path[i+1]) < 0 || unhex(path[i+2]) < 0 {
			return errBadEscape
		}
		if path[i+1] == '0' && path[i+2] == '0' {
			return errNUL
		}
		i += 2
	}
	return nil
}

// separators are the bytes that part a path, for some server, once they are decoded.
const separators = `/\`

// decode undoes percent-encoding once (RFC 3986 2.1). Escapes of the bytes in keep stay, in capitals. Escapes must be well-formed.
func decode(path, keep string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c != '%' {
			out = append(out, c)
			continue
		}
		c = byte(unhex(path[i+1])<<4 | unhex(path[i+2]))
		if strings.IndexByte(keep, c) >= 0 {
			out = appendEscape(out, c)
		} else {
			out = append(out, c)
		}
		i += 2
	}
	return string(out)
}

// upperEscapes writes the hexadecimal digits of escapes in capitals (RFC 3986 6.2.2.1).
func upperEscapes(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	out := []byte(path)
	for i := 0; i+2 < len(out); i++ {
		if out[i] == '%' && unhex(out[i+1]) >= 0 && unhex(out[i+2]) >= 0 {
			appendEscape(out[:i], byte(unhex(out[i+1])<<4|unhex(out[i+2])))
			i += 2
		}
	}
	return string(out)
}

// cutParameters removes ";..." from every segment, as Java servers do before they match.
func cutParameters(path string) string {
	if !strings.Contains(path, ";") {
		return path
	}
	out := make([]byte, 0, len(path))
	cut := false
	for i := range len(path) {
		switch c := path[i]; {
		case c == '/':
			cut = false
			out = append(out, c)
		case c == ';':
			cut = true
		case !cut:
			out = append(out, c)
		}
	}
	return string(out)
}

// normalize removes empty and dot segments (RFC 3986 5.2.4, and the empty ones too). The result begins with a slash and ends with one only
// if it is the root.
func normalize(path string) string {
	if short := strings.TrimSuffix(path, "/"); clean(short) {
		return short
	}
	out := make([]byte, 0, len(path)+1)
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			out = out[:max(0, bytes.LastIndexByte(out, '/'))]
		default:
			out = append(append(out, '/'), segment...)
		}
	}
	if len(out) == 0 {
		return "/"
	}
	return string(out)
}

// forwardForm is the normal form in which a rewritten path is sent: escapes only where RFC 3986 3.3 wants them (and for slash and
// backslash, which mean something else undecoded), no empty or dot segments, the slash at the end kept. Escapes must be well-formed.
func forwardForm(path string) string {
	n := normalize(encode(path))
	last := path[strings.LastIndexByte(path, '/')+1:]
	if n != "/" && dotOrEmpty(last) {
		n += "/"
	}
	return n
}

// encode writes path with escapes only where they must be (RFC 3986 6.2.2.2), in capitals. Escapes in path must be well-formed.
func encode(path string) string {
	decoded := decode(path, separators+"%") // what begins with a percent sign is an escape that stays
	out := make([]byte, 0, len(decoded))
	for i := range len(decoded) {
		if c := decoded[i]; c == '/' || c == '%' || isPchar(c) {
			out = append(out, c)
		} else {
			out = appendEscape(out, c)
		}
	}
	return string(out)
}

// isPchar reports whether c is one of RFC 3986's pchar that stand for themselves.
func isPchar(c byte) bool {
	if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' {
		return true
	}
	return strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0
}

func appendEscape(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
