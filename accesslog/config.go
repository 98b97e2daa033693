package accesslog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// Validate checks that there is somewhere to write to. Directories are looked up only if the log is enabled.
func (c Config) Validate() conf.Problems {
	var ps conf.Problems
	switch {
	case strings.TrimSpace(c.Output) == "":
		ps.Add("output", "the access log needs an output").WithHint("use stdout, stderr or a file's path; enabled: false turns it off")
	case strings.ContainsFunc(c.Output, unicode.IsControl):
		ps.Add("output", "a file's path has no control characters")
	case strings.HasSuffix(c.Output, "/"):
		ps.Add("output", "%s is a directory", c.Output).WithHint("name the file: %saccess.log", c.Output)
	case c.Enabled && c.Output != "stdout" && c.Output != "stderr":
		if text, hint := misplaced(c.Output); text != "" {
			ps.Add("output", "%s", text).WithHint("%s", hint)
		}
	}
	return ps
}

// misplaced says why there can be no file at path, and what to do, or returns nothing. What cannot be looked at is not judged.
func misplaced(path string) (text, hint string) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path + " is a directory", "name the file: " + filepath.Join(path, "access.log")
	}
	dir := filepath.Dir(path)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("the directory %s does not exist", dir), "create it, or name another"
	case errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir():
		return dir + " is not a directory", "name a file in a directory"
	}
	return "", ""
}
