package proxy

import (
	"slices"
	"strings"
	"time"

	"usher/conf"
)

// RouteConfig is one entry of the list of routes. The first whose match holds serves the request.
type RouteConfig struct {
	Name     string         `conf:"name" doc:"Shows up in metrics and logs. Default: route-N by its place in the list."`
	Match    MatchConfig    `conf:"match" doc:"What a request must be for this route. What is left out matches everything."`
	Pool     string         `conf:"pool" doc:"The pool that serves the route."`
	Pools    []WeightedPool `conf:"pools" doc:"Several pools with weights, in place of pool. A client that is bound in one of them stays there."`
	Upgrade  []string       `conf:"upgrade" doc:"Protocols that a client may upgrade the connection to."`
	Rewrite  RewriteConfig  `conf:"rewrite" doc:"Changes to the path. A rewritten path is forwarded in its normal form, any other byte for byte."`
	Headers  HeadersConfig  `conf:"headers" doc:"Header fields set and removed on the way to the backend and back."`
	Timeouts RouteTimeouts  `conf:"timeouts" doc:"Limits in time."`
	Respond  RespondConfig  `conf:"respond" doc:"An answer given in place of a pool."`
	Redirect RedirectConfig `conf:"redirect" doc:"A redirect given in place of a pool."`
}

// SetDefaults allows WebSockets and sets the stream timeout.
func (r *RouteConfig) SetDefaults() {
	*r = RouteConfig{Upgrade: []string{"websocket"}}
	r.Timeouts.SetDefaults()
	r.Redirect.SetDefaults()
}

// MatchConfig says which requests a route serves.
type MatchConfig struct {
	Listener string       `conf:"listener" doc:"A listener's name; empty: any."`
	Host     []string     `conf:"host" doc:"Host names: exact, or *.example.com for every name below. Ports do not count."`
	Path     []string     `conf:"path" doc:"Path prefixes, by whole segments; =/x for the path alone."`
	Methods  []string     `conf:"methods" doc:"Request methods."`
	Headers  HeaderValues `conf:"headers" doc:"Header fields and the value each must have; \"*\" for any value."`
}

// WeightedPool is one of several pools of a route.
type WeightedPool struct {
	Pool   string `conf:"pool" doc:"The pool's name."`
	Weight int    `conf:"weight" doc:"Share of the clients that are bound in none of the pools, 0 to 1000."`
}

// SetDefaults sets weight 1.
func (w *WeightedPool) SetDefaults() { *w = WeightedPool{Weight: 1} }

// RewriteConfig changes the path on its way to the backend.
type RewriteConfig struct {
	StripPrefix string `conf:"strip_prefix" doc:"Taken off the front of the path, by whole segments."`
	AddPrefix   string `conf:"add_prefix" doc:"Put in front of the path, after strip_prefix."`
}

// HeadersConfig changes header fields both ways.
type HeadersConfig struct {
	Request  HeaderEdit `conf:"request" doc:"On the way to the backend. What is set replaces every copy and look-alike that the client sent."`
	Response HeaderEdit `conf:"response" doc:"On the way to the client."`
}

// HeaderEdit sets and removes header fields of one direction.
type HeaderEdit struct {
	Set    HeaderValues `conf:"set" doc:"Fields and their values."`
	Remove []string     `conf:"remove" doc:"Fields to remove."`
}

// HeaderValues are header fields and their values. What may be a credential among them must not be shown.
type HeaderValues map[string]string

// IsCredential reports whether the name of a field says that its value lets somebody in: Authorization, Cookie, X-Api-Key, Private-Token and
// their like, in any case of letters.
func IsCredential(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"authorization", "cookie", "key", "token", "secret", "password"}, func(end string) bool {
		return strings.HasSuffix(name, end)
	})
}

// RouteTimeouts bounds an exchange in time.
type RouteTimeouts struct {
	Request    conf.Duration `conf:"request" doc:"The whole exchange; 0: no bound."`
	StreamIdle conf.Duration `conf:"stream_idle" doc:"How long a body or tunnel may stand still in both directions; 0: no bound."`
}

// SetDefaults sets stream_idle to 5m.
func (t *RouteTimeouts) SetDefaults() { *t = RouteTimeouts{StreamIdle: conf.Duration(5 * time.Minute)} }

// RespondConfig is a fixed answer. Status 0 means none.
type RespondConfig struct {
	Status int    `conf:"status" doc:"Status code, 200 to 599."`
	Body   string `conf:"body" doc:"Body, as text/plain."`
}

// RedirectConfig is a redirect. An empty To means none.
type RedirectConfig struct {
	To     string `conf:"to" doc:"Location. {host} stands for the request's host without port, {uri} for its path and query, {path} for its path."`
	Status int    `conf:"status" doc:"301, 302, 303, 307 or 308."`
}

// SetDefaults sets 308.
func (r *RedirectConfig) SetDefaults() { *r = RedirectConfig{Status: 308} }

// ConnectConfig says how connections to a pool's backends are made and kept. It is comparable: equal ones share connections.
type ConnectConfig struct {
	Timeout        conf.Duration   `conf:"timeout" doc:"For connecting, the TLS handshake included."`
	KeepAlive      conf.Duration   `conf:"keepalive" doc:"How long an idle connection is kept; 0: connections are not reused."`
	IdlePerBackend int             `conf:"idle_per_backend" doc:"Idle connections kept to each backend."`
	Protocol       BackendProtocol `conf:"protocol" doc:"h1, or h2c: HTTP/2 without TLS, as gRPC servers speak it."`
	TLS            BackendTLS      `conf:"tls" doc:"For backends with an https URL."`
}

// BackendProtocol is the HTTP version spoken to backends.
type BackendProtocol string

// Values lists the protocols.
func (BackendProtocol) Values() []string { return []string{"h1", "h2c"} }

// BackendTLS says how an https backend is verified.
type BackendTLS struct {
	ServerName string `conf:"server_name" doc:"Name that the certificate must be for, and SNI. Default: the backend's host."`
	CA         string `conf:"ca" doc:"PEM file of the authorities to trust. Default: the system's."`
}

// SetDefaults sets what the reference lists.
func (c *ConnectConfig) SetDefaults() {
	*c = ConnectConfig{
		Timeout: conf.Duration(3 * time.Second), KeepAlive: conf.Duration(90 * time.Second),
		IdlePerBackend: 128, Protocol: "h1",
	}
}

// Validate checks that connecting is bounded.
func (c ConnectConfig) Validate() conf.Problems {
	var ps conf.Problems
	if c.Timeout == 0 {
		ps.Add("timeout", "connecting needs a bound")
	}
	if c.IdlePerBackend < 0 {
		ps.Add("idle_per_backend", "cannot be negative")
	}
	return ps
}

// PoolTimeouts bounds what a backend may take.
type PoolTimeouts struct {
	ResponseHeader conf.Duration `conf:"response_header" doc:"From the request sent to the head of its response; 0: no bound."`
}

// SetDefaults sets 60s.
func (t *PoolTimeouts) SetDefaults() {
	*t = PoolTimeouts{ResponseHeader: conf.Duration(time.Minute)}
}
