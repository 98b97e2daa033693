package config

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"usher/admin"
	"usher/conf"
)

// checker looks at what no package can see alone: whether the parts of a configuration fit each other.
type checker struct {
	*binder
	c *Config
}

func (k *checker) check() {
	k.names("listeners", sorted(k.c.Listeners))
	k.names("pools", sorted(k.c.Pools))
	k.names("tls_profiles", sorted(k.c.TLSProfiles))
	k.presence()
	k.loops()
	k.references()
	k.addresses()
	k.weights()
	k.routeNames()
	k.unused()
	k.effect()
	k.shadowed()
	k.cookies()
}

// add records an error about the setting at path.
func (k *checker) add(path, format string, args ...any) *finding {
	return k.found.add(k.locate(path), format, args...)
}

// maxName bounds a name, so that a cookie can be named after it.
const maxName = 50

// names checks names that show up in metrics, logs and the admin API's paths.
func (k *checker) names(path string, names []string) {
	for _, name := range names {
		at := conf.Join(path, name)
		bad := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) || r == '/' })
		if p := k.places[at]; p.key != nil && (bad || strings.Trim(name, ".") == "" || len(name) > maxName) {
			k.found.add(p.key.spot(), "%s cannot be a name", quote(name)).hint("a name has 1 to %d bytes, neither spaces nor slashes, and more than dots", maxName)
		}
	}
}

// maxLoops is the most event loops: no machine has more cores.
const maxLoops = 1024

func (k *checker) loops() {
	if n := k.c.Loops; n < 0 || n > maxLoops {
		k.spoil("loops")
		k.add("loops", "loops is %d, and from 0 to %d", n, maxLoops).hint("0 is the default: one a core")
	}
}

// presence checks that there is something to serve, and somewhere to serve it.
func (k *checker) presence() {
	if len(k.c.Listeners) == 0 && !k.bad["listeners"] && !k.unread("listeners", "listen") {
		k.add("listeners", "no listener: there is no address to serve on").hint("add one: listen: :8080")
	}
	if len(k.c.Routes) == 0 && !k.bad["routes"] && !k.unread("routes", "backends") {
		k.add("routes", "no route: no request would be served").hint("add routes and pools or, for one pool, backends: [127.0.0.1:3001]")
	}
}

// unread reports whether the file has something at the top that was refused as a whole and may be what is missing.
func (k *checker) unread(keys ...string) bool {
	root := k.places[""].value
	if root.kind != mapping {
		return true
	}
	return slices.ContainsFunc(root.pairs, func(p pair) bool {
		return !slices.Contains(allKeys, p.key.text) && nearest(p.key.text, keys) != ""
	})
}

// references checks that every name that is used is defined.
func (k *checker) references() {
	for _, name := range sorted(k.c.Listeners) {
		if tls := k.c.Listeners[name].TLS; tls != "" && k.c.TLSProfiles[tls] == nil {
			k.undefined(conf.Join("listeners", name)+".tls", "TLS profile", tls, "tls_profiles", sorted(k.c.TLSProfiles))
		}
	}
	for i, r := range k.c.Routes {
		at := conf.Index("routes", i)
		if r.Pool != "" && k.c.Pools[r.Pool] == nil {
			k.undefined(at+".pool", "pool", r.Pool, "pools", sorted(k.c.Pools))
		}
		for j, w := range r.Pools {
			if w.Pool != "" && k.c.Pools[w.Pool] == nil {
				k.undefined(conf.Index(at+".pools", j)+".pool", "pool", w.Pool, "pools", sorted(k.c.Pools))
			}
		}
		if r.Match.Listener != "" && k.c.Listeners[r.Match.Listener] == nil {
			k.undefined(at+".match.listener", "listener", r.Match.Listener, "listeners", sorted(k.c.Listeners))
		}
	}
}

// undefined records a name that stands for nothing.
func (k *checker) undefined(path, what, name, section string, defined []string) {
	k.spoil(path)
	f := k.add(path, "there is no %s named %s", what, quote(name))
	if best := nearest(name, defined); best != "" {
		f.hint("did you mean %s?", quote(best))
	}
	if len(defined) > 0 {
		f.note(k.locate(section), "defined here: %s", strings.Join(defined, ", "))
	} else {
		f.hint("define it: %s: {%s: ...}", section, name)
	}
}

