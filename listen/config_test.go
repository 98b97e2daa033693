package listen

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/conf"
)

// paths returns what the problems are about, those in a row about one setting once.
func paths(ps conf.Problems) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.Path)
	}
	return slices.Compact(out)
}

func defaultConfig() Config {
	var c Config
	c.SetDefaults()
	c.Address = ":8080"
	return c
}

func TestListenerSettingsAreChecked(t *testing.T) {
	for _, x := range []struct {
		name string
		set  func(*Config)
		want []string
	}{
		{"defaults", func(*Config) {}, nil},
		{"a port that the system picks", func(c *Config) { c.Address = "127.0.0.1:0" }, nil},
		{"a host name", func(c *Config) { c.Address = "localhost:80" }, nil},
		{"IPv6", func(c *Config) { c.Address = "[::1]:80" }, nil},
		{"no address", func(c *Config) { c.Address = "" }, []string{"address"}},
		{"no port", func(c *Config) { c.Address = "127.0.0.1" }, []string{"address"}},
		{"port beyond", func(c *Config) { c.Address = ":65536" }, []string{"address"}},
		{"port by name", func(c *Config) { c.Address = ":http" }, []string{"address"}},
		{"bad host", func(c *Config) { c.Address = "a b:80" }, []string{"address"}},
		{"unix socket", func(c *Config) { c.Address = "unix:/run/usher.sock" }, []string{"address"}},
		{"no protocol", func(c *Config) { c.Protocols = nil }, []string{"protocols"}},
		{"protocol twice", func(c *Config) { c.Protocols = []Protocol{"h1", "h2c", "h1"} }, []string{"protocols[2]"}},
		{"h2 alone without TLS", func(c *Config) { c.Protocols = []Protocol{"h2"} }, []string{"protocols"}},
		{"h2 alone with TLS", func(c *Config) { c.Protocols, c.TLS = []Protocol{"h2"}, "main" }, nil},
		{"h2c with TLS", func(c *Config) { c.Protocols, c.TLS = []Protocol{"h1", "h2c"}, "main" }, []string{"protocols[1]"}},
		{"the other engine", func(c *Config) { c.Engine = Std }, nil},
		{"an engine for nothing", func(c *Config) { c.Engine, c.Protocols = Std, []Protocol{"h2c"} }, []string{"engine"}},
		{"no engine's protocol", func(c *Config) { c.Protocols = []Protocol{"h2c"} }, nil},
		{"no request ID", func(c *Config) { c.RequestID = "" }, nil},
		{"request ID no token", func(c *Config) { c.RequestID = "X Request" }, []string{"request_id"}},
		{"request ID that frames", func(c *Config) { c.RequestID = "content_length" }, []string{"request_id"}},
		{"head unbounded", func(c *Config) { c.Timeouts.ReadHeader = 0 }, []string{"timeouts.read_header"}},
		{"handshake unbounded", func(c *Config) { c.Timeouts.Handshake = 0 }, []string{"timeouts.handshake"}},
		{"idle unbounded", func(c *Config) { c.Timeouts.Idle = 0 }, nil},
	} {
		c := defaultConfig()
		x.set(&c)
		if got := paths(c.Validate()); !slices.Equal(got, x.want) {
			t.Errorf("%s: got problems with %q, want %q", x.name, got, x.want)
		}
	}
}

func TestLimitsAreChecked(t *testing.T) {
	l := defaultConfig().Limits
	if got := l.Validate(); len(got) > 0 {
		t.Errorf("defaults: got problems with %q", paths(got))
	}
	l = Limits{HeaderBytes: 1023, Connections: -1, ConnectionsPerIP: -1}
	want := []string{"header_bytes", "header_count", "h2_streams", "connections", "connections_per_ip"}
	if got := paths(l.Validate()); !slices.Equal(got, want) {
		t.Errorf("got problems with %q, want %q", got, want)
	}
}

func TestCertificatesThatCannotBeUsedAreReported(t *testing.T) {
	if got := paths(TLSConfig{}.Validate()); !slices.Equal(got, []string{"certificates"}) {
		t.Errorf("none: got problems with %q", got)
	}
	file := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(file, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		c    Certificate
		want []string
	}{
		{Certificate{}, []string{"cert", "key"}},
		{Certificate{Cert: file + ".none", Key: t.TempDir()}, []string{"cert", "key"}},
		{Certificate{Cert: file, Key: file}, []string{""}},
	} {
		if got := paths(x.c.Validate()); !slices.Equal(got, x.want) {
			t.Errorf("%+v: got problems with %q, want %q", x.c, got, x.want)
		}
	}
}

func TestCertificatesThatClientsWillRefuseAreWarnedOf(t *testing.T) {
	now := time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, x := range []struct {
		from, to time.Duration
		want     string
	}{
		{-day, 15 * day, ""}, {0, 14 * day, ""}, {-day, 14*day - 1, "expires soon, on 2030-06-29"}, {-day, 0, "expires soon, on 2030-06-15"},
		{-day, -1, "has expired, on 2030-06-15 11:59 UTC"}, {1, 90 * day, "not valid before 2030-06-15"},
	} {
		var ps conf.Problems
		checkDates(&ps, now.Add(x.from), now.Add(x.to), now)
		switch {
		case x.want == "" && len(ps) == 0:
		case len(ps) != 1 || x.want == "" || !ps[0].Warning || ps[0].Path != "cert" || !strings.Contains(ps[0].Text, x.want):
			t.Errorf("from %v to %v: got %+v, want a warning with %q", x.from, x.to, ps, x.want)
		}
	}
}
