package balancer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"usher/conf"
)

// PolicyName names how a pool picks a backend for a client that is bound to none.
type PolicyName string

// The policies.
const (
	RoundRobin PolicyName = "round-robin"
	LeastConn  PolicyName = "least-conn"
	Random     PolicyName = "random"
	P2C        PolicyName = "p2c"
	Hash       PolicyName = "hash"
	// StickyCookie is least-conn with cookie affinity. Configuration only: it is expanded before a pool is built.
	StickyCookie PolicyName = "sticky-cookie"
)

// Values lists the policies that a file may name.
func (PolicyName) Values() []string {
	return []string{"round-robin", "least-conn", "random", "p2c", "hash", "sticky-cookie"}
}

// HashOn says what the hash policy hashes: client-ip, uri, header:NAME or cookie:NAME.
type HashOn string

// UnmarshalText checks the form.
func (h *HashOn) UnmarshalText(text []byte) error {
	s := string(text)
	kind, name, named := strings.Cut(s, ":")
	switch {
	case !named && (kind == "client-ip" || kind == "uri"):
	case named && name != "" && (kind == "header" || kind == "cookie"):
	default:
		return errors.New("expected client-ip, uri, header:NAME or cookie:NAME")
	}
	*h = HashOn(s)
	return nil
}

// Config is the part of a pool's configuration that says which backends there are and how one is picked.
type Config struct {
	Policy   PolicyName      `conf:"policy" doc:"How a backend is picked for a client that is bound to none. sticky-cookie is short for least-conn with affinity by cookie."`
	HashOn   HashOn          `conf:"hash_on" doc:"What the hash policy hashes: client-ip, uri, header:NAME or cookie:NAME. A request without it is balanced by least-conn."`
	Backends []BackendConfig `conf:"backends" doc:"The servers that requests are forwarded to."`
}

// SetDefaults sets least-conn.
func (c *Config) SetDefaults() { *c = Config{Policy: LeastConn, HashOn: "client-ip"} }

// Validate checks that there are backends and that no two have one ID.
func (c Config) Validate() conf.Problems {
	var ps conf.Problems
	if len(c.Backends) == 0 {
		ps.Add("backends", "a pool needs at least one backend").WithHint("add one: backends: [127.0.0.1:3001]")
	}
	seen := map[string]int{}
	for i, b := range c.Backends {
		id, err := b.Identity()
		if err != nil {
			continue // the backend's own Validate says so
		}
		if first, ok := seen[id]; ok {
			ps.Add(conf.Index("backends", i), "two backends have the ID %q", id).
				WithHint("give one of them another id").
				WithNote(conf.Index("backends", first), "the first one is here")
			continue
		}
		seen[id] = i
	}
	return ps
}

// BackendConfig is one backend. In a file it may be a scalar: the address or URL alone.
type BackendConfig struct {
	URL    string `conf:"url" doc:"host:port, :port for this machine, or http(s)://host[:port]."`
	ID     string `conf:"id" doc:"A name that outlives a change of address; bindings follow it. Default: the address."`
	Weight int    `conf:"weight" doc:"Share of new clients relative to the other backends, 0 to 1000; 0 gives it none."`
}

// MaxWeight bounds BackendConfig.Weight.
const MaxWeight = 1000

// SetDefaults sets weight 1.
func (b *BackendConfig) SetDefaults() { *b = BackendConfig{Weight: 1} }

// SetScalar takes the address or URL.
func (b *BackendConfig) SetScalar(s string) error {
	b.URL = s
	return nil
}

// Validate checks the URL and the weight.
func (b BackendConfig) Validate() conf.Problems {
	var ps conf.Problems
	if b.URL == "" {
		ps.Add("url", "a backend needs an address").WithHint("write it like 127.0.0.1:3001 or http://app:3001")
	} else if _, _, err := b.Endpoint(); err != nil {
		ps.Add("url", "%v", err)
	}
	if b.Weight < 0 || b.Weight > MaxWeight {
		ps.Add("weight", "weight %d is out of range", b.Weight).WithHint("use 0 to %d", MaxWeight)
	}
	return ps
}

// Identity returns the backend's ID: the one configured, else its address.
func (b BackendConfig) Identity() (string, error) {
	if b.ID != "" {
		return b.ID, nil
	}
	_, address, err := b.Endpoint()
	return address, err
}

// Endpoint splits the URL into its scheme, http or https, and the host:port to connect to.
func (b BackendConfig) Endpoint() (scheme, address string, err error) {
	scheme, rest := "http", b.URL
	if strings.Contains(b.URL, "://") {
		u, err := url.Parse(b.URL)
		if err != nil {
			return "", "", fmt.Errorf("%q is not a URL", b.URL)
		}
		if u.Host == "" {
			return "", "", fmt.Errorf("%q has no host: write it like http://app:3001", b.URL)
		}
		if u.Scheme != "http" && u.Scheme != "https" {
			return "", "", fmt.Errorf("scheme %q of a backend is neither http nor https", u.Scheme)
		}
		if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return "", "", errors.New("a backend's URL is scheme, host and port alone; a route's rewrite adds a path")
		}
		scheme, rest = u.Scheme, u.Host
		if u.Port() == "" {
			rest = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[scheme])
		}
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		return "", "", fmt.Errorf("%q has no port: write it like 127.0.0.1:3001", b.URL)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if !validHost(host) {
		return "", "", fmt.Errorf("%q is neither a host name nor an address", host)
	}
	return scheme, net.JoinHostPort(host, port), nil
}

// validHost accepts an IP address or a DNS name (RFC 1123 2.1, and underscores, which container networks use).
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}
