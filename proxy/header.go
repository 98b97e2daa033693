package proxy

import (
	"net/netip"
	"strings"

	"usher/affinity"
	"usher/proxy/field"
)

// internal are the fields that pass between Usher and a backend. No client may send them and none gets to see them.
var internal = []string{
	"X-Session-Assertion", "X-Session-Status", "X-Session-Moved", "X-Session-Data", "X-Session-Signature",
	"X-Session-Patch", "X-Session-Destroy", "X-Session-Regenerate",
}

var internalNames = field.NewNames(internal...)

// IsInternal reports whether a field passes between Usher and its backends alone, or looks like one that does.
func IsInternal(name string) bool { return internalNames.Has(name) }

// movedHeader tells a backend that affinity sent this client elsewhere before.
const movedHeader = "X-Session-Moved"

// hopByHop are the fields that belong to one connection (RFC 9110 7.6.1), and those that end here all the same.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "TE", "Transfer-Encoding", "Upgrade", "Trailer",
	"Proxy-Authenticate", "Proxy-Authorization", "HTTP2-Settings",
}

// forwardedNames are the fields by which a proxy speaks of the client. They are believed from trusted proxies alone.
var forwardedNames = []string{
	"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Scheme",
	"X-Forwarded-Ssl", "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-By", "X-Forwarded", "Forwarded",
	"X-Real-IP",
}

// trailerForbidden are the fields that may not stand in a trailer section (RFC 9110 6.5.1): framing, routing, authentication, request
// modifiers, cookies, and what describes or controls the content.
var trailerForbidden = field.NewNames(
	"Content-Length", "Host", "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "Cookie", "Set-Cookie",
	"Cache-Control", "Expect", "Max-Forwards", "Pragma", "Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
	"If-Range", "Content-Encoding", "Content-Type", "Content-Range", "Content-Location", "Age", "Date", "Expires", "Location",
	"Retry-After", "Vary", "Warning", "Origin", "Referer",
)

// isForwarded reports whether a field is one of the family by which proxies speak of the client, whatever its rest.
func isForwarded(name string) bool {
	const family = "x-forwarded-"
	return len(name) >= len(family) && name[0]|0x20 == 'x' && field.LooksLike(name[:len(family)], family)
}

// hopNames tells most fields from those that are hop-by-hop.
var hopNames = field.NewNames(hopByHop...)

func isHopByHop(name string) bool { return hopNames.Has(name) && namedBy(hopByHop, name) }

// nominated collects the names that the Connection lines declare hop-by-hop, but for those that are known to be.
func nominated(s *field.Section) []string {
	var names []string
	for _, l := range s.Lines() {
		if !field.Equal(l.Name, "Connection") || field.Equal(l.Value, "keep-alive") {
			continue
		}
		for t := range field.Tokens(l.Value) {
			if !field.Equal(t, "close") && !isHopByHop(t) {
				names = append(names, t)
			}
		}
	}
	return names
}

func namedBy(names []string, name string) bool {
	for _, n := range names {
		if field.Equal(n, name) {
			return true
		}
	}
	return false
}

// TrailerFilter returns what tells whether a field of a trailer section may be passed on. It outlives the exchange.
func (x *Exchange) TrailerFilter() func(name string) bool {
	strip, owned, keep := x.strip, x.owned, x.underscores
	return func(name string) bool {
		return field.IsToken(name) && !trailerForbidden.Has(name) && !strip.Has(name) && !owned.Has(name) && !isHopByHop(name) &&
			!isForwarded(name) && !internalNames.Has(name) && (keep || !strings.Contains(name, "_"))
	}
}

// prepare turns the request's header section into the backend's: what is not the client's to say goes first, then hop-by-hop fields, and
// only then come the forwarded fields and those that the route sets, so that no Connection header can remove them.
func (x *Exchange) prepare() {
	l, h := x.listener, &x.Request.Header
	x.Upgrade = x.wantedUpgrade()
	trailers := h.HasToken("TE", "trailers")
	gone := nominated(h)
	h.Keep(func(line *field.Line) bool {
		switch {
		case namedBy(gone, line.Name):
			return false
		case l.special.Has(line.Name):
			return x.keepSpecial(line)
		case !l.KeepUnderscores && strings.IndexByte(line.Name, '_') >= 0:
			return false
		}
		return x.trusted || !isForwarded(line.Name)
	})
	if trailers {
		h.Add("TE", "trailers")
	}
	if x.Upgrade != "" {
		h.Add("Connection", "Upgrade")
		h.Add("Upgrade", x.Upgrade)
	}
	x.addForwarded()
	x.editRequest()
}

