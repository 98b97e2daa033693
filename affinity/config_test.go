package affinity

import (
	"slices"
	"strings"
	"testing"
	"time"

	"usher/conf"
)

func TestTheDefaultsAreValid(t *testing.T) {
	var c Config
	c.SetDefaults()
	if ps := append(c.Validate(), c.Cookie.Validate()...); len(ps) > 0 {
		t.Errorf("got %q about %q", ps[0].Text, ps[0].Path)
	}
	if c.Mode != None || c.OnBackendGone != "move" || c.Cacheable != "private" || !c.HideCookie || c.Cookie.Path != "/" {
		t.Errorf("got %+v, want what the reference lists", c)
	}
}

func TestSettingsThatNoBrowserTakesAreRefused(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*CookieConfig)
		paths  string // of the problems, in order
	}{
		"a name with a space":         {func(c *CookieConfig) { c.Name = "a b" }, "name"},
		"a name with an equals sign":  {func(c *CookieConfig) { c.Name = "a=b" }, "name"},
		"a name beyond ASCII":         {func(c *CookieConfig) { c.Name = "é" }, "name"},
		"a name of 64 bytes":          {func(c *CookieConfig) { c.Name = strings.Repeat("n", 64) }, ""},
		"a name of 65 bytes":          {func(c *CookieConfig) { c.Name = strings.Repeat("n", 65) }, "name"},
		"a token":                     {func(c *CookieConfig) { c.Name = "!#$%&'*+-.^_`|~aZ9" }, ""},
		"secrets of 32 bytes":         {func(c *CookieConfig) { c.Secret = []conf.Secret{secretA, secretB} }, ""},
		"a previous secret too short": {func(c *CookieConfig) { c.Secret = []conf.Secret{secretA, secretB[1:]} }, "secret[1]"},
		"no path":                     {func(c *CookieConfig) { c.Path = "" }, "path"},
		"a relative path":             {func(c *CookieConfig) { c.Path = "app" }, "path"},
		"a path with an attribute":    {func(c *CookieConfig) { c.Path = "/;Secure" }, "path"},
		"a path with a line end":      {func(c *CookieConfig) { c.Path = "/\r\nX:1" }, "path"},
		"a domain":                    {func(c *CookieConfig) { c.Domain = "example.com" }, ""},
		"a domain with a dot ahead":   {func(c *CookieConfig) { c.Domain = ".example.com" }, "domain"},
		"a domain with an attribute":  {func(c *CookieConfig) { c.Domain = "a;HttpOnly" }, "domain"},
		"none without secure":         {func(c *CookieConfig) { c.SameSite, c.Secure = "none", "false" }, "same_site"},
		"none with secure auto":       {func(c *CookieConfig) { c.SameSite = "none" }, ""},
		"partitioned without secure":  {func(c *CookieConfig) { c.Partitioned, c.Secure = true, "false" }, "partitioned"},
		"partitioned with auto":       {func(c *CookieConfig) { c.Partitioned = true }, ""},
		"__Secure- without secure":    {func(c *CookieConfig) { c.Name = "__Secure-r" }, "name"},
		"__Secure- with secure":       {func(c *CookieConfig) { c.Name, c.Secure, c.Domain = "__Secure-r", "true", "example.com" }, ""},
		"__Host- as it should be":     {func(c *CookieConfig) { c.Name, c.Secure = "__Host-r", "true" }, ""},
		"__HOST- with a domain":       {func(c *CookieConfig) { c.Name, c.Secure, c.Domain = "__HOST-r", "true", "example.com" }, "name"},
		"__Host- with a path":         {func(c *CookieConfig) { c.Name, c.Secure, c.Path = "__Host-r", "true", "/app" }, "name"},
		"everything at once":          {func(c *CookieConfig) { c.Name, c.Path, c.Domain = " ", "x", "," }, "name path domain"},
	} {
		var cookie CookieConfig
		cookie.SetDefaults()
		c.change(&cookie)
		var got []string
		for _, p := range cookie.Validate() {
			got = append(got, p.Path)
			if p.Warning || strings.Contains(p.Text+p.Hint, secretB[1:].Reveal()) {
				t.Errorf("%s: %q is a warning, or shows the secret", what, p.Text)
			}
		}
		if !slices.Equal(got, strings.Fields(c.paths)) {
			t.Errorf("%s: got problems with %q, want %q", what, got, c.paths)
		}
	}
}

func TestAnIdleTimeBeyondTheLifetimeIsDoubtful(t *testing.T) {
	for _, c := range []struct {
		idle, lifetime time.Duration
		want           int
	}{{time.Hour, 0, 0}, {time.Hour, time.Hour, 0}, {2 * time.Hour, time.Hour, 1}} {
		ps := config(func(cfg *Config) { cfg.Idle, cfg.Lifetime = conf.Duration(c.idle), conf.Duration(c.lifetime) }).Validate()
		if len(ps) != c.want || len(ps) > 0 && (!ps[0].Warning || ps[0].Path != "idle") {
			t.Errorf("idle %v, lifetime %v: got %d problems, want %d, a warning about idle", c.idle, c.lifetime, len(ps), c.want)
		}
	}
}
