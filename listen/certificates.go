package listen

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxPEM bounds a certificate or key file, in bytes: a chain has some ten thousand.
const maxPEM = 1 << 20

// Certificates are the certificates and keys of a TLS profile, as the files last held them. All methods are safe for concurrent use.
type Certificates struct {
	minVersion uint16
	mu         sync.Mutex             // held by the one that refreshes
	pairs      atomic.Pointer[[]pair] // in the order of the configuration, never empty, never changed
	names      atomic.Pointer[index]  // built from pairs
}

// pair is a certificate and its key.
type pair struct {
	files Certificate
	sum   [sha256.Size]byte // of the content of both files
	cert  *tls.Certificate
}

// index is the certificates for each name, in lower case, wildcards included; "" is all of them.
type index map[string][]*tls.Certificate

// LoadCertificates reads the files that cfg names. The error names each file that cannot be read or used.
func LoadCertificates(cfg TLSConfig) (*Certificates, error) {
	if len(cfg.Certificates) == 0 {
		return nil, errors.New("a TLS profile needs a certificate")
	}
	c := &Certificates{minVersion: tls.VersionTLS12}
	if cfg.MinVersion == "1.3" {
		c.minVersion = tls.VersionTLS13
	}
	pairs := make([]pair, len(cfg.Certificates))
	var errs []error
	for i, files := range cfg.Certificates {
		p, err := pair{files: files}.reload()
		pairs[i] = p
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c.use(pairs)
	return c, nil
}

// Refresh reads the files again and serves what has changed, to handshakes from then on. A pair that cannot be read or used stays as it
// was, and the error, which names its files, comes again at each call until they are mended. The others are refreshed nonetheless.
func (c *Certificates) Refresh() (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pairs := slices.Clone(*c.pairs.Load())
	var errs []error
	for i, old := range pairs {
		p, err := old.reload()
		errs = append(errs, err)
		changed = changed || p.cert != old.cert
		pairs[i] = p
	}
	if changed {
		c.use(pairs)
	}
	return changed, errors.Join(errs...)
}

// Run calls Refresh at each interval and report with its errors, until ctx ends. report may be nil.
func (c *Certificates) Run(ctx context.Context, every time.Duration, report func(error)) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if _, err := c.Refresh(); err != nil && report != nil {
			report(err)
		}
	}
}

// NotAfter returns when each certificate in use expires, by the path of its file.
func (c *Certificates) NotAfter() map[string]time.Time {
	m := make(map[string]time.Time)
	for _, p := range *c.pairs.Load() {
		m[p.files.Cert] = p.cert.Leaf.NotAfter
	}
	return m
}

// use puts pairs in force.
func (c *Certificates) use(pairs []pair) {
	names := make(index)
	for _, p := range pairs {
		names[""] = append(names[""], p.cert)
		for _, n := range p.cert.Leaf.DNSNames {
			n = strings.ToLower(n)
			names[n] = append(names[n], p.cert)
		}
	}
	c.pairs.Store(&pairs)
	c.names.Store(&names)
}

// reload returns p with what its files hold now, and p as it is when that has not changed or with an error.
func (p pair) reload() (pair, error) {
	chain, err := readPEM(p.files.Cert)
	if err != nil {
		return p, fmt.Errorf("read certificate: %w", err)
	}
	key, err := readPEM(p.files.Key)
	if err != nil {
		return p, fmt.Errorf("read certificate's key: %w", err)
	}
	sum := sha256.Sum256(slices.Concat(chain, []byte{0}, key)) // no PEM file has a zero byte
	if p.cert != nil && sum == p.sum {
		return p, nil
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return p, fmt.Errorf("use certificate %s with key %s: %w", p.files.Cert, p.files.Key, err)
	}
	return pair{files: p.files, sum: sum, cert: &cert}, nil
}

func readPEM(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(data) > maxPEM {
		return nil, fmt.Errorf("%s: over %d bytes, which is no PEM file of a certificate or key", path, maxPEM)
	}
	return data, err
}