// bound is an address that is listened on.
type bound struct {
	path string
	host netip.Addr // zero: every address
	name string     // of a host that is not an address
	port string
}

// addresses checks that no address is listened on twice.
func (k *checker) addresses() {
	var all []bound
	for _, name := range sorted(k.c.Listeners) {
		all = appendBound(all, conf.Join("listeners", name)+".address", k.c.Listeners[name].Address)
	}
	if k.c.Admin.Listen != admin.Off {
		all = appendBound(all, "admin.listen", k.c.Admin.Listen)
	}
	ports := map[string][]bound{}
	for _, b := range all {
		for _, other := range ports[b.port] {
			if b.overlaps(other) {
				k.twice(b.path, other.path)
				break
			}
		}
		ports[b.port] = append(ports[b.port], b)
	}
}

// twice records two settings that are one address; the file need not have both.
func (k *checker) twice(path, other string) {
	text := "the other one is here"
	if _, given := k.places[path]; !given {
		path, other = other, path
	}
	at := k.locate(other)
	if _, given := k.places[other]; !given {
		at, text = spot{}, other+" is the same by default"
	}
	k.add(path, "this address is listened on twice").note(at, "%s", text).hint("give one of them another port")
}

func appendBound(all []bound, path, address string) []bound {
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.Trim(port, "0") == "" {
		return all // refused already, or a port that the system picks
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	b := bound{path: path, port: strings.TrimLeft(port, "0")}
	if addr, err := netip.ParseAddr(host); err != nil {
		b.name = host
	} else if !addr.Unmap().IsUnspecified() {
		b.host = addr.Unmap()
	}
	return append(all, b)
}

// overlaps reports whether two addresses with one port cannot be listened on at once. One that stands for all overlaps with every other.
func (b bound) overlaps(o bound) bool {
	all := func(b bound) bool { return b.host == netip.Addr{} && b.name == "" }
	return all(b) || all(o) || b.host == o.host && b.name == o.name
}

// weights checks that every pool has a backend for a client that is bound to none.
func (k *checker) weights() {
	for _, name := range sorted(k.c.Pools) {
		sum, pool := 0, k.c.Pools[name]
		for _, b := range pool.Backends {
			sum += b.Weight
		}
		at := conf.Join("pools", name) + ".backends"
		if sum == 0 && len(pool.Backends) > 0 && !k.bad[at] {
			k.add(at, "no backend of the pool has a weight: new clients would get none").hint("set a weight of 1 or more")
		}
	}
}

// routeNames checks that metrics and logs can tell the routes apart.
func (k *checker) routeNames() {
	seen := map[string]int{}
	for i, r := range k.c.Routes {
		at := conf.Index("routes", i)
		if first, ok := seen[r.Name]; ok {
			k.add(at+".name", "two routes have the name %s", quote(r.Name)).note(k.locate(conf.Index("routes", first)+".name"), "the first one is here").
				hint("give one of them another name")
			continue
		}
		seen[r.Name] = i
		if strings.ContainsFunc(r.Name, func(c rune) bool { return !unicode.IsPrint(c) }) || len(r.Name) > maxName {
			k.add(at+".name", "%s cannot be a name", quote(r.Name)).hint("a name has 1 to %d bytes", maxName)
		}
	}
}

// unused warns of pools that no route uses and of listeners that no route can be reached by.
func (k *checker) unused() {
	if k.bad["routes"] || len(k.c.Routes) == 0 {
		return
	}
	pools, listeners, every := map[string]bool{}, map[string]bool{}, false
	for _, r := range k.c.Routes {
		pools[r.Pool] = true
		for _, w := range r.Pools {
			pools[w.Pool] = true
		}
		listeners[r.Match.Listener] = true
		every = every || r.Match.Listener == ""
	}
	for _, name := range sorted(k.c.Pools) {
		if !pools[name] {
			k.found.warn(k.locate(conf.Join("pools", name)), "no route uses the pool %s", quote(name))
		}
	}
	for _, name := range sorted(k.c.Listeners) {
		if !every && !listeners[name] {
			k.found.warn(k.locate(conf.Join("listeners", name)), "no route can be reached by the listener %s", quote(name)).
				hint("every route matches another listener: each request would get 404")
		}
	}
}
