package proxy

import (
	"slices"
	"testing"

	"usher/conf"
)

// problemPaths returns what the problems are about, those in a row about one setting once.
func problemPaths(ps conf.Problems) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.Path)
	}
	return slices.Compact(out)
}

func TestRouteDoesOneThing(t *testing.T) {
	for _, x := range []struct {
		name string
		set  func(*RouteConfig)
		want []string
	}{
		{"pool", func(r *RouteConfig) { r.Pool = "web" }, nil},
		{"pools", func(r *RouteConfig) { r.Pools = []WeightedPool{{"a", 0}, {"b", 1}} }, nil},
		{"answer", func(r *RouteConfig) { r.Respond.Status = 204 }, nil},
		{"redirect", func(r *RouteConfig) { r.Redirect.To = "/x" }, nil},
		{"nothing", func(*RouteConfig) {}, []string{""}},
		{"pool and pools", func(r *RouteConfig) { r.Pool, r.Pools = "a", []WeightedPool{{"a", 1}} }, []string{"pools"}},
		{"pool and redirect", func(r *RouteConfig) { r.Pool, r.Redirect.To = "a", "/" }, []string{"redirect.to"}},
		{"answer and redirect", func(r *RouteConfig) { r.Respond.Status, r.Redirect.To = 200, "/" }, []string{"redirect.to"}},
		{"body without status", func(r *RouteConfig) { r.Pool, r.Respond.Body = "a", "x" }, []string{"respond"}},
		{"answer with body", func(r *RouteConfig) { r.Respond = RespondConfig{404, "x"} }, nil},
		{"no weight", func(r *RouteConfig) { r.Pools = []WeightedPool{{"a", 0}} }, []string{"pools"}},
		{"upgrades", func(r *RouteConfig) { r.Pool, r.Upgrade = "a", []string{"websocket", "x/1.0"} }, nil},
		{"bad upgrades", func(r *RouteConfig) { r.Pool, r.Upgrade = "a", []string{"H2C", "http/2.0", "TLS/1.0", "a b", ""} },
			[]string{"upgrade[0]", "upgrade[1]", "upgrade[2]", "upgrade[3]", "upgrade[4]"}},
	} {
		var r RouteConfig
		r.SetDefaults()
		x.set(&r)
		if got := problemPaths(r.Validate()); !slices.Equal(got, x.want) {
			t.Errorf("%s: got problems with %q, want %q", x.name, got, x.want)
		}
	}
}

func TestPathPatternsAreInNormalForm(t *testing.T) {
	for path, ok := range map[string]bool{
		"/": true, "=/": true, "/a": true, "/a/": true, "=/a/b": true, "/a%2Fb": true, "/a%20b": true, "/~a": true, "/%C3%A4": true,
		"": false, "=": false, "a": false, "/a//b": false, "//": false, "/a/./b": false, "/a/..": false, "/%41": false, "/%7Ea": false, "/%c3%a4": false,
		"/%2e%2e": false, "/%zz": false, "/%": false, "/%00": false, "/a;b": false, "/a?b": false, "/a#b": false, `/a\b`: false, "/a b": false, "/ä": false,
	} {
		if got := len(MatchConfig{Path: []string{path}}.Validate()) == 0; got != ok {
			t.Errorf("%q: accepted %v, want %v", path, got, ok)
		}
	}
}

func TestHostPatternsAreNamesOrAddresses(t *testing.T) {
	for host, ok := range map[string]bool{
		"example.com": true, "*.example.com": true, "localhost": true, "xn--bcher-kva.example": true, "192.0.2.1": true, "::1": true, "[::1]": true,
		"": false, "*": false, "*.": false, "a.*.b": false, "*example.com": false, "Example.com": false, "example.com:80": false, "example.com.": false,
		"-a.com": false, "a_b.com": false, "ä.com": false, "0::1": false, "a..b": false, "a b": false, "[::1]:80": false, "[::1": false,
	} {
		if got := len(MatchConfig{Host: []string{host}}.Validate()) == 0; got != ok {
			t.Errorf("%q: accepted %v, want %v", host, got, ok)
		}
	}
}

