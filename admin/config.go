package admin

import (
	"net"
	"net/netip"
	"strconv"

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
