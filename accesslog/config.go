package accesslog

import (
	"strings"
	"unicode"

	"usher/conf"
)

// Config says whether each exchange is logged, how and where.
type Config struct {
	Enabled bool         `conf:"enabled" doc:"A line for each request."`
	Format  Format       `conf:"format" doc:"json, or common: the Common Log Format, for programs that know no other."`
	Output  string       `conf:"output" doc:"stdout, stderr, or a file's path; SIGUSR1 opens the file again."`
	Sample  conf.Percent `conf:"sample" doc:"Share of the requests logged; those answered with 5xx always are."`
}

// Format is the form of a line.
type Format string

// The forms.
const (
	JSON   Format = "json"
	Common Format = "common"
)

// Values lists the forms.
func (Format) Values() []string { return []string{"json", "common"} }

// SetDefaults sets JSON lines on standard output.
func (c *Config) SetDefaults() {
	*c = Config{Enabled: true, Format: JSON, Output: "stdout", Sample: 100}
}

// Validate checks that there is somewhere to write to.
func (c Config) Validate() conf.Problems {
	var ps conf.Problems
	switch {
	case strings.TrimSpace(c.Output) == "":
		ps.Add("output", "the access log needs an output").WithHint("use stdout, stderr or a file's path; enabled: false turns it off")
	case strings.ContainsFunc(c.Output, unicode.IsControl):
		ps.Add("output", "a file's path has no control characters")
	case strings.HasSuffix(c.Output, "/"):
		ps.Add("output", "%s is a directory", c.Output).WithHint("name the file: %saccess.log", c.Output)
	}
	return ps
}