func TestMatchedFieldsAndMethodsAreTokens(t *testing.T) {
	m := MatchConfig{Methods: []string{"GET", "get", "G T"}, Headers: map[string]string{"X-A": "*", "x-a": "b", "a b": "c", "X-B": "c\n"}}
	if got, want := problemPaths(m.Validate()), []string{"methods[1]", "methods[2]", "headers.X-B", "headers.a b", "headers.x-a"}; !slices.Equal(got, want) {
		t.Errorf("got problems with %q, want %q", got, want)
	}
}

func TestFieldsOfAConnectionAndUshersOwnCannotBeEdited(t *testing.T) {
	names := []string{
		"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding",
		"Upgrade", "Content-Length", "X-Session-Assertion", "X-Session-Status", "X-Session-Moved", "X-Session-Data", "X-Session-Signature",
		"X-Session-Patch", "X-Session-Destroy", "X-Session-Regenerate", "x_session.assertion", "transfer_encoding", "a b", "",
	}
	for _, name := range names {
		set, remove := HeaderEdit{Set: map[string]string{name: "x"}}, HeaderEdit{Remove: []string{name}}
		for _, h := range []HeadersConfig{{Request: set}, {Request: remove}, {Response: set}, {Response: remove}} {
			if len(h.Validate()) == 0 {
				t.Errorf("%q was accepted: %+v", name, h)
			}
		}
	}
}

func TestOtherFieldsCanBeEdited(t *testing.T) {
	edit := HeaderEdit{Set: map[string]string{"X-Frame-Options": "DENY", "X-Empty": ""}, Remove: []string{"Server", "Cookie"}}
	if got := (HeadersConfig{Request: edit, Response: edit}).Validate(); len(got) > 0 {
		t.Errorf("got problems with %q", problemPaths(got))
	}
	host := HeaderEdit{Set: map[string]string{"Host": "inner"}}
	if got := (HeadersConfig{Request: host}).Validate(); len(got) > 0 {
		t.Errorf("a request's Host: got problems with %q", problemPaths(got))
	}
	for _, h := range []HeadersConfig{
		{Response: HeaderEdit{Set: map[string]string{"host": "x"}}}, {Request: HeaderEdit{Remove: []string{"Host"}}},
		{Request: HeaderEdit{Set: map[string]string{"X-A": "a\r\nb"}}}, {Request: HeaderEdit{Set: map[string]string{"X-A": " a"}}},
	} {
		if len(h.Validate()) == 0 {
			t.Errorf("accepted: %+v", h)
		}
	}
}

func TestRedirectsLeaveTheHostToTheFile(t *testing.T) {
	for to, ok := range map[string]bool{
		"": true, "/login": true, "/": true, "https://{host}{uri}": true, "http://example.com:8080{path}?from={uri}": true, "/a{path}": true, "/a#b": true,
		"{uri}": false, "/{path}": false, "//example.com": false, "example.com": false, "https://": false, "https://{uri}": false, "https:///x": false,
		"javascript://x": false, "https://{hots}/": false, "/a{": false, "/a b": false, "/a\r\nb": false, `/\example.com`: false,
	} {
		if got := len(RedirectConfig{To: to, Status: 308}.Validate()) == 0; got != ok {
			t.Errorf("%q: accepted %v, want %v", to, got, ok)
		}
	}
}

