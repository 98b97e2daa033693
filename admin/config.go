package admin

import "usher/conf"

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
