// Package config reads the configuration file: it puts the packages' Config types together, binds a YAML file to them, and reports
// every problem at once, each with its place in the file and the way out. It is the only importer of yaml.v3.
package config

import (
	"time"

	"usher/accesslog"
	"usher/admin"
	"usher/affinity"
	"usher/balancer"
	"usher/conf"
	"usher/listen"
	"usher/proxy"
)

// Config is the whole configuration, in its full form: sugar is expanded and defaults are set.
type Config struct {
	DataDir     string                       `conf:"data_dir" restart:"true" doc:"Where generated secrets are kept; made with mode 0700."`
	Loops       int                          `conf:"loops" restart:"true" doc:"Event loops of the engine own, where the system has them; 0: one a core."`
	Listeners   map[string]*listen.Config    `conf:"listeners" doc:"Where clients connect."`
	TLSProfiles map[string]*listen.TLSConfig `conf:"tls_profiles" doc:"How TLS is spoken, for listeners to name."`
	Routes      []proxy.RouteConfig          `conf:"routes" doc:"Which pool serves which requests. The first match wins."`
	Pools       map[string]*Pool             `conf:"pools" doc:"Named sets of backends."`
	Admin       admin.Config                 `conf:"admin" restart:"true" doc:"The admin API, with metrics and probes."`
	Logging     Logging                      `conf:"logging" doc:"What is logged, and how."`
	Shutdown    Shutdown                     `conf:"shutdown" doc:"How a stop goes."`
	Reload      Reload                       `conf:"reload" doc:"When the file is read again, beside SIGHUP and usher reload."`

	known *secrets // what Print and Diff do not show; a pointer, as package fmt does not follow one
}

// SetDefaults sets what the reference lists.
func (c *Config) SetDefaults() {
	*c = Config{DataDir: "./usher-data", Shutdown: Shutdown{Grace: conf.Duration(30 * time.Second)}}
	c.Admin.SetDefaults()
	c.Logging.SetDefaults()
}

// Pool is a named set of backends, how one of them is chosen and how it is spoken to.
type Pool struct {
	balancer.Config
	Affinity affinity.Config     `conf:"affinity" doc:"Whether a client stays with its backend, and how."`
	Connect  proxy.ConnectConfig `conf:"connect" doc:"Connections to the backends."`
	Timeouts proxy.PoolTimeouts  `conf:"timeouts" doc:"What a backend may take."`
}

// SetDefaults sets the defaults of the parts.
func (p *Pool) SetDefaults() {
	p.Config.SetDefaults()
	p.Affinity.SetDefaults()
	p.Connect.SetDefaults()
	p.Timeouts.SetDefaults()
}

// Logging says what is logged.
type Logging struct {
	Level  Level            `conf:"level" doc:"The least severe messages that are logged."`
	Format Format           `conf:"format" restart:"true" doc:"auto: text on a terminal, JSON elsewhere."`
	Access accesslog.Config `conf:"access" doc:"A line for each request."`
}

// SetDefaults sets info and auto.
func (l *Logging) SetDefaults() {
	*l = Logging{Level: "info", Format: "auto"}
	l.Access.SetDefaults()
}

// Level is a severity.
type Level string

// Values lists the severities.
func (Level) Values() []string { return []string{"debug", "info", "warn", "error"} }

// Format is the form of log messages.
type Format string

// Values lists the forms.
func (Format) Values() []string { return []string{"auto", "text", "json"} }

// Shutdown says how a stop goes.
type Shutdown struct {
	ReadyDelay conf.Duration `conf:"ready_delay" doc:"How long requests are still accepted after /readyz has begun to fail."`
	Grace      conf.Duration `conf:"grace" doc:"How long requests in flight may take after that."`
}

// Reload says when the file is read again.
type Reload struct {
	Watch bool `conf:"watch" doc:"When its content changes."`
}
