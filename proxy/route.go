package proxy

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"usher/proxy/field"
)

// Route is one entry of the routing table, compiled. Immutable.
type Route struct {
	name     string
	listener string
	hosts    []hostPattern
	paths    []pathPattern
	methods  []string
	headers  []field.Line // a value of "*" stands for any
	pools    []weighted
	weights  int
	upgrade  []string
	rewrite  RewriteConfig

	requestSet, responseSet       []field.Line
	requestRemove, responseRemove []string

	timeouts RouteTimeouts
	respond  RespondConfig
	redirect RedirectConfig
}

type weighted struct {
	pool   *Pool
	weight int
}

func newRoute(c RouteConfig, place int, pools map[string]*Pool) (*Route, error) {
	r := &Route{
		name: c.Name, listener: c.Match.Listener, methods: c.Match.Methods, upgrade: lowered(c.Upgrade), rewrite: c.Rewrite,
		headers: sortedLines(c.Match.Headers), timeouts: c.Timeouts, respond: c.Respond, redirect: c.Redirect,
		requestSet: sortedLines(c.Headers.Request.Set), responseSet: sortedLines(c.Headers.Response.Set),
		requestRemove: c.Headers.Request.Remove, responseRemove: c.Headers.Response.Remove,
	}
	for _, h := range c.Match.Host {
		r.hosts = append(r.hosts, newHostPattern(h))
	}
	for _, p := range c.Match.Path {
		r.paths = append(r.paths, newPathPattern(p))
	}
	choices := c.Pools
	if c.Pool != "" {
		choices = []WeightedPool{{Pool: c.Pool, Weight: 1}}
	}
	for _, w := range choices {
		p, ok := pools[w.Pool]
		if !ok {
			return nil, unknownPool(w.Pool)
		}
		r.pools = append(r.pools, weighted{p, w.Weight})
		r.weights += w.Weight
	}
	return r, nil
}

type unknownPool string

func (u unknownPool) Error() string { return "unknown pool " + string(u) }

func lowered(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(s)
	}
	return out
}

func sortedLines(m map[string]string) []field.Line {
	var out []field.Line
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, field.Line{Name: name, Value: m[name]})
	}
	return out
}

// hostPattern is a host name, or the domain that any name below matches.
type hostPattern struct {
	name     string // "example.com"
	wildcard bool   // "*.example.com": name is ".example.com"
}

func newHostPattern(s string) hostPattern {
	if domain, ok := strings.CutPrefix(s, "*"); ok {
		return hostPattern{strings.ToLower(domain), true}
	}
	return hostPattern{name: hostName(s)}
}

func (h hostPattern) matches(host string) bool {
	if h.wildcard {
		return len(host) > len(h.name) && strings.HasSuffix(host, h.name)
	}
	return host == h.name
}

// hostName is the authority's host in the form in which hosts compare: lower case, without port, brackets and the root's dot.
func hostName(authority string) string {
	host := authority
	if strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(host[1:], "]")
	} else if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host, ':') == i {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// pathPattern is a path and what lies below it, or the path alone. A request's path may be read decoded or not, so both forms are kept.
type pathPattern struct {
	exact            bool
	encoded, decoded string // as it came: for exact patterns with the slash at the end, if any
	encodedNormal    string // without it
	decodedNormal    string
}

func newPathPattern(s string) pathPattern {
	path, exact := strings.CutPrefix(s, "=")
	d := decode(path, true)
	return pathPattern{
		exact: exact, encoded: encode(d), decoded: d,
		encodedNormal: normalize(encode(d)), decodedNormal: normalize(d),
	}
}

func (p pathPattern) matches(r reading) bool {
	switch {
	case !p.exact:
		return below(r.path, p.encodedNormal) || below(r.path, p.decodedNormal)
	case r.normal:
		return r.path == p.encodedNormal || r.path == p.decodedNormal
	}
	return r.path == p.encoded || r.path == p.decoded
}

// below reports whether path is prefix or continues it by whole segments.
func below(path, prefix string) bool {
	if prefix == "/" {
		return true
	}
	return strings.HasPrefix(path, prefix) && (len(path) == len(prefix) || path[len(prefix)] == '/')
}

// matches reports whether the route serves a request to host whose path is read as path.
func (r *Route) matches(req *Request, host string, path reading) bool {
	return (len(r.hosts) == 0 || slices.ContainsFunc(r.hosts, func(h hostPattern) bool { return h.matches(host) })) &&
		(len(r.paths) == 0 || slices.ContainsFunc(r.paths, func(p pathPattern) bool { return p.matches(path) })) &&
		(len(r.methods) == 0 || slices.Contains(r.methods, req.Method)) &&
		r.matchesHeaders(req)
}

func (r *Route) matchesHeaders(req *Request) bool {
	for _, want := range r.headers {
		found := false
		for _, l := range req.Header.Lines() {
			found = found || field.Equal(l.Name, want.Name) && (want.Value == "*" || l.Value == want.Value)
		}
		if !found {
			return false
		}
	}
	return true
}

// choose returns the first route that matches the request. Where the path can be read in several ways, all must lead to the same route.
func (l *Listener) choose(req *Request) (*Route, error) {
	host, path := hostName(req.Host), req.Path()
	if plain(path) {
		if r := l.first(req, host, reading{path: path}); r != nil {
			return r, nil
		}
		return nil, errNoRoute
	}
	ways, err := readings(path)
	if err != nil {
		return nil, err
	}
	r := l.first(req, host, ways[0])
	for _, way := range ways[1:] {
		if l.first(req, host, way) != r {
			return nil, errAmbiguous
		}
	}
	if r == nil {
		return nil, errNoRoute
	}
	return r, nil
}

func (l *Listener) first(req *Request, host string, path reading) *Route {
	for _, r := range l.routes {
		if r.matches(req, host, path) {
			return r
		}
	}
	return nil
}

// draw picks a pool by weight.
func (r *Route) draw() *Pool {
	if len(r.pools) == 1 || r.weights == 0 {
		return r.pools[0].pool
	}
	n := rand.IntN(r.weights)
	for _, w := range r.pools {
		if n -= w.weight; n < 0 {
			return w.pool
		}
	}
	return r.pools[0].pool
}

// target returns the target that the backend gets: the one that came, byte for byte, unless the route rewrites.
func (r *Route) target(req *Request) string {
	if r.rewrite == (RewriteConfig{}) || req.Target == "*" {
		return req.Target
	}
	path := forwardForm(req.Path())
	if strip := encode(decode(r.rewrite.StripPrefix, true)); strip != "" && below(path, normalize(strip)) && normalize(strip) != "/" {
		path = path[len(normalize(strip)):]
		if path == "" {
			path = "/"
		}
	}
	if add := normalize(encode(decode(r.rewrite.AddPrefix, true))); add != "/" {
		path = add + path
	}
	return path + req.Target[len(req.Path()):]
}

// location returns where the route redirects to.
func (r *Route) location(req *Request) string {
	host := hostName(req.Host)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return strings.NewReplacer("{host}", host, "{uri}", req.Target, "{path}", req.Path()).Replace(r.redirect.To)
}
