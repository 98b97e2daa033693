package test

import (
	"fmt"
	"testing"
)

// Three processes of an unmodified Express application, each with its sessions in its own memory.
func TestExpressSessionsSurviveStickyBalancing(t *testing.T) {
	apps := startApps(t, "express.js", "app", 3)
	u := start(t, sticky(apps))
	all := newVisitors(t, 200)

	crowd(t, all, func(i int, v *visitor) error {
		if i%2 == 0 {
			return v.arrive(u.url, 1)
		}
		return v.arrive(u.url, 4)
	})
	crowd(t, all, func(_ int, v *visitor) error { return v.follow(15, u.url) })
	for _, a := range apps {
		if n := byBackend(all, u.url)[a.name]; n < 20 {
			t.Errorf("%s serves %d of %d clients", a.name, n, len(all))
		}
	}

	forget(all)
	dead := apps[0]
	dead.kill()
	crowd(t, all, func(_ int, v *visitor) error {
		want := int64(0)
		if v.last[u.url].Backend == dead.name {
			want = 1
			if err := v.moved(u.url); err != nil {
				return err
			}
		}
		return settled(v, u.url, want)
	})

	forget(all)
	apps = append(apps, startApp(t, "express.js", "late"))
	u.reload(t, sticky(apps))
	crowd(t, all, func(_ int, v *visitor) error { return settled(v, u.url, 0) })
	more := newVisitors(t, 60)
	crowd(t, more, func(_ int, v *visitor) error { return v.arrive(u.url, 1) })
	if n := byBackend(more, u.url)["late"]; n == 0 {
		t.Errorf("none of %d new clients reached the new backend", len(more))
	}
}

// forget sets the counts of affinity cookies back to zero.
func forget(all []*visitor) {
	for _, v := range all {
		v.routed.Store(0)
	}
}

// settled checks that the client keeps its session, and was given so many affinity cookies since forget.
func settled(v *visitor, url string, cookies int64) error {
	if err := v.follow(5, url); err != nil {
		return err
	}
	if n := v.routed.Load(); n != cookies {
		return fmt.Errorf("was given %d affinity cookies, want %d", n, cookies)
	}
	return nil
}

func TestTwoStickyPoolsOnOneHostDoNotDisturbEachOther(t *testing.T) {
	a := startApps(t, "express.js", "a", 2, "COOKIE=a.sid")
	b := startApps(t, "express.js", "b", 2, "COOKIE=b.sid")
	u := start(t, fmt.Sprintf(`routes:
  - {match: {path: [/a]}, pool: a}
  - {match: {path: [/b]}, pool: b}
pools:
  a: {policy: sticky-cookie, backends: %s}
  b: {policy: sticky-cookie, backends: %s}
`, backends(a), backends(b)))
	all := newVisitors(t, 50)
	crowd(t, all, func(_ int, v *visitor) error {
		if err := v.arrive(u.url+"/a", 1); err != nil {
			return err
		}
		if err := v.arrive(u.url+"/b", 1); err != nil {
			return err
		}
		return v.follow(10, u.url+"/a", u.url+"/b")
	})
	spread(t, byBackend(all, u.url+"/a"), "a1", "a2")
	spread(t, byBackend(all, u.url+"/b"), "b1", "b2")
}

func TestAWeightedRouteKeepsItsClients(t *testing.T) {
	web := startApps(t, "express.js", "web", 2)
	canary := startApps(t, "express.js", "canary", 2)
	u := start(t, fmt.Sprintf(`routes:
  - pools: [{pool: web, weight: 95}, {pool: canary, weight: 5}]
pools:
  web: {policy: sticky-cookie, backends: %s}
  canary: {policy: sticky-cookie, backends: %s}
`, backends(web), backends(canary)))
	all := newVisitors(t, 400)
	crowd(t, all, func(_ int, v *visitor) error { return v.arrive(u.url, 1) })
	crowd(t, all, func(_ int, v *visitor) error { return v.follow(8, u.url) })
	got := byBackend(all, u.url)
	spread(t, got, "web1", "web2")
	// 20 are expected; chance alone leaves this range once in a million runs.
	if n := got["canary1"] + got["canary2"]; n < 2 || n > 45 {
		t.Errorf("%d of %d clients are in the pool with weight 5 of 100", n, len(all))
	}
}

// spread checks that each of these backends serves somebody.
func spread(t *testing.T, got map[string]int, names ...string) {
	t.Helper()
	for _, name := range names {
		if got[name] == 0 {
			t.Errorf("%s serves nobody: %v", name, got)
		}
	}
}

func TestProxiesThatShareOnlyTheSecretAgree(t *testing.T) {
	apps := startApps(t, "express.js", "app", 3)
	file := fmt.Sprintf(`routes: [{pool: default}]
pools:
  default:
    backends: %s
    affinity: {mode: cookie, cookie: {secret: ["5d1f0c2b9e8a7463525140392837465564738291a0bfcedd1122334455667788"]}}
`, backends(apps))
	one, two := start(t, file), start(t, file)
	all := newVisitors(t, 60)
	crowd(t, all, func(i int, v *visitor) error {
		first, second := one.url, two.url
		if i%2 == 1 {
			first, second = second, first
		}
		if err := v.arrive(first, 1); err != nil {
			return err
		}
		for range 10 {
			// The port is no part of a cookie's site: both proxies get both cookies, as behind one name.
			v.last[second] = v.last[first]
			if err := v.follow(1, second); err != nil {
				return err
			}
			first, second = second, first
		}
		return settled(v, first, 1)
	})
	spread(t, byBackend(all, one.url), "app1", "app2", "app3")
}
