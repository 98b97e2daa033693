package proxy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"usher/balancer"
	"usher/conf"
	"usher/proxy/field"
)

// RouteConfig is one entry of the list of routes. The first whose match holds serves the request.
type RouteConfig struct {
	Name     string         `conf:"name" doc:"Shows up in metrics and logs. Default: route-N by its place in the list."`
	Match    MatchConfig    `conf:"match" doc:"What a request must be for this route. What is left out matches everything."`
	Pool     string         `conf:"pool" doc:"The pool that serves the route."`
	Pools    []WeightedPool `conf:"pools" doc:"Several pools with weights, in place of pool. A client that is bound in one of them stays there."`
	Upgrade  []string       `conf:"upgrade" doc:"Protocols that a client may upgrade the connection to."`
	Rewrite  RewriteConfig  `conf:"rewrite" doc:"Changes to the path. A rewritten path is forwarded in its normal form, any other byte for byte."`
	Headers  HeadersConfig  `conf:"headers" doc:"Header fields set and removed on the way to the backend and back."`
	Timeouts RouteTimeouts  `conf:"timeouts" doc:"Limits in time."`
	Respond  RespondConfig  `conf:"respond" doc:"An answer given in place of a pool."`
	Redirect RedirectConfig `conf:"redirect" doc:"A redirect given in place of a pool."`
}

// SetDefaults allows WebSockets and sets the stream timeout.
func (r *RouteConfig) SetDefaults() {
	*r = RouteConfig{Upgrade: []string{"websocket"}}
	r.Timeouts.SetDefaults()
	r.Redirect.SetDefaults()
}

// MatchConfig says which requests a route serves.
type MatchConfig struct {
	Listener string            `conf:"listener" doc:"A listener's name; empty: any."`
	Host     []string          `conf:"host" doc:"Host names: exact, or *.example.com for every name below. Ports do not count."`
	Path     []string          `conf:"path" doc:"Path prefixes, by whole segments; =/x for the path alone."`
	Methods  []string          `conf:"methods" doc:"Request methods."`
	Headers  map[string]string `conf:"headers" doc:"Header fields and the value each must have; \"*\" for any value."`
}

// WeightedPool is one of several pools of a route.
type WeightedPool struct {
	Pool   string `conf:"pool" doc:"The pool's name."`
	Weight int    `conf:"weight" doc:"Share of the clients that are bound in none of the pools, 0 to 1000."`
}

// SetDefaults sets weight 1.
func (w *WeightedPool) SetDefaults() { *w = WeightedPool{Weight: 1} }

// RewriteConfig changes the path on its way to the backend.
type RewriteConfig struct {
	StripPrefix string `conf:"strip_prefix" doc:"Taken off the front of the path, by whole segments."`
	AddPrefix   string `conf:"add_prefix" doc:"Put in front of the path, after strip_prefix."`
}

// HeadersConfig changes header fields both ways.
type HeadersConfig struct {
	Request  HeaderEdit `conf:"request" doc:"On the way to the backend. What is set replaces every copy and look-alike that the client sent."`
	Response HeaderEdit `conf:"response" doc:"On the way to the client."`
}

// HeaderEdit sets and removes header fields of one direction.
type HeaderEdit struct {
	Set    map[string]string `conf:"set" doc:"Fields and their values."`
	Remove []string          `conf:"remove" doc:"Fields to remove."`
}

// RouteTimeouts bounds an exchange in time.
type RouteTimeouts struct {
	Request    conf.Duration `conf:"request" doc:"The whole exchange; 0: no bound."`
	StreamIdle conf.Duration `conf:"stream_idle" doc:"How long a body or tunnel may stand still in both directions; 0: no bound."`
}

// SetDefaults sets stream_idle to 5m.
func (t *RouteTimeouts) SetDefaults() { *t = RouteTimeouts{StreamIdle: conf.Duration(5 * time.Minute)} }

// RespondConfig is a fixed answer. Status 0 means none.
type RespondConfig struct {
	Status int    `conf:"status" doc:"Status code, 200 to 599."`
	Body   string `conf:"body" doc:"Body, as text/plain."`
}

// RedirectConfig is a redirect. An empty To means none.
type RedirectConfig struct {
	To     string `conf:"to" doc:"Location. {host} stands for the request's host without port, {uri} for its path and query, {path} for its path."`
	Status int    `conf:"status" doc:"301, 302, 303, 307 or 308."`
}

// SetDefaults sets 308.
func (r *RedirectConfig) SetDefaults() { *r = RedirectConfig{Status: 308} }

// ConnectConfig says how connections to a pool's backends are made and kept. It is comparable: equal ones share connections.
type ConnectConfig struct {
	Timeout        conf.Duration   `conf:"timeout" doc:"For connecting, the TLS handshake included."`
	KeepAlive      conf.Duration   `conf:"keepalive" doc:"How long an idle connection is kept; 0: connections are not reused."`
	IdlePerBackend int             `conf:"idle_per_backend" doc:"Idle connections kept to each backend."`
	Protocol       BackendProtocol `conf:"protocol" doc:"h1, or h2c: HTTP/2 without TLS, as gRPC servers speak it."`
	TLS            BackendTLS      `conf:"tls" doc:"For backends with an https URL."`
}

// BackendProtocol is the HTTP version spoken to backends.
type BackendProtocol string

// Values lists the protocols.
func (BackendProtocol) Values() []string { return []string{"h1", "h2c"} }

// BackendTLS says how an https backend is verified.
type BackendTLS struct {
	ServerName string `conf:"server_name" doc:"Name that the certificate must be for, and SNI. Default: the backend's host."`
	CA         string `conf:"ca" doc:"PEM file of the authorities to trust. Default: the system's."`
}

// SetDefaults sets what the reference lists.
func (c *ConnectConfig) SetDefaults() {
	*c = ConnectConfig{
		Timeout: conf.Duration(3 * time.Second), KeepAlive: conf.Duration(90 * time.Second),
		IdlePerBackend: 128, Protocol: "h1",
	}
}

// Validate checks that connecting is bounded.
func (c ConnectConfig) Validate() conf.Problems {
	var ps conf.Problems
	if c.Timeout == 0 {
		ps.Add("timeout", "connecting needs a bound")
	}
	if c.IdlePerBackend < 0 {
		ps.Add("idle_per_backend", "cannot be negative")
	}
	return ps
}

// PoolTimeouts bounds what a backend may take.
type PoolTimeouts struct {
	ResponseHeader conf.Duration `conf:"response_header" doc:"From the request sent to the head of its response; 0: no bound."`
}

// SetDefaults sets 60s.
func (t *PoolTimeouts) SetDefaults() {
	*t = PoolTimeouts{ResponseHeader: conf.Duration(time.Minute)}
}

// Validate checks that the route does one thing and that weights leave a pool to do it.
func (r RouteConfig) Validate() conf.Problems {
	var ps conf.Problems
	r.validateAction(&ps)
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

// Validate checks the status.
func (r RespondConfig) Validate() conf.Problems {
	var ps conf.Problems
	if r.Status != 0 && (r.Status < 200 || r.Status > 599) {
		ps.Add("status", "status %d is out of range", r.Status).WithHint("use 200 to 599")
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
