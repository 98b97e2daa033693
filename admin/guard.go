package admin

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard keeps out what a browser can be made to send. Listening on loopback alone does not: every web page that somebody on this machine
// looks at can make requests to it, and by DNS rebinding read the answers.
func guard(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		switch {
		case !knownHost(hosts, r.Host):
			refuse(w, http.StatusForbidden, "the Host is not an address, localhost or one of admin.hosts")
		case !sameSite(r):
			refuse(w, http.StatusForbidden, "requests from other sites are not answered")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// knownHost reports whether a Host, with or without port, is one that nobody can point here by DNS.
func knownHost(hosts []string, host string) bool {
	if _, err := netip.ParseAddrPort(host); err == nil {
		return true
	}
	if _, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")); err == nil {
		return true
	}
	name, _, _ := strings.Cut(host, ":")
	return strings.EqualFold(name, "localhost") ||
		slices.ContainsFunc(hosts, func(known string) bool { return name != "" && strings.EqualFold(name, known) })
}

// sameSite reports whether the request comes from no web page or from one of our own (Fetch Metadata; RFC 6454 7).
func sameSite(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return false
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		if origin != "http://"+r.Host {
			return false
		}
	}
	return true
}
