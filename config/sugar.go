package config

import "slices"

// sugar lists the keys at the top that are short for something, and the keys that say the same in full.
var sugar = []struct {
	key  string
	full []string
}{
	{"listen", []string{"listeners"}},
	{"tls", []string{"tls_profiles", "listeners"}},
	{"backends", []string{"pools", "routes"}},
	{"policy", []string{"pools", "routes"}},
	{"affinity", []string{"pools", "routes"}},
}

// What sugar makes is called so.
const (
	mainName    = "main"
	defaultName = "default"
)

func sugarKeys() []string {
	var out []string
	for _, s := range sugar {
		out = append(out, s.key)
	}
	return out
}

// desugar replaces the short keys of root by the full form: one listener, one pool, one route for everything, one TLS profile.
func (b *binder) desugar(root *node) {
	if root.kind != mapping {
		return
	}
	given := b.takeSugar(root)
	if listen, ok := given["listen"]; ok {
		listener := under(root, "listeners", listen.key, mainName)
		listener.put(word("address", listen.key), listen.value)
		if tls, ok := given["tls"]; ok {
			listener.put(word("tls", tls.key), word(mainName, tls.key))
		}
	} else if tls, ok := given["tls"]; ok {
		b.found.add(tls.key.spot(), `"tls" belongs to the listener of "listen", which is not here`).hint("add listen, or name a profile: listeners: {NAME: {tls: PROFILE}}")
	}
	if tls, ok := given["tls"]; ok {
		profiles := group(tls.key)
		profiles.put(word(mainName, tls.key), tls.value)
		root.put(word("tls_profiles", tls.key), profiles)
	}
	desugarPool(root, given)
}

// desugarPool makes the pool and the route.
func desugarPool(root *node, given map[string]pair) {
	var pool *node
	for _, key := range []string{"backends", "policy", "affinity"} {
		p, ok := given[key]
		if !ok {
			continue
		}
		if pool == nil {
			pool = under(root, "pools", p.key, defaultName)
			desugarRoute(root, p.key)
		}
		pool.put(word(key, p.key), p.value)
	}
}

func desugarRoute(root, at *node) {
	route := group(at)
	route.put(word("name", at), word(defaultName, at))
	route.put(word("pool", at), word(defaultName, at))
	root.put(word("routes", at), &node{kind: list, style: block, stands: at, items: []*node{route}})
}

// takeSugar removes the short keys from root and returns them, without those that the full form contradicts.
func (b *binder) takeSugar(root *node) map[string]pair {
	given := map[string]pair{}
	for _, s := range sugar {
		p := root.get(s.key)
		if p == nil {
			continue
		}
		given[s.key] = *p
		for _, full := range s.full {
			if other := root.get(full); other != nil {
				for _, missing := range s.full {
					b.spoil(missing)
				}
				b.found.add(p.key.spot(), "%q is short for what %q says in full", s.key, full).
					note(other.key.spot(), "the full form is here").hint("use one of the two")
				delete(given, s.key)
			}
		}
	}
	root.pairs = slices.DeleteFunc(root.pairs, func(p pair) bool { return slices.Contains(sugarKeys(), p.key.text) })
	return given
}

// word is a key or value that the file does not have, made by the key at.
func word(text string, at *node) *node { return &node{text: text, literal: true, stands: at} }

// group is a group of keys that the file does not have.
func group(at *node) *node { return &node{kind: mapping, style: block, stands: at} }

// under adds to root a group with one entry, and returns the entry.
func under(root *node, key string, at *node, name string) *node {
	entries, entry := group(at), group(at)
	root.put(word(key, at), entries)
	entries.put(word(name, at), entry)
	return entry
}
