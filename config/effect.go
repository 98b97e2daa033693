package config

import (
	"reflect"
	"slices"

	"usher/affinity"
	"usher/balancer"
	"usher/conf"
	"usher/listen"
	"usher/proxy"
)

// effect warns of settings that differ from their defaults and do nothing, as what they are for is off or nowhere.
func (k *checker) effect() {
	for _, name := range sorted(k.c.Pools) {
		at, pool := conf.Join("pools", name), k.c.Pools[name]
		if !k.bad[at+".policy"] {
			k.hashEffect(at, pool)
			k.affinityEffect(at, pool.Affinity, cookieName(name))
		}
		if pool.Connect.TLS != (proxy.BackendTLS{}) && !k.bad[at+".backends"] && !slices.ContainsFunc(pool.Backends, speaksTLS) {
			k.found.warn(k.locate(at+".connect.tls"), "tls does nothing here: no backend of the pool has an https URL").
				hint("write the backends like https://app:8443, or remove tls")
		}
	}
	k.profileEffect()
	k.loopsEffect()
}

func speaksTLS(b balancer.BackendConfig) bool {
	scheme, _, err := b.Endpoint()
	return err == nil && scheme == "https"
}

func (k *checker) hashEffect(at string, pool *Pool) {
	var d balancer.Config
	if d.SetDefaults(); pool.Policy != balancer.Hash && pool.HashOn != d.HashOn {
		k.found.warn(k.locate(at+".hash_on"), "hash_on does nothing here: the policy is %s", pool.Policy).hint("set policy: hash, or remove it")
	}
}

func (k *checker) affinityEffect(at string, c affinity.Config, cookie string) {
	at += ".affinity"
	if c.Mode != affinity.None || k.bad[at] {
		return
	}
	var d affinity.Config
	d.SetDefaults()
	d.Cookie.Name = cookie
	given, defaults := reflect.ValueOf(c), reflect.ValueOf(d)
	for _, f := range fieldsOf(given.Type()) {
		if !reflect.DeepEqual(given.FieldByIndex(f.index).Interface(), defaults.FieldByIndex(f.index).Interface()) && f.name != "mode" {
			k.found.warn(k.locate(conf.Join(at, f.name)), "%s does nothing here: the affinity's mode is none", f.name).hint("set mode: cookie, or remove it")
		}
	}
}

func (k *checker) profileEffect() {
	if k.bad["listeners"] || len(k.c.Listeners) == 0 {
		return
	}
	named := map[string]bool{}
	for _, l := range k.c.Listeners {
		named[l.TLS] = true
	}
	for _, name := range sorted(k.c.TLSProfiles) {
		if !named[name] {
			k.found.warn(k.locate(conf.Join("tls_profiles", name)), "no listener names the TLS profile %s", quote(name)).
				hint("name it at a listener: tls: %s", name)
		}
	}
}

func (k *checker) loopsEffect() {
	if k.c.Loops == 0 || k.bad["loops"] || k.bad["listeners"] || len(k.c.Listeners) == 0 {
		return
	}
	for _, l := range k.c.Listeners {
		if l.Engine == listen.Own && slices.Contains(l.Protocols, "h1") {
			return
		}
	}
	k.found.warn(k.locate("loops"), "loops does nothing here: no listener speaks HTTP/1.1 with the engine own").hint("remove it")
}