// keepSpecial decides on a line whose name is among, or looks like one of, the listener's special ones.
func (x *Exchange) keepSpecial(line *field.Line) bool {
	l := x.listener
	switch {
	case l.strip.Has(line.Name):
		return false
	case field.Equal(line.Name, "Host"): // Request.Host says the same
		return false
	case field.Equal(line.Name, "Cookie"):
		return x.hideCookies(line)
	case isHopByHop(line.Name):
		return false
	case l.owned.Has(line.Name):
		return x.trusted && !strings.ContainsAny(line.Name, "_.")
	case !l.KeepUnderscores && strings.Contains(line.Name, "_"):
		return false
	}
	return x.trusted || !isForwarded(line.Name)
}

// hideCookies removes the affinity cookies from a Cookie line and reports whether anything is left of it.
func (x *Exchange) hideCookies(line *field.Line) bool {
	if len(x.listener.hidden) == 0 {
		return true
	}
	kept, changed := affinity.Strip(x.arena.room(len(line.Value)), line.Value, x.listener.hides)
	if changed {
		line.Value = x.arena.keep(kept)
	}
	return line.Value != ""
}

func (x *Exchange) editRequest() {
	for _, name := range x.route.requestRemove {
		x.Request.Header.Del(name)
	}
	for _, set := range x.route.requestSet {
		if field.Equal(set.Name, "Host") {
			x.Request.Host = set.Value
			continue
		}
		x.Request.Header.Set(set.Name, set.Value)
	}
}

// wantedUpgrade returns the one protocol that the client asks to change to, if the route allows it (RFC 9110 7.8).
func (x *Exchange) wantedUpgrade() string {
	h := &x.Request.Header
	if x.Request.Method != "GET" || x.Request.ContentLength != 0 || x.Request.Proto != "HTTP/1.1" || !h.HasToken("Connection", "upgrade") {
		return ""
	}
	wanted := strings.ToLower(h.Get("Upgrade"))
	for _, u := range x.route.upgrade {
		if u == wanted {
			return u
		}
	}
	return ""
}

func (l *Listener) trusts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range l.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// identify finds out who the client is, how it came, and the request's ID.
func (x *Exchange) identify() {
	x.trusted = x.listener.trusts(x.Request.Peer.Addr())
	x.ClientIP, x.Secure = x.Request.Peer.Addr().Unmap(), x.Request.TLS
	if !x.trusted {
		x.RequestID = x.newRequestID()
		return
	}
	h := &x.Request.Header
	x.ClientIP = x.listener.clientIP(x.ClientIP, h)
	if proto, _, _ := strings.Cut(h.Get("X-Forwarded-Proto"), ","); proto != "" {
		x.Secure = strings.EqualFold(strings.TrimSpace(proto), "https")
	}
	if x.listener.RequestID != "" {
		x.RequestID = h.Get(x.listener.RequestID)
	}
	if !goodRequestID(x.RequestID) {
		x.RequestID = x.newRequestID()
	}
}

// clientIP walks X-Forwarded-For from its end: the first address that is not a trusted proxy's is the client's.
func (l *Listener) clientIP(peer netip.Addr, h *field.Section) netip.Addr {
	client := peer
	lines := h.Lines()
	for i := len(lines) - 1; i >= 0; i-- {
		if !field.Equal(lines[i].Name, "X-Forwarded-For") {
			continue
		}
		for rest := lines[i].Value; rest != ""; {
			comma := strings.LastIndexByte(rest, ',')
			addr, ok := parseAddr(strings.Trim(rest[comma+1:], " \t"))
			if !ok {
				return client
			}
			client, rest = addr, rest[:max(comma, 0)]
			if !l.trusts(addr) {
				return client
			}
		}
	}
	return client
}

