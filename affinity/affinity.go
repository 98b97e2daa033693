// Package affinity decides which backend a client belongs to. A sealed cookie carries the binding, so that it survives reloads and
// restarts and holds across proxies that share only the secret.
package affinity

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/securecookie"

	"usher/conf"
	"usher/secret"
)

// Binder seals and opens the bindings of one pool. It is immutable and safe for concurrent use.
type Binder struct {
	cfg  Config
	keys []key // the current one first
	// plain and tls are the attributes behind the value, without and with TLS.
	plain, tls string
	openers    sync.Pool // of *opener
	memo       *memo
}

// key is what follows from one secret.
type key struct {
	box            *securecookie.SecureCookie // seals
	authentication []byte                     // what opens: the MAC's key,
	block          cipher.Block               // and the cipher

	pool     tag
	tags     map[string]tag // by backend ID
	backends map[tag]string
}

// New returns the binder of a pool with backends of those IDs. secrets are the current one and then previous ones; there must be one.
// cfg.Cookie.Name must be set.
func New(cfg Config, pool string, backends []string, secrets []conf.Secret) (*Binder, error) {
	if len(secrets) == 0 || cfg.Cookie.Name == "" {
		return nil, fmt.Errorf("affinity of pool %q needs a secret and a cookie name", pool)
	}
	b := &Binder{cfg: cfg, memo: newMemo(), plain: cfg.Cookie.attributes(false), tls: cfg.Cookie.attributes(true)}
	for _, s := range secrets {
		if len(s) < MinSecret {
			return nil, fmt.Errorf("affinity of pool %q: a secret needs at least %d bytes", pool, MinSecret)
		}
		k, err := newKey(s.Reveal(), pool, backends)
		if err != nil {
			return nil, fmt.Errorf("affinity of pool %q: %w", pool, err)
		}
		b.keys = append(b.keys, k)
	}
	b.openers.New = func() any { return newOpener(cfg.Cookie.Name, b.keys) }
	return b, nil
}

func newKey(s, pool string, backends []string) (key, error) {
	authentication, encryption := secret.Derive(s, "usher affinity authentication v1", 32), secret.Derive(s, "usher affinity encryption v1", 32)
	block, err := aes.NewCipher(encryption)
	if err != nil {
		return key{}, err
	}
	box := securecookie.New(authentication, encryption)
	box.SetSerializer(securecookie.NopEncoder{})
	box.MaxAge(0) // or the library ends every cookie after 30 days
	box.MaxLength(maxValue)
	names := secret.Derive(s, "usher affinity names v1", 32)
	k := key{
		box: box, authentication: authentication, block: block,
		pool: newTag(names, "pool", pool), tags: map[string]tag{}, backends: map[tag]string{},
	}
	for _, id := range backends {
		t := newTag(names, "backend", pool, id)
		k.tags[id], k.backends[t] = t, id
	}
	return k, nil
}

// CookieName is the name of the cookie that carries the bindings.
func (b *Binder) CookieName() string { return b.cfg.Cookie.Name }

// maxValue bounds a cookie's value, in bytes. Those that Seal makes have 152.
const maxValue = 512

// tries is how many cookies of the name are looked at: browsers send several when paths or domains overlap.
const tries = 8

// Open reads what the client sent: the raw values of the cookies of the binder's name, in wire order. Of those that Usher has sealed for this
// pool the first that is valid counts, else the first whose backend is gone, else the first that has expired. A cookie that somebody else
// made is no error: its client is a new one.
func (b *Binder) Open(values []string, now time.Time) Binding {
	if len(values) == 0 {
		return Binding{}
	}
	best := Binding{State: Invalid}
	for _, v := range values[:min(len(values), tries)] {
		bound, ok := b.open(v, now)
		switch {
		case ok && bound.State == Valid:
			return bound
		case ok && (best.State == Invalid || best.State == Expired && bound.State == Gone):
			best = bound
		}
	}
	return best
}

