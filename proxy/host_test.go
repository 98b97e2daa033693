package proxy

import (
	"net"
	"strings"
	"testing"

	"usher/proxy/field"
)

// plainHost reads an authority as the standard library does: the host without its port, in lower case, without the root's dot. ok is false
// for what is no host and port.
func plainHost(authority string) (host string, ok bool) {
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host, _, err = net.SplitHostPort(authority + ":0")
	}
	return strings.TrimSuffix(strings.ToLower(host), "."), err == nil
}

// meant reports whether a host is what a pattern of the file stands for.
func meant(pattern, host string) bool {
	if domain, ok := strings.CutPrefix(pattern, "*."); ok {
		label, rest, cut := strings.Cut(host, ".")
		for ; cut; label, rest, cut = cutLabel(label, rest) {
			if rest == domain {
				return true
			}
		}
		return false
	}
	return host == pattern
}

// cutLabel moves one label of rest over to host.
func cutLabel(host, rest string) (string, string, bool) {
	label, rest, ok := strings.Cut(rest, ".")
	return host + "." + label, rest, ok
}

var hostPatterns = []string{"example.com", "*.example.com", "localhost", "192.0.2.1", "::1"}

// FuzzHosts holds the host patterns against another reading of the same authority: no spelling matches a pattern that it does not stand for.
func FuzzHosts(f *testing.F) {
	for _, s := range []string{
		"example.com", "EXAMPLE.com:80", "a.example.com.", "a.b.example.com:", "[::1]:80", "[::1]", "::1", "::1:80", "example.com:80:80", "example.com..",
		"[example.com]", "[example.com", "example.com]", "x.[example.com]", "[::1]x", "[::1].example.com", ".example.com", "*.example.com", "example.com.:80",
		"192.0.2.1:1", "192.0.2.1.", ":80", ".", "[]", "a:.example.com", "[a.example.com]x:80", "[::1.]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, authority string) {
		if !field.IsHost(authority) {
			return
		}
		want, ok := plainHost(authority)
		if !ok {
			t.Fatalf("%q is accepted, and is no host and port", authority)
		}
		for _, p := range hostPatterns {
			if newHostPattern(p).matches(hostName(authority)) && !meant(p, want) {
				t.Errorf("%q matches %s, but is read as %q", authority, p, want)
			}
		}
	})
}

func TestThePortsAndSpellingsOfAHostDoNotCount(t *testing.T) {
	for authority, want := range map[string]string{
		"example.com": "example.com", "Example.COM:8080": "example.com", "example.com.": "example.com", "example.com.:80": "example.com",
		"example.com:": "example.com", "[::1]:80": "::1", "[::1]": "::1", "::1": "::1", "[2001:DB8::1]:443": "2001:db8::1", "": "",
	} {
		if got := hostName(authority); got != want {
			t.Errorf("%q: got %q, want %q", authority, got, want)
		}
	}
}
