package config

import (
	"slices"
	"strings"
	"testing"
)

func TestDiffNamesWhatChanged(t *testing.T) {
	old := parse(t, `
listen: :8080
shutdown: {grace: 1m}
pools:
  web:
    backends: [a:1, {url: "a:2", id: two}, a:3]
    affinity: {mode: cookie, cookie: {secret: [oooooooooooooooooooooooooooooooo]}}
  gone: {backends: [b:1]}
routes: [{name: one, pool: web, match: {path: [/one]}}, {name: two, pool: web, match: {path: [/two]}}, {name: three, pool: gone}]
`)
	changed := parse(t, `
listen: :8081
shutdown: {grace: 60s}
pools:
  web:
    backends: [a:8, a:1, {url: "a:9", id: two, weight: 5}]
    affinity: {mode: cookie, cookie: {secret: [nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn]}}
  new: {backends: [b:1]}
routes: [{name: two, pool: web, match: {path: [/two, /2]}}, {name: one, pool: web, match: {path: [/one]}}, {name: four, pool: new}]
`)
	want := []Change{
		{"listeners.main.address", ":8080", ":8081"},
		{"routes[two].match.path", "[/two]", "[/two, /2]"},
		{"routes[three]", Present, Absent},
		{"routes[four]", Absent, Present},
		{"routes", "[one, two]", "[two, one]"},
		{"pools.gone", Present, Absent},
		{"pools.web.backends[two].url", "a:2", "a:9"},
		{"pools.web.backends[two].weight", "1", "5"},
		{"pools.web.backends[a:3]", Present, Absent},
		{"pools.web.backends[a:8]", Absent, Present},
		{"pools.web.affinity.cookie.secret", `["***"]`, `["***"] (changed)`},
		{"pools.new", Absent, Present},
	}
	got := Diff(old, changed)
	slices.SortFunc(got, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(want, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(Diff(old, old)) > 0 {
		t.Errorf("got %q between equals", Diff(old, old))
	}
}