func TestNumbersOfRoutesHaveBounds(t *testing.T) {
	for status, ok := range map[int]bool{0: true, 200: true, 599: true, 100: false, 199: false, 600: false, -1: false} {
		if got := len(RespondConfig{Status: status}.Validate()) == 0; got != ok {
			t.Errorf("answer %d: accepted %v, want %v", status, got, ok)
		}
	}
	for status, ok := range map[int]bool{301: true, 302: true, 303: true, 307: true, 308: true, 300: false, 304: false, 200: false} {
		if got := len(RedirectConfig{Status: status}.Validate()) == 0; got != ok {
			t.Errorf("redirect %d: accepted %v, want %v", status, got, ok)
		}
	}
	for weight, ok := range map[int]bool{0: true, 1000: true, 1001: false, -1: false} {
		if got := len(WeightedPool{Pool: "a", Weight: weight}.Validate()) == 0; got != ok {
			t.Errorf("weight %d: accepted %v, want %v", weight, got, ok)
		}
	}
	if len(WeightedPool{Weight: 1}.Validate()) == 0 {
		t.Error("an entry without a pool was accepted")
	}
}

func TestRewritePrefixesArePaths(t *testing.T) {
	if got := (RewriteConfig{StripPrefix: "/a", AddPrefix: "/b/c"}).Validate(); len(got) > 0 {
		t.Errorf("got problems with %q", problemPaths(got))
	}
	if got := problemPaths(RewriteConfig{StripPrefix: "a", AddPrefix: "/b/../c"}.Validate()); !slices.Equal(got, []string{"strip_prefix", "add_prefix"}) {
		t.Errorf("got problems with %q", got)
	}
}

func TestSettingsForBackendsDoNothingWithoutOne(t *testing.T) {
	edit := func(r *RouteConfig) {
		r.Upgrade, r.Rewrite.AddPrefix, r.Timeouts.Request = nil, "/a", 1
		r.Headers.Request.Remove, r.Headers.Response.Remove = []string{"A"}, []string{"A"}
	}
	want := []string{"upgrade", "rewrite", "timeouts", "headers.request"}
	for name, x := range map[string]struct {
		set  func(*RouteConfig)
		want []string
	}{
		"answer":   {func(r *RouteConfig) { r.Respond.Status = 200; edit(r) }, want},
		"redirect": {func(r *RouteConfig) { r.Redirect.To = "/"; edit(r) }, want},
		"pool":     {func(r *RouteConfig) { r.Pool = "a"; edit(r) }, nil},
		"set":      {func(r *RouteConfig) { r.Redirect.To, r.Headers.Request.Set = "/", HeaderValues{"A": "a"} }, []string{"headers.request"}},
	} {
		var r RouteConfig
		r.SetDefaults()
		x.set(&r)
		ps := r.Validate()
		if got := problemPaths(ps); !slices.Equal(got, x.want) {
			t.Errorf("%s: got problems with %q, want %q", name, got, x.want)
		}
		for _, p := range ps {
			if !p.Warning {
				t.Errorf("%s: an error: %s", name, p.Text)
			}
		}
	}
}

func TestSomeAnswersHaveNoBody(t *testing.T) {
	for status, ok := range map[int]bool{200: true, 404: true, 204: false, 205: false, 304: false} {
		if got := len(RespondConfig{Status: status, Body: "x"}.Validate()) == 0; got != ok {
			t.Errorf("%d with a body: accepted %v, want %v", status, got, ok)
		}
		if ps := (RespondConfig{Status: status}).Validate(); len(ps) > 0 {
			t.Errorf("%d without a body: got problems with %q", status, problemPaths(ps))
		}
	}
}

func TestCredentialsAreKnownByTheirNames(t *testing.T) {
	for name, want := range map[string]bool{
		"Authorization": true, "Proxy-Authorization": true, "cookie": true, "SET-COOKIE": true, "X-Api-Key": true, "x_api_key": true, "Private-Token": true,
		"X-Client-Secret": true, "X-DB-Password": true, "Token": true, "": false, "X-Tenant": false, "Keep-Alive": false, "Cookies-Accepted": false, "Host": false,
	} {
		if got := IsCredential(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}
