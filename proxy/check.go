package proxy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"usher/balancer"
	"usher/conf"
	"usher/proxy/field"
)

// Validate checks that the route does one thing and that weights leave a pool to do it.
func (r RouteConfig) Validate() conf.Problems {
	var ps conf.Problems
	r.validateAction(&ps)
	r.warnIdle(&ps)
	sum := 0
	for _, w := range r.Pools {
		sum += w.Weight
	}
	if len(r.Pools) > 0 && sum == 0 {
		ps.Add("pools", "no pool of the route has a weight: new clients would get none").WithHint("set a weight of 1 or more")
	}
	for i, u := range r.Upgrade {
		if name, version, _ := strings.Cut(u, "/"); !field.IsToken(name) || version != "" && !field.IsToken(version) || untunnelled(name) {
			ps.Add(conf.Index("upgrade", i), "%q is not a protocol that can be tunnelled", u).WithHint("websocket is the usual one")
		}
	}
	return ps
}

// untunnelled reports whether the protocol would change what Usher and the backend speak to each other.
func untunnelled(protocol string) bool {
	return field.Equal(protocol, "h2c") || field.Equal(protocol, "HTTP") || field.Equal(protocol, "TLS")
}

func (r RouteConfig) validateAction(ps *conf.Problems) {
	var given []string
	for _, a := range []struct {
		path string
		set  bool
	}{
		{"pool", r.Pool != ""}, {"pools", len(r.Pools) > 0}, {"respond.status", r.Respond.Status != 0}, {"redirect.to", r.Redirect.To != ""},
	} {
		if a.set {
			given = append(given, a.path)
		}
	}
	switch {
	case len(given) == 0:
		ps.Add("", "the route does nothing").WithHint("give it one of pool, pools, respond: {status: ...} and redirect: {to: ...}")
	case len(given) > 1:
		ps.Add(given[1], "a route has one of pool, pools, respond and redirect, and this one has %s", strings.Join(given, " and ")).
			WithNote(given[0], "the first one is here")
	}
	if r.Respond.Body != "" && r.Respond.Status == 0 {
		ps.Add("respond", "an answer needs a status").WithHint("respond: {status: 200, body: ...}")
	}
}

// warnIdle warns of settings for the way to a backend where there is none.
func (r RouteConfig) warnIdle(ps *conf.Problems) {
	action := "respond"
	if r.Redirect.To != "" {
		action = "redirect"
	} else if r.Respond.Status == 0 {
		return
	}
	var d RouteConfig
	d.SetDefaults()
	for _, s := range []struct {
		path  string
		given bool
	}{
		{"upgrade", !slices.Equal(r.Upgrade, d.Upgrade)}, {"rewrite", r.Rewrite != d.Rewrite}, {"timeouts", r.Timeouts != d.Timeouts},
		{"headers.request", len(r.Headers.Request.Set)+len(r.Headers.Request.Remove) > 0},
	} {
		if s.given {
			ps.Warn(s.path, "%s does nothing here: no backend sees a request of a route with %s", s.path, action).WithHint("remove it")
		}
	}
}

// Validate checks the form of every pattern.
func (m MatchConfig) Validate() conf.Problems {
	var ps conf.Problems
	for i, h := range m.Host {
		validateHost(&ps, conf.Index("host", i), h)
	}
	for i, p := range m.Path {
		validatePath(&ps, conf.Index("path", i), strings.TrimPrefix(p, "="))
	}
	for i, name := range m.Methods {
		if !field.IsToken(name) {
			ps.Add(conf.Index("methods", i), "%q is not a method", name).WithHint("write it like GET")
		} else if strings.ToUpper(name) != name {
			ps.Warn(conf.Index("methods", i), "methods are told apart by case, and the usual ones are in capitals").WithHint("write %s", strings.ToUpper(name))
		}
	}
	validateFields(&ps, "headers", m.Headers)
	return ps
}

// validateHost accepts a host name in lower case, one that begins with "*.", and an IP address in its usual form.
func validateHost(ps *conf.Problems, path, host string) {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		if s := a.String(); host != s && host != "["+s+"]" {
			ps.Add(path, "%q is not how a client writes the address", host).WithHint("write %s", s)
		}
		return
	}
	switch name := strings.TrimPrefix(host, "*."); {
	case strings.ToLower(host) != host:
		ps.Add(path, "a host pattern is in lower case; it matches every spelling").WithHint("write %s", strings.ToLower(host))
	case strings.Contains(host, ":"):
		ps.Add(path, "a host pattern has no port: it matches every port").WithHint("write %s", hostName(host))
	case !isDomain(name):
		ps.Add(path, "%q is not a host pattern", host).WithHint("write it like example.com, or *.example.com for every name below")
	}
}

// isDomain accepts a DNS name of letters, digits and hyphens (RFC 1123 2.1).
func isDomain(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label ||
			strings.ContainsFunc(label, func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-') }) {
			return false
		}
	}
	return len(name) <= 253
}

