package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
)

// ClientConfig makes what a plane speaks TLS to backends with. It reads the file of authorities; an error says what is wrong with that.
// ForBackend completes it for one backend.
func (c BackendTLS) ClientConfig() (*tls.Config, error) {
	out := &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	if c.CA == "" {
		return out, nil
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("read connect.tls.ca: %w", err)
	}
	out.RootCAs = x509.NewCertPool()
	if !out.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("connect.tls.ca: %s holds no certificate in PEM form", c.CA)
	}
	return out, nil
}

// ForBackend returns c with the name that the certificate of the backend at address must be for: the configured one, or the address's host.
func ForBackend(c *tls.Config, address string) *tls.Config {
	if c.ServerName != "" {
		return c
	}
	named := c.Clone()
	named.ServerName, _, _ = net.SplitHostPort(address)
	return named
}
