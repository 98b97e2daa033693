package config

import (
	"fmt"
	"strings"
	"testing"

	"usher/proxy"
)

func TestPathPatternsCoverWhatTheyMatch(t *testing.T) {
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{"/", "/a", true}, {"/", "=/", true}, {"/a", "/a", true}, {"/a", "/a/b", true}, {"/a/", "/a/b", true}, {"/a", "=/a", true}, {"/a", "=/a/b", true},
		{"=/a", "=/a", true}, {"/a", "/", false}, {"/a", "/ab", false}, {"/a", "=/ab", false}, {"=/a", "/a", false}, {"=/a", "=/a/b", false},
		{"/a/b", "/a", false}, {"", "/", false}, {"=", "/", false}, {"=/", "/", false},
	} {
		if got := pathCovers(x.a, x.b); got != x.want {
			t.Errorf("%q covers %q: got %v", x.a, x.b, got)
		}
	}
}

func TestHostPatternsCoverWhatTheyMatch(t *testing.T) {
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{"a.com", "a.com", true}, {"*.a.com", "x.a.com", true}, {"*.a.com", "x.y.a.com", true}, {"*.a.com", "*.x.a.com", true}, {"*.a.com", "*.a.com", true},
		{"*.a.com", "a.com", false}, {"a.com", "x.a.com", false}, {"*.x.a.com", "*.a.com", false}, {"*.a.com", "xa.com", false}, {"a.com", "*.a.com", false},
	} {
		if got := hostCovers(x.a, x.b); got != x.want {
			t.Errorf("%q covers %q: got %v", x.a, x.b, got)
		}
	}
}

func TestRouteCoversWhatAsksForMore(t *testing.T) {
	m := func(edit func(*proxy.MatchConfig)) proxy.MatchConfig {
		c := proxy.MatchConfig{Listener: "a", Host: []string{"a.com", "b.com"}, Path: []string{"/a", "/b"}, Methods: []string{"GET"}, Headers: map[string]string{"X-A": "1"}}
		edit(&c)
		return c
	}
	same := m(func(*proxy.MatchConfig) {})
	for name, x := range map[string]struct {
		b    proxy.MatchConfig
		want bool
	}{
		"the same":           {same, true},
		"less hosts":         {m(func(c *proxy.MatchConfig) { c.Host = c.Host[:1] }), true},
		"another listener":   {m(func(c *proxy.MatchConfig) { c.Listener = "b" }), false},
		"any listener":       {m(func(c *proxy.MatchConfig) { c.Listener = "" }), false},
		"any host":           {m(func(c *proxy.MatchConfig) { c.Host = nil }), false},
		"one host more":      {m(func(c *proxy.MatchConfig) { c.Host = append(c.Host, "c.com") }), false},
		"any path":           {m(func(c *proxy.MatchConfig) { c.Path = nil }), false},
		"any method":         {m(func(c *proxy.MatchConfig) { c.Methods = nil }), false},
		"another method":     {m(func(c *proxy.MatchConfig) { c.Methods = []string{"get"} }), false},
		"a field less":       {m(func(c *proxy.MatchConfig) { c.Headers = nil }), false},
		"another value":      {m(func(c *proxy.MatchConfig) { c.Headers = map[string]string{"X-A": "2"} }), false},
		"any value":          {m(func(c *proxy.MatchConfig) { c.Headers = map[string]string{"X-A": "*"} }), false},
		"field in lowercase": {m(func(c *proxy.MatchConfig) { c.Headers = map[string]string{"x-a": "1", "X-B": "1"} }), true},
	} {
		if got := covers(same, x.b); got != x.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if !covers(proxy.MatchConfig{}, same) {
		t.Error("a route for everything does not cover another")
	}
}

func TestCookiesClashOnlyWhereABrowserSendsBoth(t *testing.T) {
	const text = `
listen: :8080
pools:
  a: {backends: ["a:1"], affinity: {mode: %s, cookie: {name: stick, path: %s}}}
  b: {backends: ["b:1"], affinity: {mode: cookie, cookie: {name: stick, path: /x}}}
routes:
  - {pool: a, match: {host: [%s], path: [/a]}}
  - {pool: b, match: {host: [a.com]}}
`
	for _, x := range []struct {
		mode, path, host string
		want             bool
	}{
		{"cookie", "/x", "a.com", true}, {"cookie", "/", "a.com", true}, {"cookie", "/x/y", "a.com", true}, {"cookie", "/x", `"*.com"`, true},
		{"cookie", "/y", "a.com", false}, {"cookie", "/x", "b.com", false}, {"cookie", "/x", `"*.a.com"`, false}, {"none", "/x", "a.com", false},
	} {
		_, r := Parse("usher.yaml", fmt.Appendf(nil, text, x.mode, x.path, x.host))
		if got := strings.Contains(r.Text(false), "one cookie name"); got != x.want {
			t.Errorf("%+v: got %v\n%s", x, got, r.Text(false))
		}
	}
}

func TestBadCookiePathIsNotComparedFurther(t *testing.T) {
	_, r := Parse("usher.yaml", []byte("listen: :1\npools: {a: &a {backends: [a:1], affinity: {mode: cookie, cookie: {name: x, path: ''}}}, b: *a}\nroutes: [{pool: a, match: {path: [/a]}}, {pool: b}]\n"))
	if got := r.Text(false); strings.Contains(got, "one cookie name") || !strings.Contains(got, "cookie path") {
		t.Errorf("got\n%s", got)
	}
}