// parseAddr reads an address as proxies write it: with or without brackets and port.
func parseAddr(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err == nil
}

// addForwarded tells the backend of the client: X-Forwarded-For, -Proto and -Host, Forwarded (RFC 7239), the request ID. What a trusted
// proxy said before, which is still there, is continued; what anybody else said is gone already.
func (x *Exchange) addForwarded() {
	h := &x.Request.Header
	peer := x.Request.Peer.Addr().Unmap().WithZone("")
	scheme := "http"
	if x.Request.TLS {
		scheme = "https"
	}
	x.appendTo("X-Forwarded-For", func(b []byte) []byte { return appendNode(b, peer) })
	if !x.trusted || !h.Has("X-Forwarded-Proto") {
		h.Add("X-Forwarded-Proto", scheme)
	}
	if x.Request.Host != "" && (!x.trusted || !h.Has("X-Forwarded-Host")) {
		h.Add("X-Forwarded-Host", x.Request.Host)
	}
	x.appendTo("Forwarded", func(b []byte) []byte {
		open, end := "for=", `;host="`
		if peer.Is6() {
			open, end = `for="[`, `]";host="`
		}
		b = append(appendNode(append(b, open...), peer), end...)
		return append(append(append(b, x.Request.Host...), `";proto=`...), scheme...)
	})
	if name := x.listener.RequestID; name != "" {
		if x.trusted {
			h.Del(name)
		}
		h.Add(name, x.RequestID)
	}
}

// appendNode names an address, or says that there is none, as of a Unix socket's client (RFC 7239 6.3).
func appendNode(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, "unknown"...)
	}
	return a.AppendTo(b)
}

// member bounds what addForwarded adds to a list, but for the host: an address, and the words around.
const member = 96

// appendTo adds a member to the comma-separated list in the field of that name, which ends up in one line.
func (x *Exchange) appendTo(name string, add func([]byte) []byte) {
	h := &x.Request.Header
	size := member + len(x.Request.Host)
	if !x.trusted { // there is none
		h.Add(name, x.arena.keep(add(x.arena.room(size))))
		return
	}
	for _, l := range h.Lines() {
		if field.Equal(l.Name, name) {
			size += len(l.Value) + len(", ")
		}
	}
	list := x.arena.room(size)
	for _, l := range h.Lines() {
		if field.Equal(l.Name, name) && l.Value != "" {
			list = append(append(list, l.Value...), ", "...)
		}
	}
	h.Set(name, x.arena.keep(add(list)))
}

// CleanResponse removes what is not for the client from a response's header section: hop-by-hop fields and those between Usher and its
// backends. The walk does so for final responses; a plane does it for those with a status of 1xx.
func CleanResponse(h *field.Section) {
	gone := nominated(h)
	h.Keep(func(line *field.Line) bool {
		return !isHopByHop(line.Name) && !internalNames.Has(line.Name) && !namedBy(gone, line.Name)
	})
}

func (x *Exchange) editResponse() {
	h := &x.Response.Header
	for _, name := range x.route.responseRemove {
		h.Del(name)
	}
	for _, set := range x.route.responseSet {
		h.Set(set.Name, set.Value)
	}
}

// makePrivate keeps a response that carries our cookie out of shared caches (RFC 9111 5.2.2): public and s-maxage go, private comes unless
// no-store or private is there. What speaks to shared caches alone goes (RFC 9213).
func makePrivate(h *field.Section) {
	h.Keep(func(l *field.Line) bool {
		name := strings.ToLower(l.Name)
		return !strings.HasSuffix(name, "-cache-control") && name != "surrogate-control"
	})
	var kept []string
	restricted := false
	for _, l := range h.Lines() {
		if !field.Equal(l.Name, "Cache-Control") {
			continue
		}
		for d := range field.Tokens(l.Value) {
			name, _, _ := strings.Cut(strings.ToLower(d), "=")
			switch strings.TrimSpace(name) {
			case "public", "s-maxage":
				continue
			case "private", "no-store":
				restricted = restricted || !strings.Contains(d, "=")
			}
			kept = append(kept, d)
		}
	}
	if !restricted {
		kept = append(kept, "private")
	}
	h.Set("Cache-Control", strings.Join(kept, ", "))
}
