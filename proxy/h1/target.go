package h1

import (
	"net/netip"
	"strconv"
	"strings"

	"usher/proxy/field"
)

// resolve brings the target into the form that is forwarded (RFC 9112 3.2). It allocates only for an absolute target with a query and no
// path.
func (r *RequestHead) resolve(target string) error {
	switch {
	case r.Method == "CONNECT":
		r.Target = target
		if port, _ := portOf(target); port == "" { // RFC 9112 3.2.3: it is not optional
			return errTargetForm
		}
		return r.agree(target)
	case target == "*" && r.Method == "OPTIONS":
		r.Target = target
		return nil
	case target[0] == '/':
		r.Target = target
		return checkPath(target)
	}
	return r.absolute(target)
}

// absolute takes an absolute target apart (RFC 9112 3.2.2).
func (r *RequestHead) absolute(target string) error {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !field.Equal(scheme, "http") && !field.Equal(scheme, "https") {
		return errTargetForm
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	switch {
	case path == "" && r.Method == "OPTIONS": // RFC 9112 3.2.4
		path = "*"
	case path == "":
		path = "/"
	case path[0] == '?':
		path = "/" + path
	}
	r.Target = path
	if err := checkPath(path); err != nil {
		return err
	}
	return r.agree(authority)
}

// agree holds the target's authority against Host, which a client must send the same (RFC 9112 3.2.2): whoever reads the one and whoever
// reads the other must come to the same server.
func (r *RequestHead) agree(authority string) error {
	switch {
	case !isAuthority(authority):
		return errAuthority
	case r.hasHost && !field.Equal(r.Host, authority):
		return errHostDiffers
	}
	r.Host = authority
	return nil
}

// checkPath refuses a percent sign in the path that encodes nothing (RFC 3986 2.1). Queries are left alone: they are full of them.
func checkPath(target string) error {
	for i := range len(target) {
		switch target[i] {
		case '?':
			return nil
		case '%':
			if i+2 >= len(target) || hexDigit(target[i+1]) < 0 || hexDigit(target[i+2]) < 0 {
				return errPercent
			}
		}
	}
	return nil
}

// isAuthority reports whether s is a host and an optional port (RFC 3986 3.2). Percent signs and zones are refused: nobody agrees on what
// they mean in a Host.
func isAuthority(s string) bool {
	_, ok := portOf(s)
	return ok
}

// portOf returns the port of an authority, "" for none; ok is false if s is no authority.
func portOf(s string) (port string, ok bool) {
	if s != "" && s[0] == '[' {
		end := strings.IndexByte(s, ']') + 1
		if end < len(s) && s[end] == ':' {
			port = s[end+1:]
		} else if end < len(s) {
			return "", false
		}
		return port, isLiteral(s[:end]) && isPort(port)
	}
	host, port, _ := strings.Cut(s, ":")
	return port, host != "" && isName(host) && isPort(port)
}

// isLiteral accepts an IPv6 address in brackets.
func isLiteral(s string) bool {
	if len(s) < 2 || strings.IndexByte(s, '%') >= 0 {
		return false
	}
	addr, err := netip.ParseAddr(s[1 : len(s)-1])
	return err == nil && addr.Is6()
}

func isName(s string) bool {
	for i := range len(s) {
		if !inName[s[i]] {
			return false
		}
	}
	return true
}

// inName are the bytes of a registered name (RFC 3986 3.2.2) but the percent sign.
var inName = func() (t [256]bool) {
	for c := range 256 {
		t[c] = 'a' <= c|0x20 && c|0x20 <= 'z' || isDigit(byte(c))
	}
	for _, c := range "-._~!$&'()*+,;=" {
		t[c] = true
	}
	return t
}()

func isPort(s string) bool {
	if s == "" {
		return true
	}
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// hexDigit is the value of a hexadecimal digit, or -1.
func hexDigit(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