// validatePath accepts a path in its normal form. Any other spelling would be a pattern that nobody can be sure of.
func validatePath(ps *conf.Problems, path, p string) {
	switch {
	case !strings.HasPrefix(p, "/"):
		ps.Add(path, "a path begins with a slash, and %q does not", p).WithHint("write it like /api, or =/api for that path alone")
	case strings.ContainsAny(p, "?#"):
		ps.Add(path, "a path has neither query nor fragment").WithHint("remove what begins with ? or #")
	case strings.ContainsAny(p, `;\`):
		ps.Add(path, "a path pattern has no semicolon and no backslash: servers read them in different ways")
	case checkEscapes(p) != nil:
		ps.Add(path, "%q: %v", p, checkEscapes(p))
	case forwardForm(p) != p:
		ps.Add(path, "the path is not in its normal form").WithHint("write %s", forwardForm(p))
	}
}

func validateFields(ps *conf.Problems, path string, fields map[string]string) {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		at := conf.Join(path, name)
		low := strings.ToLower(name)
		switch first, twice := seen[low]; {
		case !field.IsToken(name):
			ps.Add(at, "%q cannot be the name of a header field", name)
		case twice:
			ps.Add(at, "the field %s is here twice: case does not count", name).WithNote(conf.Join(path, first), "the first one is here")
		case !field.IsValue(fields[name]):
			ps.Add(at, "the value has control characters, or white space around it")
		}
		seen[low] = name
	}
}

// Validate checks the prefixes.
func (r RewriteConfig) Validate() conf.Problems {
	var ps conf.Problems
	if r.StripPrefix != "" {
		validatePath(&ps, "strip_prefix", r.StripPrefix)
	}
	if r.AddPrefix != "" {
		validatePath(&ps, "add_prefix", r.AddPrefix)
	}
	return ps
}

// Validate checks that no field is touched that is Usher's own or belongs to a connection.
func (h HeadersConfig) Validate() conf.Problems {
	var ps conf.Problems
	h.Request.validate(&ps, "request")
	h.Response.validate(&ps, "response")
	for _, name := range slices.Sorted(maps.Keys(h.Response.Set)) {
		if field.Equal(name, "Host") {
			ps.Add(conf.Join("response.set", name), "a response has no Host")
		}
	}
	for i, name := range h.Request.Remove {
		if field.Equal(name, "Host") {
			ps.Add(conf.Index("request.remove", i), "every request has a Host").WithHint("set another one: set: {Host: ...}")
		}
	}
	return ps
}

// untouchable are the fields that delimit a message or belong to one connection.
var untouchable = field.NewNames(append([]string{"Content-Length"}, hopByHop...)...)

func (e HeaderEdit) validate(ps *conf.Problems, path string) {
	set := conf.Join(path, "set")
	validateFields(ps, set, e.Set)
	for _, name := range slices.Sorted(maps.Keys(e.Set)) {
		refuseField(ps, conf.Join(set, name), name)
	}
	for i, name := range e.Remove {
		at := conf.Index(conf.Join(path, "remove"), i)
		if !field.IsToken(name) {
			ps.Add(at, "%q cannot be the name of a header field", name)
		}
		refuseField(ps, at, name)
	}
}

func refuseField(ps *conf.Problems, at, name string) {
	switch {
	case untouchable.Has(name):
		ps.Add(at, "the field %s belongs to one connection, and Usher writes it", name)
	case internalNames.Has(name):
		ps.Add(at, "the field %s is, or looks like, one that Usher vouches for", name).WithHint("choose another name")
	}
}

// Validate checks the weight.
func (w WeightedPool) Validate() conf.Problems {
	var ps conf.Problems
	if w.Pool == "" {
		ps.Add("pool", "an entry of pools needs a pool").WithHint("write it like {pool: web, weight: 95}")
	}
	if w.Weight < 0 || w.Weight > balancer.MaxWeight {
		ps.Add("weight", "weight %d is out of range", w.Weight).WithHint("use 0 to %d", balancer.MaxWeight)
	}
	return ps
}

// Validate checks the status, and that there is no body where it allows none (RFC 9110 15.3.5, 15.3.6, 15.4.5).
func (r RespondConfig) Validate() conf.Problems {
	var ps conf.Problems
	if r.Status != 0 && (r.Status < 200 || r.Status > 599) {
		ps.Add("status", "status %d is out of range", r.Status).WithHint("use 200 to 599")
	}
	if r.Body != "" && slices.Contains([]int{204, 205, 304}, r.Status) {
		ps.Add("body", "an answer with status %d has no body", r.Status).WithHint("remove the body, or use another status")
	}
	return ps
}

// Validate checks the status and that a client is sent where the file says, whatever path it asks for.
func (r RedirectConfig) Validate() conf.Problems {
	var ps conf.Problems
	if !slices.Contains([]int{301, 302, 303, 307, 308}, r.Status) {
		ps.Add("status", "%d is not the status of a redirect", r.Status).WithHint("use 301, 302, 303, 307 or 308")
	}
	if r.To == "" {
		return ps
	}
	const forms = "write it like https://{host}{uri} or /login"
	rest := strings.NewReplacer("{host}", "", "{uri}", "", "{path}", "").Replace(r.To)
	switch _, after, absolute := strings.Cut(r.To, "://"); {
	case strings.ContainsAny(rest, "{}"):
		ps.Add("to", "unknown placeholder in %q", r.To).WithHint("{host}, {uri} and {path} are known")
	case !field.IsTarget(strings.ReplaceAll(r.To, "#", "")) || strings.Contains(r.To, `\`):
		ps.Add("to", "a location has no white space, control characters or backslashes")
	case absolute && !strings.HasPrefix(r.To, "http://") && !strings.HasPrefix(r.To, "https://"):
		ps.Add("to", "a location is a path, or begins with http:// or https://").WithHint(forms)
	case absolute && (after == "" || after[0] == '/' || strings.HasPrefix(after, "{uri}") || strings.HasPrefix(after, "{path}")):
		ps.Add("to", "%q names no host", r.To).WithHint(forms)
	case !absolute && (r.To[0] != '/' || len(r.To) > 1 && (r.To[1] == '/' || r.To[1] == '{')):
		ps.Add("to", "a location is a path, or begins with http:// or https://").
			WithHint("a client could choose the host otherwise; " + forms)
	}
	return ps
}
