package listen

import (
	"crypto/tls"
	"slices"
	"strings"
)

// suites are those of TLS 1.2 with forward secrecy and authenticated encryption: no RSA key exchange, no CBC (RFC 9325, section 4.2).
// TLS 1.3 has no others.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// TLSConfig returns a configuration that serves c, whatever Refresh finds later, and offers protocols by ALPN (RFC 7301), HTTP/2 first.
// Each call returns a new one, with session ticket keys of its own; the caller owns it.
func (c *Certificates) TLSConfig(protocols []Protocol) *tls.Config {
	cfg := &tls.Config{
		MinVersion:     c.minVersion,
		CipherSuites:   suites,
		GetCertificate: c.choose,
	}
	if slices.Contains(protocols, "h2") {
		cfg.NextProtos = append(cfg.NextProtos, "h2")
	}
	if slices.Contains(protocols, "h1") {
		cfg.NextProtos = append(cfg.NextProtos, "http/1.1")
	}
	return cfg
}

// choose returns the certificate for the name that the client asks for: one that lists it, else one with a wildcard for its first label
// (RFC 9525, section 6.3), else the first of all. Of several for one name, an ECDSA and an RSA certificate say, it is the first that the
// client can use; without a name it is that of all.
func (c *Certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	names := *c.names.Load()
	name := strings.ToLower(hello.ServerName)
	fitting := names[name]
	if _, parent, ok := strings.Cut(name, "."); ok && len(fitting) == 0 {
		fitting = names["*."+parent]
	}
	if len(fitting) == 0 {
		fitting = names[""][:1]
	}
	if len(fitting) > 1 {
		for _, cert := range fitting {
			if hello.SupportsCertificate(cert) == nil {
				return cert, nil
			}
		}
	}
	return fitting[0], nil
}
