package affinity

import (
	"encoding/base64"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/conf"
)

var (
	secretA = conf.Secret(strings.Repeat("a", 32))
	secretB = conf.Secret(strings.Repeat("b", 32))
	start   = time.Unix(1_790_000_000, 0)
)

func config(change func(*Config)) Config {
	var c Config
	c.SetDefaults()
	c.Mode, c.Cookie.Name = Cookie, "usher_route"
	if change != nil {
		change(&c)
	}
	return c
}

func binder(t testing.TB, c Config, pool string, backends []string, secrets ...conf.Secret) *Binder {
	t.Helper()
	b, err := New(c, pool, backends, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealed returns the value of the cookie that b sets for a new client.
func sealed(t testing.TB, b *Binder, backend string, at time.Time) string {
	t.Helper()
	set, change := b.Seal(Binding{}, backend, false, at)
	if change != Inserted {
		t.Fatalf("a new client: got %v, want inserted", change)
	}
	return value(set)
}

func value(setCookie string) string {
	pair, _, _ := strings.Cut(setCookie, ";")
	_, v, _ := strings.Cut(pair, "=")
	return v
}

func TestABindingIsReadBackByEveryProxyWithTheSecret(t *testing.T) {
	here := binder(t, config(nil), "web", []string{"10.0.0.1:80", "10.0.0.2:80"}, secretA)
	there := binder(t, config(nil), "web", []string{"10.0.0.9:80", "10.0.0.2:80", "10.0.0.1:80"}, secretA)
	v := sealed(t, here, "10.0.0.2:80", start)
	got := there.Open([]string{v}, start)
	if got.State != Valid || got.Backend != "10.0.0.2:80" || got.Previous {
		t.Errorf("got %+v, want a valid binding to 10.0.0.2:80", got)
	}
	if _, change := there.Seal(got, "10.0.0.2:80", false, start); change != Unchanged {
		t.Errorf("served where it is bound: got %v, want none", change)
	}
}

func TestACookieIsShortAndNamesNothing(t *testing.T) {
	for _, id := range []string{"a", strings.Repeat("long", 100), "10.20.30.40:8080"} {
		v := sealed(t, binder(t, config(nil), strings.Repeat("pool", 20), []string{id}, secretA), id, start)
		if len(v) < 140 || len(v) > 160 {
			t.Errorf("%.20s: the cookie has %d characters, want 140 to 160", id, len(v))
		}
		raw, err := base64.URLEncoding.DecodeString(v)
		if err != nil || strings.Contains(string(raw), id) && len(id) > 1 {
			t.Errorf("%.20s: it stands in the cookie, or the cookie is not base64: %v", id, err)
		}
	}
}

// The cookie in testdata was sealed once and must open for ever: clients keep theirs through every upgrade.
func TestACookieOfThisFormatStaysReadable(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"web-1", "web-2"}, secretA)
	got := b.Open([]string{kept(t)}, start.Add(time.Hour))
	id := [8]byte{0x86, 0x38, 0x67, 0xa4, 0x35, 0x28, 0x13, 0x03}
	want := Binding{State: Valid, Backend: "web-2", id: id, first: start.Unix(), last: start.Unix()}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// kept returns the cookie in testdata.
func kept(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/cookie-v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// The library looks at the clock by itself, whatever time Open is given; in the bubble the clock goes with it.
func TestACookieWithoutBoundsNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := binder(t, config(nil), "web", []string{"a"}, secretA)
		set, _ := b.Seal(Binding{}, "a", false, time.Now())
		time.Sleep(400 * 24 * time.Hour)
		got := b.Open([]string{value(set)}, time.Now())
		if got.State != Valid {
			t.Errorf("after 400 days: got %v, want valid", got.State)
		}
		if _, change := b.Seal(got, "a", false, time.Now()); change != Unchanged {
			t.Errorf("after 400 days: got %v, want no cookie", change)
		}
		if strings.Contains(set, "Max-Age") || strings.Contains(set, "Expires") {
			t.Errorf("got %q, want a cookie without an end", set)
		}
	})
}

func TestAChangeOfAnyBitMakesACookieInvalid(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a"}, secretA)
	v := sealed(t, b, "a", start)
	for i := range len(v) {
		for bit := range 8 {
			flipped := []byte(v)
			flipped[i] ^= 1 << bit
			if got := b.Open([]string{string(flipped)}, start); got.State != Invalid {
				t.Errorf("bit %d of byte %d changed: got %v, want invalid", bit, i, got.State)
			}
		}
	}
}