func (b *Binder) open(value string, now time.Time) (Binding, bool) {
	p, i, ok := b.memo.get(value)
	if !ok {
		if p, i, ok = b.unseal(value); !ok {
			return Binding{}, false
		}
		b.memo.put(value, p, i)
	}
	bound := Binding{State: b.judge(p, now), Previous: i > 0, id: p.id, first: p.first, last: p.last}
	if bound.State == Valid {
		if bound.Backend, ok = b.keys[i].backends[p.backend]; !ok {
			bound.State = Gone
		}
	}
	return bound, bound.State != Invalid
}

// unseal returns the payload of a cookie that was sealed for this pool, and the index of the key.
func (b *Binder) unseal(value string) (p payload, key int, ok bool) {
	o := b.openers.Get().(*opener)
	defer b.openers.Put(o)
	if !o.read(value) {
		return payload{}, 0, false
	}
	for i := range b.keys {
		k := &b.keys[i]
		if raw, ok := o.unseal(k, i); ok {
			p, ok = unmarshal(raw)
			return p, i, ok && p.pool == k.pool
		}
	}
	return payload{}, 0, false
}

// Seal decides whether the response must carry a cookie when backend has served a client that was bound as was says. setCookie is the
// Set-Cookie value, empty for Unchanged. secure says that the client came by TLS. To a backend that the pool does not have nobody is bound.
func (b *Binder) Seal(was Binding, backend string, secure bool, now time.Time) (setCookie string, change Change) {
	if change = b.change(was, backend, now); change == Unchanged {
		return "", Unchanged
	}
	k, at := &b.keys[0], now.Unix()
	to, known := k.tags[backend]
	if !known {
		return "", Unchanged
	}
	p := payload{pool: k.pool, backend: to, id: was.id, first: min(was.first, at), last: at}
	if change == Inserted {
		p.id, p.first = newID(), at
	}
	value, err := k.box.Encode(b.cfg.Cookie.Name, p.marshal())
	if err != nil { // a length within bounds and a working random source leave no way to fail
		return "", Unchanged
	}
	return b.setCookie(value, p, secure), change
}

func (b *Binder) change(was Binding, backend string, now time.Time) Change {
	stale := b.cfg.Idle > 0 && time.Duration(now.Unix()-was.last)*time.Second > b.grace()
	switch {
	case was.State == Gone, was.State == Valid && was.Backend != backend:
		return Moved
	case was.State != Valid:
		return Inserted
	case was.Previous, stale:
		return Updated
	}
	return Unchanged
}

func (b *Binder) setCookie(value string, p payload, secure bool) string {
	attributes := b.plain
	if secure {
		attributes = b.tls
	}
	out := b.cfg.Cookie.Name + "=" + value + attributes
	if age := b.maxAge(p); age > 0 {
		out += "; Max-Age=" + strconv.FormatInt(int64(age/time.Second), 10)
	}
	return out
}

// maxAge is how long the browser need keep the cookie; 0 for its own session. What ends a binding is the dates inside the cookie.
func (b *Binder) maxAge(p payload) time.Duration {
	if lifetime := b.cfg.Lifetime.D(); lifetime > 0 {
		return max(time.Second, lifetime-time.Duration(p.last-p.first)*time.Second)
	}
	if b.cfg.Idle > 0 {
		return b.cfg.Idle.D() + b.grace()
	}
	return 0
}

// attributes is what follows the value in Set-Cookie, Max-Age left out.
func (c CookieConfig) attributes(secure bool) string {
	secure = c.Secure == "true" || c.Secure == "auto" && secure
	var out strings.Builder
	out.WriteString("; Path=" + c.Path)
	if c.Domain != "" {
		out.WriteString("; Domain=" + c.Domain)
	}
	out.WriteString("; HttpOnly")
	if secure {
		out.WriteString("; Secure")
	}
	out.WriteString("; SameSite=" + c.sameSite(secure))
	if c.Partitioned && secure {
		out.WriteString("; Partitioned")
	}
	return out.String()
}

// sameSite is the attribute's value. None without Secure would have browsers drop the cookie.
func (c CookieConfig) sameSite(secure bool) string {
	switch c.SameSite {
	case "strict":
		return "Strict"
	case "lax":
		return "Lax"
	}
	if secure {
		return "None"
	}
	return "Lax"
}
