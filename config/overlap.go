package config

import (
	"slices"
	"strings"

	"usher/affinity"
	"usher/conf"
	"usher/proxy"
)

// maxCompared bounds the comparisons of patterns, which grow with the square of the number of routes. A file that needs more goes without
// the rest of what they would find.
const maxCompared = 2_000_000

// shadowed warns of routes that cannot match because an earlier one matches all that they do.
func (k *checker) shadowed() {
	budget := maxCompared
	for j := range k.c.Routes {
		for i := range j {
			if k.bad[conf.Index("routes", i)] || k.bad[conf.Index("routes", j)] {
				continue
			}
			a, b := k.c.Routes[i].Match, k.c.Routes[j].Match
			if budget -= 1 + len(a.Host)*len(b.Host) + len(a.Path)*len(b.Path) + len(a.Methods)*len(b.Methods) + len(a.Headers); budget < 0 {
				return
			}
			if covers(a, b) {
				k.found.warn(k.locate(conf.Index("routes", j)), "this route can never match: an earlier one matches all that it does").
					note(k.locate(conf.Index("routes", i)), "the earlier one is here").hint("put the more particular route first")
				break
			}
		}
	}
}

// covers reports whether every request that b matches is matched by a.
func covers(a, b proxy.MatchConfig) bool {
	for name, value := range a.Headers {
		if !requires(b.Headers, name, value) {
			return false
		}
	}
	return (a.Listener == "" || a.Listener == b.Listener) &&
		eachCovered(a.Host, b.Host, hostCovers) && eachCovered(a.Path, b.Path, pathCovers) &&
		eachCovered(a.Methods, b.Methods, func(a, b string) bool { return a == b })
}

// requires reports whether the headers ask for at least that field and value.
func requires(headers map[string]string, name, value string) bool {
	for n, v := range headers {
		if strings.EqualFold(n, name) && (value == "*" || value == v) {
			return true
		}
	}
	return false
}

// eachCovered reports whether each pattern of b is covered by one of a. No pattern stands for everything.
func eachCovered(a, b []string, covers func(a, b string) bool) bool {
	if len(a) == 0 {
		return true
	}
	for _, y := range b {
		if !slices.ContainsFunc(a, func(x string) bool { return covers(x, y) }) {
			return false
		}
	}
	return len(b) > 0
}

// hostCovers reports whether pattern a matches every host that pattern b does.
func hostCovers(a, b string) bool {
	below, wildcard := strings.CutPrefix(a, "*.")
	return a == b || wildcard && strings.HasSuffix(b, "."+below)
}

// pathCovers reports whether pattern a matches every path that pattern b does.
func pathCovers(a, b string) bool {
	if a == b || a == "/" {
		return true
	}
	a = strings.TrimSuffix(a, "/")
	b = strings.TrimPrefix(b, "=")
	return strings.HasPrefix(a, "/") && (b == a || strings.HasPrefix(b, a+"/"))
}

// cookies checks that no client gets one cookie from two pools.
func (k *checker) cookies() {
	hosts := k.poolHosts()
	pools := slices.DeleteFunc(sorted(hosts), func(name string) bool {
		return k.c.Pools[name].Affinity.Mode != affinity.Cookie || k.bad[conf.Join("pools", name)+".affinity"]
	})
	budget := maxCompared
	byName := map[string][]string{}
	for _, name := range pools {
		cookie := k.c.Pools[name].Affinity.Cookie
		for _, other := range byName[cookie.Name] {
			if budget -= 1 + len(hosts[name])*len(hosts[other]); budget < 0 {
				return
			}
			theirs := k.c.Pools[other].Affinity.Cookie
			if meet(cookie.Path, theirs.Path) && share(hosts[name], hosts[other]) {
				k.clash(name, other, cookie.Name)
				break
			}
		}
		byName[cookie.Name] = append(byName[cookie.Name], name)
	}
}

func (k *checker) clash(a, b, cookie string) {
	at := func(pool string) spot { return k.locate(conf.Join("pools", pool) + ".affinity.cookie.name") }
	k.found.add(at(b), "the pools %s and %s use one cookie name, %s, on one host", quote(a), quote(b), quote(cookie)).
		note(at(a), "the other pool is here").hint("each would undo what the other has set: name one of them affinity: {cookie: {name: ...}}")
}

// poolHosts returns the host patterns under which each pool is reached; the empty string stands for every host.
func (k *checker) poolHosts() map[string][]string {
	out := map[string][]string{}
	for _, r := range k.c.Routes {
		hosts := r.Match.Host
		if len(hosts) == 0 {
			hosts = []string{""}
		}
		for _, w := range append([]proxy.WeightedPool{{Pool: r.Pool}}, r.Pools...) {
			pool := k.c.Pools[w.Pool]
			if pool == nil {
				continue
			}
			out[w.Pool] = append(out[w.Pool], hosts...)
			if d := pool.Affinity.Cookie.Domain; d != "" {
				out[w.Pool] = append(out[w.Pool], d, "*."+d)
			}
		}
	}
	return out
}

// share reports whether a host matches a pattern of each list.
func share(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return x == "" || y == "" || hostCovers(x, y) || hostCovers(y, x) })
	})
}

// meet reports whether a browser sends cookies of both paths in one request (RFC 6265 5.1.4).
func meet(a, b string) bool { return pathCovers(a, b) || pathCovers(b, a) }
