package listen

import (
	"time"

	"usher/conf"
)

// Config is one listener: an address and how clients are served on it.
type Config struct {
	Address        string         `conf:"address" doc:"host:port, or :port for every address of the machine."`
	Protocols      []Protocol     `conf:"protocols" doc:"h1: HTTP/1.1. h2: HTTP/2 over TLS. h2c: HTTP/2 without TLS."`
	TLS            string         `conf:"tls" doc:"A name under tls_profiles; empty: plain HTTP."`
	TrustedProxies []conf.Prefix  `conf:"trusted_proxies" doc:"Networks whose X-Forwarded-*, Forwarded and request IDs are believed."`
	RequestID      string         `conf:"request_id" doc:"Header field that carries the request's ID to the backend; empty: none."`
	Underscore     UnderscoreMode `conf:"underscore_headers" doc:"drop: header fields with an underscore in their name are not forwarded. keep: they are, unless they look like one that Usher sets."`
	Timeouts       Timeouts       `conf:"timeouts" doc:"Limits in time."`
	Limits         Limits         `conf:"limits" doc:"Limits in size and number."`
}

// Protocol is an HTTP version spoken to clients.
type Protocol string

// Values lists the protocols.
func (Protocol) Values() []string { return []string{"h1", "h2", "h2c"} }

// UnderscoreMode says what becomes of header names with an underscore.
type UnderscoreMode string

// Values lists the choices.
func (UnderscoreMode) Values() []string { return []string{"drop", "keep"} }

// Timeouts bounds what a client may take.
type Timeouts struct {
	Handshake  conf.Duration `conf:"handshake" doc:"For the TLS handshake."`
	ReadHeader conf.Duration `conf:"read_header" doc:"From a request's first byte to the end of its head."`
	Idle       conf.Duration `conf:"idle" doc:"Between two requests on one connection."`
}

// Limits bounds what a client may send and how many there may be.
type Limits struct {
	HeaderBytes      conf.Size `conf:"header_bytes" doc:"A request's head; beyond: 431."`
	HeaderCount      int       `conf:"header_count" doc:"Header fields of a request; beyond: 431."`
	BodyBytes        conf.Size `conf:"body_bytes" doc:"A request's body; beyond: 413. 0: no bound."`
	MinRate          conf.Rate `conf:"min_rate" doc:"A request body that arrives more slowly, over ten seconds and more, is ended with 408; 0: no bound."`
	Connections      int       `conf:"connections" doc:"Open connections; beyond, new ones wait. 0: no bound."`
	ConnectionsPerIP int       `conf:"connections_per_ip" doc:"Open connections of one address; beyond, new ones are closed. 0: no bound."`
	H2Streams        int       `conf:"h2_streams" doc:"Concurrent streams of one HTTP/2 connection."`
}

// SetDefaults sets what the reference lists.
func (c *Config) SetDefaults() {
	*c = Config{
		Protocols: []Protocol{"h1", "h2"}, RequestID: "X-Request-ID", Underscore: "drop",
		Timeouts: Timeouts{Handshake: conf.Duration(10 * time.Second), ReadHeader: conf.Duration(10 * time.Second), Idle: conf.Duration(2 * time.Minute)},
		Limits:   Limits{HeaderBytes: 32 << 10, HeaderCount: 100, MinRate: 240, H2Streams: 250},
	}
}

// TLSConfig is how TLS is spoken on the listeners that name it.
type TLSConfig struct {
	MinVersion   TLSVersion    `conf:"min_version" doc:"\"1.2\" or \"1.3\"."`
	Certificates []Certificate `conf:"certificates" doc:"Chosen by the name that the client asks for, the first where none fits. Read again when they change."`
}

// TLSVersion is the lowest version accepted.
type TLSVersion string

// Values lists the versions.
func (TLSVersion) Values() []string { return []string{"1.2", "1.3"} }

// Certificate is a chain and its key, in PEM files.
type Certificate struct {
	Cert string `conf:"cert" doc:"PEM file: the certificate and then its chain."`
	Key  string `conf:"key" doc:"PEM file of the private key."`
}

// SetDefaults sets TLS 1.2.
func (c *TLSConfig) SetDefaults() { *c = TLSConfig{MinVersion: "1.2"} }
