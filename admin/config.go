package admin

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"usher/conf"
)

// Config is where the admin API listens and whom it believes.
type Config struct {
	Listen string   `conf:"listen" doc:"A loopback address and port, or off."`
	Hosts  []string `conf:"hosts" doc:"Names that the Host header may have beside a literal address and localhost."`
}

// SetDefaults sets 127.0.0.1:9901.
func (c *Config) SetDefaults() { *c = Config{Listen: "127.0.0.1:9901"} }

// Off is the value of Listen for no admin API.
const Off = "off"

var _ conf.Defaulter = (*Config)(nil)

// Validate checks that nobody but this machine can reach the address: there is nothing yet by which others could be told apart.
func (c Config) Validate() conf.Problems {
	var ps conf.Problems
	if c.Listen == Off {
		return ps
	}
	c.validateHosts(&ps)
	const hint = "write it like 127.0.0.1:9901, or off"
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		ps.Add("listen", "%q is not host:port", c.Listen).WithHint(hint)
		return ps
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		ps.Add("listen", "port %q is not a number from 0 to 65535", port).WithHint(hint)
	}
	if addr, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !addr.IsLoopback()) {
		ps.Add("listen", "the admin API would be open to everybody who reaches %q", c.Listen).
			WithHint("listen on a loopback address, like 127.0.0.1:9901 or [::1]:9901")
	}
	return ps
}

// validateHosts checks that each entry is a name that a Host header may have.
func (c Config) validateHosts(ps *conf.Problems) {
	for i, host := range c.Hosts {
		at := conf.Index("hosts", i)
		if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			ps.Warn(at, "%s does nothing here: an address is always accepted", host).WithHint("remove it")
		} else if !isHostName(host) {
			ps.Add(at, "%q is not a host name", host).WithHint("write the name alone, like usher.example.com: no scheme, port or wildcard")
		}
	}
}

// isHostName accepts a DNS name (RFC 1123 2.1, and underscores, which container networks use).
func isHostName(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label || strings.ContainsFunc(label, func(r rune) bool {
			return !('a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_')
		}) {
			return false
		}
	}
	return len(host) <= 253
}