func TestAnythingButOurCookieIsANewClient(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a"}, secretA)
	v := sealed(t, b, "a", start)
	otherName := config(func(c *Config) { c.Cookie.Name = "other" })
	for what, v := range map[string]string{
		"empty": "", "cut": v[:len(v)-1], "doubled": v + v, "plain": "127.0.0.1:22", "index": "0", "quoted": `"` + v + `"`, "huge": strings.Repeat("A", 1<<16),
		"another pool's":   sealed(t, binder(t, config(nil), "api", []string{"a"}, secretA), "a", start),
		"another secret's": sealed(t, binder(t, config(nil), "web", []string{"a"}, secretB), "a", start),
		"another name's":   sealed(t, binder(t, otherName, "web", []string{"a"}, secretA), "a", start),
		"the future's":     sealed(t, b, "a", start.Add(skew+time.Second)),
	} {
		if got := b.Open([]string{v}, start); got.State != Invalid {
			t.Errorf("%s: got %v, want invalid", what, got.State)
		}
	}
	if got := b.Open(nil, start); got.State != Unbound {
		t.Errorf("no cookie: got %v, want none", got.State)
	}
	if got := b.Open([]string{sealed(t, b, "a", start.Add(skew))}, start); got.State != Valid {
		t.Errorf("another replica's clock: got %v, want valid", got.State)
	}
}

func TestAnUnknownVersionIsANewClient(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a"}, secretA)
	p := payload{pool: b.keys[0].pool, backend: b.keys[0].tags["a"], first: start.Unix(), last: start.Unix()}.marshal()
	for _, change := range []func([]byte) []byte{
		func(p []byte) []byte { p[0] = payloadVersion + 1; return p },
		func(p []byte) []byte { return p[:len(p)-1] },
		func(p []byte) []byte { return append(p, 0) },
	} {
		v, err := b.keys[0].box.Encode("usher_route", change(slices.Clone(p)))
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Open([]string{v}, start); got.State != Invalid {
			t.Errorf("got %v, want invalid", got.State)
		}
	}
}

func TestThePreviousSecretOpensAndTheCurrentOneSeals(t *testing.T) {
	old := sealed(t, binder(t, config(nil), "web", []string{"a"}, secretA), "a", start)
	b := binder(t, config(nil), "web", []string{"a"}, secretB, secretA)
	got := b.Open([]string{old}, start)
	if got.State != Valid || !got.Previous {
		t.Fatalf("got %+v, want valid by a previous secret", got)
	}
	set, change := b.Seal(got, "a", false, start)
	if change != Updated {
		t.Fatalf("got %v, want updated", change)
	}
	again := binder(t, config(nil), "web", []string{"a"}, secretB).Open([]string{value(set)}, start)
	if again.State != Valid || again.id != got.id || again.first != got.first {
		t.Errorf("sealed anew: got %+v, want the same binding", again)
	}
}

func TestIdleAndLifetimeAreEnforced(t *testing.T) {
	b := binder(t, config(func(c *Config) { c.Idle, c.Lifetime = conf.Duration(80*time.Minute), conf.Duration(24*time.Hour) }), "web", []string{"a"}, secretA)
	open := b.Open([]string{sealed(t, b, "a", start)}, start)
	for _, c := range []struct {
		after  time.Duration
		state  State
		change Change
	}{
		{0, Valid, Unchanged},
		{10 * time.Minute, Valid, Unchanged},
		{10*time.Minute + time.Second, Valid, Updated}, // older than idle/8
		{90 * time.Minute, Valid, Updated},             // idle, and the grace of idle/8
		{90*time.Minute + time.Second, Expired, Inserted},
	} {
		set, _ := b.Seal(Binding{}, "a", false, start)
		now := start.Add(c.after)
		got := b.Open([]string{value(set)}, now)
		if _, change := b.Seal(got, "a", false, now); got.State != c.state || change != c.change {
			t.Errorf("after %v: got %v and %v, want %v and %v", c.after, got.State, change, c.state, c.change)
		}
	}
	// A client that comes back all the time is bound until its lifetime ends.
	var now time.Time
	for now = start; now.Before(start.Add(24 * time.Hour)); now = now.Add(time.Hour) {
		set, change := b.Seal(open, "a", false, now)
		if change == Unchanged {
			continue
		}
		if open = b.Open([]string{value(set)}, now); open.State != Valid || open.first != start.Unix() {
			t.Fatalf("after %v: got %+v", now.Sub(start), open)
		}
	}
	set, _ := b.Seal(open, "a", false, now)
	if got := b.Open([]string{value(set)}, now.Add(time.Second)); got.State != Expired {
		t.Errorf("after its lifetime: got %v, want expired", got.State)
	}
}

func TestAClientWhoseBackendIsGoneMovesAndStaysTheSameClient(t *testing.T) {
	before := binder(t, config(nil), "web", []string{"a", "b"}, secretA)
	after := binder(t, config(nil), "web", []string{"b"}, secretA)
	got := after.Open([]string{sealed(t, before, "a", start)}, start)
	if got.State != Gone || got.Backend != "" {
		t.Fatalf("got %+v, want gone", got)
	}
	set, change := after.Seal(got, "b", false, start)
	next := after.Open([]string{value(set)}, start)
	if change != Moved || next.State != Valid || next.Backend != "b" || next.id != got.id {
		t.Errorf("got %v and %+v, want the same binding moved to b", change, next)
	}
	bound := before.Open([]string{sealed(t, before, "a", start)}, start)
	if _, change := before.Seal(bound, "b", false, start); change != Moved {
		t.Errorf("served by another backend: got %v, want moved", change)
	}
}

