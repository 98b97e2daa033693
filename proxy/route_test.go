package proxy

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"usher/proxy/field"
)

// testListener compiles routes given as "name pattern".
func testListener(t testing.TB, patterns ...string) *Listener {
	t.Helper()
	var routes []RouteConfig
	for _, p := range patterns {
		name, path, _ := strings.Cut(p, " ")
		rc := RouteConfig{}
		rc.SetDefaults()
		rc.Name, rc.Respond.Status = name, 200
		if path != "" {
			rc.Match.Path = []string{path}
		}
		routes = append(routes, rc)
	}
	s, err := NewSnapshot([]ListenerOptions{{Key: "main", Name: "main"}}, routes, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.listeners["main"]
}

func chosen(l *Listener, path string) string {
	r, err := l.choose(&Request{Method: "GET", Target: path, Host: "example.com"}, new(arena))
	if err != nil {
		return err.Error()
	}
	return r.name
}

func TestAPathWhoseReadingsDisagreeIsRefused(t *testing.T) {
	l := testListener(t, "admin /admin", "exact =/exact", "slash =/dir/", "cafe /café", "rest /")
	ambiguous := errAmbiguous.Error()
	for path, want := range map[string]string{
		"/":                     "rest",
		"/admin":                "admin",
		"/admin/":               "admin",
		"/admin/users":          "admin",
		"/administrator":        "rest",
		"/exact":                "exact",
		"/exact/more":           "rest",
		"/dir/":                 "slash",
		"/other//x":             "rest",
		"/other/%2e%2e/x":       "rest",
		"/caf%C3%A9":            "cafe",
		"/caf%c3%a9/menu":       "cafe",
		"/café":                 "cafe",
		"/a%20b":                "rest",
		"/admin/%2Fx":           "admin",
		"/%61dmin":              ambiguous,
		"//admin":               ambiguous,
		"/./admin":              ambiguous,
		"/x/../admin":           ambiguous,
		"/x/%2e%2e/admin":       ambiguous,
		"/x/..%2fadmin":         ambiguous,
		"/x/..%5Cadmin":         ambiguous,
		`/x\..\..\admin`:        ambiguous,
		"/admin%2fusers":        ambiguous,
		"/admin;v=1":            ambiguous,
		"/x/..;/admin":          ambiguous,
		"/;a/admin":             ambiguous,
		"/x/%2e%2e;a/admin":     ambiguous,
		"/admin/../public":      ambiguous,
		"/admin/..;/public":     ambiguous,
		"/exact/":               ambiguous,
		"/exact;x":              ambiguous,
		"/Admin":                ambiguous,
		"/ADMIN/users":          ambiguous,
		"/other/%zz":            errBadEscape.Error(),
		"/other/%4":             errBadEscape.Error(),
		"/admin%00.html":        errNUL.Error(),
		"/other;a=b/c?x=/admin": "rest",
		"/other?/../admin":      "rest",
		"/..%c0%af../admin":     "rest",
		"/%2561dmin":            "rest", // decoded once, it is %61dmin
	} {
		if got := chosen(l, path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestRoutesThatDifferInCaseAloneAreBothReached(t *testing.T) {
	l := testListener(t, "upper /API", "lower /api", "rest /")
	for path, want := range map[string]string{"/API": "upper", "/api/x": "lower", "/Api": "rest"} {
		if got := chosen(l, path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestHostsMatchExactlyOrByWildcard(t *testing.T) {
	var exact, wild RouteConfig
	exact.SetDefaults()
	wild.SetDefaults()
	exact.Name, exact.Respond.Status, exact.Match.Host = "exact", 200, []string{"example.com", "::1"}
	wild.Name, wild.Respond.Status, wild.Match.Host = "wild", 200, []string{"*.example.com"}
	s, err := NewSnapshot([]ListenerOptions{{Key: "main", Name: "main"}}, []RouteConfig{exact, wild}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"example.com": "exact", "EXAMPLE.com:8080": "exact", "example.com.": "exact", "[::1]:80": "exact", "[::1]": "exact",
		"a.example.com": "wild", "a.b.example.com:1": "wild", "badexample.com": errNoRoute.Error(), ".example.com": errNoRoute.Error(),
		"example.com.evil.org": errNoRoute.Error(), "": errNoRoute.Error(),
	} {
		r, err := s.listeners["main"].choose(&Request{Method: "GET", Target: "/", Host: host}, new(arena))
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = r.name
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", host, got, want)
		}
	}
}

func TestMethodsAndHeadersNarrowARoute(t *testing.T) {
	var rc, rest RouteConfig
	rc.SetDefaults()
	rest.SetDefaults()
	rc.Name, rc.Respond.Status, rc.Match.Methods = "beta", 200, []string{"GET", "HEAD"}
	rc.Match.Headers = map[string]string{"X-Beta": "1", "X-Any": "*"}
	rest.Name, rest.Respond.Status = "rest", 200
	s, _ := NewSnapshot([]ListenerOptions{{Key: "main", Name: "main"}}, []RouteConfig{rc, rest}, nil)
	ask := func(method string, lines ...field.Line) string {
		req := &Request{Method: method, Target: "/", Host: "h"}
		for _, l := range lines {
			req.Header.Add(l.Name, l.Value)
		}
		r, err := s.listeners["main"].choose(req, new(arena))
		if err != nil {
			return err.Error()
		}
		return r.name
	}
	beta, anything := field.Line{Name: "x-beta", Value: "1"}, field.Line{Name: "X-ANY", Value: ""}
	if got := ask("GET", beta, anything); got != "beta" {
		t.Errorf("both headers: got %s, want beta", got)
	}
	if got := ask("POST", beta, anything); got != "rest" {
		t.Errorf("POST: got %s, want rest", got)
	}
	if got := ask("GET", beta); got != "rest" {
		t.Errorf("one header: got %s, want rest", got)
	}
	if got := ask("GET", field.Line{Name: "X-Beta", Value: "2"}, anything); got != "rest" {
		t.Errorf("another value: got %s, want rest", got)
	}
}

func TestARewrittenPathIsForwardedInItsNormalFormAndAnyOtherAsItCame(t *testing.T) {
	rewrite := func(strip, add, target string) string {
		r := &Route{rewrite: RewriteConfig{StripPrefix: prefix(strip), AddPrefix: prefix(add)}}
		return r.target(&Request{Method: "GET", Target: target})
	}
	for _, c := range []struct{ strip, add, target, want string }{
		{"", "", "//a/../b;x/%7euser?q=%zz", "//a/../b;x/%7euser?q=%zz"},
		{"/api", "", "/api/users?x=1", "/users?x=1"},
		{"/api", "", "/api", "/"},
		{"/api", "", "/api?x", "/?x"},
		{"/api", "", "/api/", "/"},
		{"/api", "", "/api//a/./b/", "/a/b/"},
		{"/api", "", "/api/%7Euser/a%2fb%20c", "/~user/a%2Fb%20c"},
		{"/api", "", "/apix/y", "/apix/y"},
		{"/api", "/v2", "/api/users", "/v2/users"},
		{"", "/v2", "/users/", "/v2/users/"},
		{"", "/v2", "/", "/v2/"},
		{"", "/v2", "/a%252Fb", "/v2/a%252Fb"},
		{"/api", "", "/api/caf%c3%a9", "/caf%C3%A9"},
	} {
		if got := rewrite(c.strip, c.add, c.target); got != c.want {
			t.Errorf("strip %q add %q of %s: got %s, want %s", c.strip, c.add, c.target, got, c.want)
		}
	}
}

// How three kinds of server read a path. Each returns what its own routing would compare, or "" where it refuses.
var servers = map[string]func(string) string{
	// Express compares the path undecoded, in any case, and does not mind a slash at the end.
	"express": func(p string) string {
		if len(p) > 1 {
			p = strings.TrimSuffix(p, "/")
		}
		return strings.ToLower(p)
	},
	// PHP behind nginx: decoded once, slashes merged, dot segments resolved.
	"php": func(p string) string { return phpPath(unescape(p)) },
	// Tomcat: parameters cut, decoded, backslashes turned, normalised.
	"tomcat": func(p string) string {
		var segments []string
		for _, s := range strings.Split(p, "/") {
			s, _, _ = strings.Cut(s, ";")
			segments = append(segments, s)
		}
		return phpPath(strings.ReplaceAll(unescape(strings.Join(segments, "/")), `\`, "/"))
	},
}

// unescape decodes once. The escapes are well-formed: others are refused before any server reads them.
func unescape(p string) string {
	var out []byte
	for i := 0; i < len(p); i++ {
		if p[i] != '%' {
			out = append(out, p[i])
			continue
		}
		v, _ := strconv.ParseUint(p[i+1:i+3], 16, 8)
		out = append(out, byte(v))
		i += 2
	}
	return string(out)
}

// phpPath resolves a decoded path by hand, segment by segment from the left.
func phpPath(p string) string {
	var stack []string
	for _, s := range strings.Split(p, "/") {
		switch {
		case s == "" || s == ".":
		case s == "..":
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
		default:
			stack = append(stack, s)
		}
	}
	return "/" + strings.Join(stack, "/")
}

// serverRoute is what a server's own rules say of a path that it has read: the application protects /admin and /exact.
func serverRoute(read string, fold bool) string {
	if fold {
		read = strings.ToLower(read)
	}
	switch {
	case read == "/admin" || strings.HasPrefix(read, "/admin/"):
		return "admin"
	case read == "/exact":
		return "exact"
	}
	return "rest"
}

// FuzzNoSpellingWalksAroundARoute holds the routing table against other readings of the same path: where a request is let through, every
// server would have taken it for the same route.
func FuzzNoSpellingWalksAroundARoute(f *testing.F) {
	for _, s := range []string{
		"/admin", "/%61dmin", "//admin", "/x/..%2fadmin", "/x/..;/admin", "/admin;x/y", `/x\..\admin`, "/exact/", "/EXACT", "/a%5c..%5cadmin",
		"/%2e%2e/admin/.", "/;/admin", "/admin%3bx", "/x/%252e%252e/admin", "/.%2e/%41dmin",
	} {
		f.Add(s)
	}
	l := testListener(f, "admin /admin", "exact =/exact", "rest /")
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") || !field.IsTarget(path) || strings.Contains(path, "?") {
			return
		}
		r, err := l.choose(&Request{Method: "GET", Target: path, Host: "h"}, new(arena))
		if err != nil {
			if !errors.Is(err, errAmbiguous) && !errors.Is(err, errBadEscape) && !errors.Is(err, errNUL) {
				t.Fatalf("%q: %v", path, err)
			}
			return
		}
		for name, read := range servers {
			if got := serverRoute(read(path), name == "express"); got != r.name {
				t.Errorf("%q: routed to %s, but %s reads %q and takes it for %s", path, r.name, name, read(path), got)
			}
		}
	})
}
