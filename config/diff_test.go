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
		{"listeners.main.address", ":8080", ":8081", false},
		{"routes[two].match.path", "[/two]", "[/two, /2]", false},
		{"routes[three]", Present, Absent, false},
		{"routes[four]", Absent, Present, false},
		{"routes", "[one, two]", "[two, one]", false},
		{"pools.gone", Present, Absent, false},
		{"pools.web.backends[two].url", "a:2", "a:9", false},
		{"pools.web.backends[two].weight", "1", "5", false},
		{"pools.web.backends[a:3]", Present, Absent, false},
		{"pools.web.backends[a:8]", Absent, Present, false},
		{"pools.web.affinity.cookie.secret", `["***"]`, `["***"] (changed)`, false},
		{"pools.new", Absent, Present, false},
	}
	got := Diff(old, changed)
	slices.SortFunc(got, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(want, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	changed.Listeners["main"].Timeouts.Idle, changed.Admin.Hosts = 0, []string{"x"}
	for _, c := range Diff(old, changed) {
		if want := c.Path == "listeners.main.timeouts.idle" || c.Path == "admin.hosts"; c.Restart != want {
			t.Errorf("%s: restart %v, want %v", c.Path, c.Restart, want)
		}
	}
	if len(Diff(old, old)) > 0 {
		t.Errorf("got %+v between equals", Diff(old, old))
	}
}
