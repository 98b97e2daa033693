package listen

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/conf"
	"usher/proxy"
	"usher/proxy/field"
)

// Config is one listener: an address and how clients are served on it.
type Config struct {
	Address        string         `conf:"address" doc:"host:port, or :port for every address of the machine."`
	Protocols      []Protocol     `conf:"protocols" restart:"true" doc:"h1: HTTP/1.1. h2: HTTP/2 over TLS. h2c: HTTP/2 without TLS."`
	Engine         Engine         `conf:"engine" restart:"true" doc:"What serves HTTP/1.1. own: Usher's engine. std: Go's net/http, which serves HTTP/2 in any case."`
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

// Engine is what serves HTTP/1.1 to clients. HTTP/2 is net/http's.
type Engine string

// Usher's own engine, and Go's net/http.
const (
	Own Engine = "own"
	Std Engine = "std"
)

// Values lists the engines.
func (Engine) Values() []string { return []string{string(Own), string(Std)} }

// UnderscoreMode says what becomes of header names with an underscore.
type UnderscoreMode string

// Values lists the choices.
func (UnderscoreMode) Values() []string { return []string{"drop", "keep"} }

// Timeouts bounds what a client may take.
type Timeouts struct {
	Handshake  conf.Duration `conf:"handshake" doc:"For the TLS handshake."`
	ReadHeader conf.Duration `conf:"read_header" restart:"true" doc:"From a request's first byte to the end of its head."`
	Idle       conf.Duration `conf:"idle" restart:"true" doc:"Between two requests on one connection."`
}

// Limits bounds what a client may send and how many there may be.
type Limits struct {
	HeaderBytes      conf.Size `conf:"header_bytes" restart:"true" doc:"A request's head; beyond: 431."`
	HeaderCount      int       `conf:"header_count" doc:"Header fields of a request; beyond: 431."`
	BodyBytes        conf.Size `conf:"body_bytes" doc:"A request's body; beyond: 413. 0: no bound."`
	MinRate          conf.Rate `conf:"min_rate" doc:"A request body that arrives more slowly, over ten seconds and more, is ended with 408; 0: no bound."`
	Connections      int       `conf:"connections" doc:"Open connections; beyond, new ones wait. 0: no bound."`
	ConnectionsPerIP int       `conf:"connections_per_ip" doc:"Open connections of one address; beyond, new ones are closed. 0: no bound."`
	H2Streams        int       `conf:"h2_streams" restart:"true" doc:"Concurrent streams of one HTTP/2 connection."`
}

// SetDefaults sets what the reference lists.
func (c *Config) SetDefaults() {
	*c = Config{
		Protocols: []Protocol{"h1", "h2"}, Engine: Own, RequestID: "X-Request-ID", Underscore: "drop",
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

// Validate checks the address, and that protocols, timeouts and names make sense together.
func (c Config) Validate() conf.Problems {
	var ps conf.Problems
	c.validateAddress(&ps)
	c.validateProtocols(&ps)
	if c.RequestID != "" && !field.IsToken(c.RequestID) {
		ps.Add("request_id", "%q cannot be the name of a header field", c.RequestID).WithHint("write it like X-Request-ID")
	} else if reserved.Has(c.RequestID) || proxy.IsInternal(c.RequestID) {
		ps.Add("request_id", "the field %s has a meaning of its own", c.RequestID).WithHint("write it like X-Request-ID")
	}
	if c.Timeouts.ReadHeader == 0 {
		ps.Add("timeouts.read_header", "reading a request's head needs a bound").WithHint("10s is the default")
	}
	if c.Timeouts.Handshake == 0 {
		ps.Add("timeouts.handshake", "the TLS handshake needs a bound").WithHint("10s is the default")
	}
	return ps
}

// reserved are fields that a request's ID would break.
var reserved = field.NewNames("Host", "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
	"Transfer-Encoding", "Upgrade", "Content-Length", "Content-Type", "Cookie", "Authorization", "Forwarded", "X-Forwarded-For",
	"X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP")

func (c Config) validateAddress(ps *conf.Problems) {
	const hint = "write it like :8080, 127.0.0.1:8080 or [::1]:8080"
	if c.Address == "" {
		ps.Add("address", "a listener needs an address").WithHint(hint)
		return
	}
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		ps.Add("address", "%q is not host:port", c.Address).WithHint(hint)
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		ps.Add("address", "port %q is not a number from 0 to 65535", port).WithHint(hint)
	}
	if !isHost(host) {
		ps.Add("address", "%q is neither an address nor a host name", host).WithHint(hint)
	}
}

// isHost accepts an IP address, a DNS name, or nothing for every address.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return true
	}
	return len(host) <= 253 && host[0] != '-' && !strings.Contains(host, "..") && !strings.ContainsFunc(host, func(r rune) bool {
		return !('a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '.' || r == '_')
	})
}

func (c Config) validateProtocols(ps *conf.Problems) {
	if len(c.Protocols) == 0 {
		ps.Add("protocols", "a listener needs a protocol").WithHint("protocols: [h1, h2] is the default")
	}
	for i, p := range c.Protocols {
		if first := slices.Index(c.Protocols, p); first < i {
			ps.Add(conf.Index("protocols", i), "the protocol %s is here twice", p).WithNote(conf.Index("protocols", first), "the first one is here")
		}
		if p == "h2c" && c.TLS != "" {
			ps.Add(conf.Index("protocols", i), "h2c is HTTP/2 without TLS, and the listener speaks TLS").WithHint("use h2").
				WithNote("tls", "TLS is asked for here")
		}
	}
	if c.TLS == "" && len(c.Protocols) == 1 && c.Protocols[0] == "h2" {
		ps.Add("protocols", "h2 is HTTP/2 over TLS, and the listener has no TLS: nothing would be served").WithHint("name a TLS profile with tls, or use h2c")
	}
	if c.Engine != Own && len(c.Protocols) > 0 && !slices.Contains(c.Protocols, "h1") {
		ps.Warn("engine", "engine does nothing here: the listener does not speak HTTP/1.1").WithHint("add h1 to protocols, or remove it")
	}
}

// Validate checks that the limits can be met.
func (l Limits) Validate() conf.Problems {
	var ps conf.Problems
	if l.HeaderBytes < 1<<10 {
		ps.Add("header_bytes", "a request's head needs 1KiB at least")
	}
	for _, n := range []struct {
		key          string
		value, least int
	}{
		{"header_count", l.HeaderCount, 1}, {"h2_streams", l.H2Streams, 1},
		{"connections", l.Connections, 0}, {"connections_per_ip", l.ConnectionsPerIP, 0},
	} {
		if n.value < n.least {
			ps.Add(n.key, "%s is %d, and at least %d", n.key, n.value, n.least)
		}
	}
	return ps
}

// Validate checks that there is a certificate.
func (c TLSConfig) Validate() conf.Problems {
	var ps conf.Problems
	if len(c.Certificates) == 0 {
		ps.Add("certificates", "a TLS profile needs a certificate").WithHint("certificates: [{cert: site.pem, key: site.key}]")
	}
	return ps
}

// Validate reads both files and checks that they belong together. A certificate that is not valid now, or not for long, is a warning.
func (c Certificate) Validate() conf.Problems {
	var ps conf.Problems
	checkFile(&ps, "cert", c.Cert)
	checkFile(&ps, "key", c.Key)
	if len(ps) > 0 {
		return ps
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		ps.Add("", "certificate and key cannot be used: %s", strings.TrimPrefix(err.Error(), "tls: ")).
			WithHint("both are PEM files; the certificate comes first in its file, and its chain after it")
		return ps
	}
	checkDates(&ps, pair.Leaf.NotBefore, pair.Leaf.NotAfter, time.Now())
	return ps
}

// expiresSoon is how long before its end a certificate is worth a warning.
const expiresSoon = 14 * 24 * time.Hour

// checkDates warns of a certificate that clients will not accept, now or soon.
func checkDates(ps *conf.Problems, from, to, now time.Time) {
	const form, renew = "2006-01-02 15:04 MST", "renew it: Usher reads the files again when they change"
	switch {
	case now.Before(from):
		ps.Warn("cert", "the certificate is not valid before %s", from.UTC().Format(form)).WithHint("check this machine's clock and the file")
	case now.After(to):
		ps.Warn("cert", "the certificate has expired, on %s", to.UTC().Format(form)).WithHint(renew)
	case now.Add(expiresSoon).After(to):
		ps.Warn("cert", "the certificate expires soon, on %s", to.UTC().Format(form)).WithHint(renew)
	}
}

func checkFile(ps *conf.Problems, key, path string) {
	if path == "" {
		ps.Add(key, "a certificate needs cert and key: %s is missing", key)
		return
	}
	info, err := os.Stat(path)
	var reason *fs.PathError
	switch {
	case errors.As(err, &reason):
		ps.Add(key, "%s: %v", path, reason.Err)
	case err == nil && !info.Mode().IsRegular():
		ps.Add(key, "%s is not a file", path)
	}
}
