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
		name: c.Name, listener: c.Match.Listener, methods: c.Match.Methods, upgrade: lowered(c.Upgrade),
		rewrite: RewriteConfig{StripPrefix: prefix(c.Rewrite.StripPrefix), AddPrefix: prefix(c.Rewrite.AddPrefix)},
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

// prefix is the form in which a prefix is taken off a path or put in front of it: empty for the root.
func prefix(path string) string {
	if n := normalize(encode(path)); n != "/" {
		return n
	}
	return ""
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

// pathPattern is a path and what lies below it, or the path alone.
type pathPattern struct {
	exact bool
	forms [2]patternForm // as configured, and in lower case
	// caseCounts is set where another route's pattern differs in case alone: then no path matches it in another case.
	caseCounts bool
}

// patternForm is a pattern in the ways in which a request's path may spell it: decoded or not, and for exact patterns with and without the
// slash at its end.
type patternForm struct{ encoded, decoded, encodedNormal, decodedNormal string }

func newPathPattern(s string) pathPattern {
	path, exact := strings.CutPrefix(s, "=")
	return pathPattern{exact: exact, forms: [2]patternForm{newPatternForm(path, false), newPatternForm(path, true)}}
}

func newPatternForm(path string, folded bool) patternForm {
	d, e := decode(path, separators), encode(path)
	if folded {
		d, e = strings.ToLower(d), strings.ToLower(e)
	}
	return patternForm{encoded: e, decoded: d, encodedNormal: normalize(e), decodedNormal: normalize(d)}
}

func (p *pathPattern) matches(r reading) bool {
	f, path := &p.forms[0], r.path
	if r.folded != "" && !p.caseCounts {
		f, path = &p.forms[1], r.folded
	}
	switch {
	case !p.exact:
		return below(path, f.encodedNormal) || below(path, f.decodedNormal)
	case r.normal:
		return path == f.encodedNormal || path == f.decodedNormal
	}
	return path == f.encoded || path == f.decoded
}

// noteCase marks the patterns that differ from another in case alone.
func noteCase(routes []*Route) {
	seen := map[string]string{}
	differ := map[string]bool{}
	each := func(f func(*pathPattern)) {
		for _, r := range routes {
			for i := range r.paths {
				f(&r.paths[i])
			}
		}
	}
	each(func(p *pathPattern) {
		low, as := p.forms[1].decodedNormal, p.forms[0].decodedNormal
		if first, ok := seen[low]; ok && first != as {
			differ[low] = true
		}
		seen[low] = as
	})
	each(func(p *pathPattern) { p.caseCounts = differ[p.forms[1].decodedNormal] })
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
		(len(r.paths) == 0 || r.matchesPath(path)) &&
		(len(r.methods) == 0 || slices.Contains(r.methods, req.Method)) &&
		r.matchesHeaders(req)
}

func (r *Route) matchesPath(path reading) bool {
	for i := range r.paths {
		if r.paths[i].matches(path) {
			return true
		}
	}
	return false
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

// choose returns the first route that matches the request. Where the path can be read in several ways, all must lead to the same route. a is
// for what has to be written otherwise.
func (l *Listener) choose(req *Request, a *arena) (*Route, error) {
	host, path := "", req.Path()
	if l.byHost {
		host = hostName(req.Host)
	}
	var err error
	r := l.first(req, host, reading{path: upperEscapes(path)})
	switch {
	case !l.byPath: // all readings are one
		err = checkEscapes(path)
	case !plain(path) || hasUpper(path):
		err = l.agree(req, a, host, r)
	}
	if err == nil && r == nil {
		err = errNoRoute
	}
	return r, err
}

// agree holds r against the routes that the path's other readings lead to.
func (l *Listener) agree(req *Request, a *arena, host string, r *Route) error {
	var room [8]reading
	ways, err := readings(room[:0], a, req.Path())
	if err != nil {
		return err
	}
	for _, way := range ways[1:] {
		if l.first(req, host, way) != r {
			return errAmbiguous
		}
	}
	return nil
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
	if strip := r.rewrite.StripPrefix; strip != "" && below(path, strip) {
		path = path[len(strip):]
		if path == "" {
			path = "/"
		}
	}
	path = r.rewrite.AddPrefix + path
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
