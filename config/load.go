package config

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"unicode"

	"usher/affinity"
	"usher/balancer"
)

// Load reads the configuration from a file. The Config is nil if, and only if, the report has errors; the report never is. The environment
// is asked for variables, and the files of values and certificates are read. Paths in the file are relative to the working directory.
func Load(path string) (*Config, *Report) {
	text, err := readFile(path)
	if err != nil {
		var found findings
		found.add(spot{}, "read the configuration: %v", err).hint("name another file with -c")
		return nil, found.report(newSource(path, ""))
	}
	return Parse(path, text)
}

// readFile returns a little more than a file may have at most.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plainError(path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, plainError(path, err)
	}
	return text, nil
}

// Parse is Load for a text that is at hand. name stands for the file's name in the report.
func Parse(name string, text []byte) (*Config, *Report) {
	var found findings
	src := newSource(name, string(text))
	root := read(src, &found)
	if root == nil {
		return nil, found.report(src)
	}
	return build(src, root, &found)
}

// FromFlags makes a configuration from the flags of usher run: the address to listen on, the backends and, if not empty, the policy.
// Problems name the flag.
func FromFlags(listen string, to []string, policy string) (*Config, *Report) {
	root := &node{kind: mapping}
	put := func(key string, value *node) { root.put(&node{text: key, name: value.name}, value) }
	flag := func(flag, text string) *node { return &node{text: text, literal: true, name: flag} }
	put("listen", flag("--listen", listen))
	backends := &node{kind: list, name: "--to"}
	for _, address := range to {
		backends.items = append(backends.items, flag("--to "+address, address))
	}
	put("backends", backends)
	if policy != "" {
		put("policy", flag("--policy", policy))
	}
	return build(newSource("command line", ""), root, &findings{})
}

// build makes a configuration of the tree.
func build(src *source, root *node, found *findings) (*Config, *Report) {
	hideSecrets(src, root)
	hideCopies(src, root)
	found.hide(src.known)
	b := &binder{found: found, places: map[string]place{}, bad: map[string]bool{}}
	b.desugar(root)
	c := &Config{}
	c.SetDefaults()
	b.bind(place{value: root}, reflect.ValueOf(c).Elem(), "")
	b.complete(c)
	b.validate(reflect.ValueOf(c), "")
	(&checker{binder: b, c: c}).check()
	report := found.report(src)
	report.bound, c.known = c, &src.known
	if report.HasErrors() {
		return nil, report
	}
	return c, report
}

// complete fills in what follows from other settings: names, and what sticky-cookie is short for.
func (b *binder) complete(c *Config) {
	for i := range c.Routes {
		if c.Routes[i].Name == "" {
			c.Routes[i].Name = fmt.Sprintf("route-%d", i+1)
		}
	}
	for name, pool := range c.Pools {
		if pool.Policy == balancer.StickyCookie {
			b.unfoldSticky("pools."+name, pool)
		}
		if pool.Affinity.Cookie.Name == "" {
			pool.Affinity.Cookie.Name = cookieName(name)
		}
	}
}

func (b *binder) unfoldSticky(path string, pool *Pool) {
	mode, given := b.places[path+".affinity.mode"]
	if given && pool.Affinity.Mode != affinity.Cookie && !b.bad[path+".affinity.mode"] {
		b.found.add(b.places[path+".policy"].point().spot(), "policy sticky-cookie is short for least-conn with affinity mode cookie, and the mode is %q", string(pool.Affinity.Mode)).
			note(mode.point().spot(), "the mode is here").hint("use policy: least-conn, or remove the mode")
		b.spoil(path)
	}
	pool.Policy, pool.Affinity.Mode = balancer.LeastConn, affinity.Cookie
}

// cookieName is the name of a pool's cookie that the file does not name.
func cookieName(pool string) string {
	if pool == defaultName {
		return "usher_route"
	}
	return "usher_route_" + strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("!#$%&'*+-.^_`|~", r)) {
			return r
		}
		return '-'
	}, pool)
}