func TestTheFirstCookieThatOpensCounts(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a", "b"}, secretA)
	x, y := sealed(t, b, "a", start), sealed(t, b, "b", start)
	if got := b.Open([]string{"junk", "", x, y}, start); got.Backend != "a" {
		t.Errorf("got %q, want a", got.Backend)
	}
	if got := b.Open([]string{"1", "2", "3", "4", "5", "6", "7", "8", x}, start); got.State != Invalid {
		t.Errorf("the ninth cookie: got %v, want invalid", got.State)
	}
	gone := sealed(t, binder(t, config(nil), "web", []string{"old"}, secretA), "old", start)
	if got := b.Open([]string{gone, y}, start); got.Backend != "b" {
		t.Errorf("a stale cookie before a valid one: got %+v, want b", got)
	}
	ending := binder(t, config(func(c *Config) { c.Lifetime = conf.Duration(time.Minute) }), "web", []string{"a"}, secretA)
	late := start.Add(time.Hour)
	if got := ending.Open([]string{x, sealed(t, binder(t, config(nil), "web", []string{"old"}, secretA), "old", late)}, late); got.State != Gone {
		t.Errorf("an expired cookie before one whose backend is gone: got %v, want gone", got.State)
	}
}

func TestAttributesFollowTheConfigurationAndTheConnection(t *testing.T) {
	for name, c := range map[string]struct {
		change     func(*CookieConfig)
		plain, tls string
	}{
		"automatic":   {func(c *CookieConfig) {}, "; Path=/; HttpOnly; SameSite=Lax", "; Path=/; HttpOnly; Secure; SameSite=None"},
		"strict":      {func(c *CookieConfig) { c.SameSite = "strict" }, "; Path=/; HttpOnly; SameSite=Strict", "; Path=/; HttpOnly; Secure; SameSite=Strict"},
		"none":        {func(c *CookieConfig) { c.SameSite = "none" }, "; Path=/; HttpOnly; SameSite=Lax", "; Path=/; HttpOnly; Secure; SameSite=None"},
		"secure":      {func(c *CookieConfig) { c.Secure = "true" }, "; Path=/; HttpOnly; Secure; SameSite=None", "; Path=/; HttpOnly; Secure; SameSite=None"},
		"insecure":    {func(c *CookieConfig) { c.Secure = "false" }, "; Path=/; HttpOnly; SameSite=Lax", "; Path=/; HttpOnly; SameSite=Lax"},
		"domain":      {func(c *CookieConfig) { c.Domain, c.Path = "example.com", "/app" }, "; Path=/app; Domain=example.com; HttpOnly; SameSite=Lax", "; Path=/app; Domain=example.com; HttpOnly; Secure; SameSite=None"},
		"partitioned": {func(c *CookieConfig) { c.Partitioned = true }, "; Path=/; HttpOnly; SameSite=Lax", "; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"},
	} {
		b := binder(t, config(func(cfg *Config) { c.change(&cfg.Cookie) }), "web", []string{"a"}, secretA)
		for secure, want := range map[bool]string{false: c.plain, true: c.tls} {
			set, _ := b.Seal(Binding{}, "a", secure, start)
			if got := set[strings.IndexByte(set, ';'):]; got != want {
				t.Errorf("%s, secure %v: got %q, want %q", name, secure, got, want)
			}
		}
	}
}

func TestMaxAgeFollowsLifetimeAndIdle(t *testing.T) {
	for _, c := range []struct {
		idle, lifetime time.Duration
		want           string
	}{
		{8 * time.Hour, 0, "Max-Age=32400"}, {0, time.Hour, "Max-Age=3600"}, {time.Minute, time.Hour, "Max-Age=3600"},
	} {
		b := binder(t, config(func(cfg *Config) { cfg.Idle, cfg.Lifetime = conf.Duration(c.idle), conf.Duration(c.lifetime) }), "web", []string{"a"}, secretA)
		if set, _ := b.Seal(Binding{}, "a", false, start); !strings.HasSuffix(set, c.want) {
			t.Errorf("idle %v, lifetime %v: got %q, want %s", c.idle, c.lifetime, set, c.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	b := binder(f, config(nil), "web", []string{"web-2"}, secretB, secretA)
	good := kept(f)
	f.Add(good)
	f.Add(good[:20])
	f.Add("")
	f.Fuzz(func(t *testing.T, v string) {
		got := b.Open([]string{v}, start)
		if got.State == Valid && got.Backend != "web-2" {
			t.Errorf("%q: bound to %q", v, got.Backend)
		}
		if got.State == Valid && strings.NewReplacer("\r", "", "\n", "").Replace(v) != good {
			t.Errorf("%q opens, and nobody has sealed it", v)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	x := binder(b, config(nil), "web", []string{"a"}, secretA)
	values := []string{sealed(b, x, "a", start)}
	b.ReportAllocs()
	for b.Loop() {
		x.Open(values, start)
	}
}

func BenchmarkSeal(b *testing.B) {
	x := binder(b, config(nil), "web", []string{"a"}, secretA)
	b.ReportAllocs()
	for b.Loop() {
		x.Seal(Binding{}, "a", true, start)
	}
}
