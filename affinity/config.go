package affinity

import (
	"errors"
	"strings"

	"usher/conf"
)

// Mode says what binds a client to a backend.
type Mode string

// The modes.
const (
	None   Mode = "none"
	Cookie Mode = "cookie"
)

// Values lists the modes.
func (Mode) Values() []string { return []string{"none", "cookie"} }

// Cacheable says what happens to the caching of a response that gets our Set-Cookie.
type Cacheable string

// Values lists the choices.
func (Cacheable) Values() []string { return []string{"private", "keep"} }

// OnGone says what a client gets whose backend is known and cannot be reached.
type OnGone string

// Values lists the choices.
func (OnGone) Values() []string { return []string{"move", "fail"} }

// Auto is true, false, or what follows from the connection.
type Auto string

// Values lists the choices.
func (Auto) Values() []string { return []string{"auto", "true", "false"} }

// SameSite is the cookie attribute, or auto.
type SameSite string

// Values lists the choices.
func (SameSite) Values() []string { return []string{"auto", "none", "lax", "strict"} }

// Config says whether, how and for how long a client stays with its backend.
type Config struct {
	Mode          Mode          `conf:"mode" doc:"none: each request is balanced by itself. cookie: a sealed cookie names the backend."`
	Cookie        CookieConfig  `conf:"cookie" doc:"The cookie that Usher sets."`
	Idle          conf.Duration `conf:"idle" doc:"A binding ends this long after its last request; 0: never. Enforced from dates inside the cookie."`
	Lifetime      conf.Duration `conf:"lifetime" doc:"A binding ends this long after it was made; 0: never."`
	Cacheable     Cacheable     `conf:"cacheable" doc:"private: a response that gets the cookie loses public and s-maxage and becomes private. keep: its Cache-Control is left alone."`
	OnBackendGone OnGone        `conf:"on_backend_gone" doc:"move: a client whose backend cannot be reached gets another one. fail: it gets 503. A backend that is no longer configured always moves."`
	HideCookie    bool          `conf:"hide_cookie" doc:"The backend never sees the cookie."`
}

// SetDefaults sets what the reference lists as defaults.
func (c *Config) SetDefaults() {
	*c = Config{Mode: None, Cacheable: "private", OnBackendGone: "move", HideCookie: true}
	c.Cookie.SetDefaults()
}

// CookieConfig is the cookie that carries a binding.
type CookieConfig struct {
	Name        string        `conf:"name" doc:"Default: usher_route for the pool default, usher_route_POOL for another."`
	Secret      []conf.Secret `conf:"secret" doc:"Current and previous secrets, 32 bytes or more each. None: one is generated in data_dir."`
	Path        string        `conf:"path" doc:"Path attribute."`
	Domain      string        `conf:"domain" doc:"Domain attribute; empty: the host alone."`
	Secure      Auto          `conf:"secure" doc:"Secure attribute; auto: on TLS."`
	SameSite    SameSite      `conf:"same_site" doc:"SameSite attribute; auto: None on TLS, Lax on plain HTTP."`
	Partitioned bool          `conf:"partitioned" doc:"Partitioned attribute (CHIPS); needs Secure."`
}

// SetDefaults sets path / and automatic attributes.
func (c *CookieConfig) SetDefaults() {
	*c = CookieConfig{Path: "/", Secure: "auto", SameSite: "auto"}
}

// MinSecret is the least length of a secret, in bytes.
const MinSecret = 32

// Validate checks lifetimes against each other.
func (c Config) Validate() conf.Problems {
	var ps conf.Problems
	if c.Lifetime != 0 && c.Idle > c.Lifetime {
		ps.Warn("idle", "idle is longer than lifetime, which ends every binding first")
	}
	return ps
}

// Validate checks name, attributes and secrets.
func (c CookieConfig) Validate() conf.Problems {
	var ps conf.Problems
	if err := checkCookieName(c.Name); err != nil {
		ps.Add("name", "%v", err)
	}
	for i, s := range c.Secret {
		if len(s) < MinSecret {
			ps.Add(conf.Index("secret", i), "the secret has %d bytes, and needs at least %d", len(s), MinSecret).
				WithHint("make one with: openssl rand -hex 32")
		}
	}
	if !strings.HasPrefix(c.Path, "/") || !attributeValue(c.Path) {
		ps.Add("path", "%q is not a cookie path", c.Path).WithHint("it begins with / and has no semicolon, comma or space")
	}
	if !attributeValue(c.Domain) || strings.HasPrefix(c.Domain, ".") {
		ps.Add("domain", "%q is not a cookie domain", c.Domain).WithHint("write it like example.com")
	}
	if c.SameSite == "none" && c.Secure == "false" {
		ps.Add("same_site", "same_site: none without secure: browsers drop such a cookie").WithHint("set secure: true, or same_site: lax")
	}
	if c.Partitioned && c.Secure == "false" {
		ps.Add("partitioned", "partitioned needs secure: browsers drop the cookie otherwise").WithHint("set secure: true")
	}
	c.validatePrefix(&ps)
	return ps
}

// validatePrefix checks what a name's __Host- or __Secure- prefix promises (RFC 6265bis 4.1.3).
func (c CookieConfig) validatePrefix(ps *conf.Problems) {
	name := strings.ToLower(c.Name)
	host := strings.HasPrefix(name, "__host-")
	if (host || strings.HasPrefix(name, "__secure-")) && c.Secure != "true" {
		ps.Add("name", "the name's prefix promises a secure cookie").WithHint("set secure: true")
	}
	if host && (c.Domain != "" || c.Path != "/") {
		ps.Add("name", "the prefix __Host- promises path / and no domain")
	}
}

// checkCookieName accepts a token (RFC 6265 4.1.1), or nothing.
func checkCookieName(name string) error {
	if len(name) > 64 {
		return errors.New("a cookie name has at most 64 bytes")
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return errors.New("a cookie name is letters, digits and !#$%&'*+-.^_`|~")
		}
	}
	return nil
}

// attributeValue reports whether s can stand in a Set-Cookie attribute.
func attributeValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == ';' || c == ',' {
			return false
		}
	}
	return true
}
