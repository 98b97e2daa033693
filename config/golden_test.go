package config

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"usher/conf"
	"usher/proxy"
)

var update = flag.Bool("update", false, "write what the golden files should hold")

// environment sets what the files in testdata ask for.
func environment(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	writePair(t, dir, "a")
	writePair(t, dir, "b")
	writePairValid(t, dir, "past", time.Unix(0, 0), time.Unix(1e9, 0))
	writePairValid(t, dir, "future", time.Unix(7e9, 0), time.Unix(8e9, 0))
	write(t, dir+"/secret", strings.Repeat("s", 40)+"\n")
	write(t, dir+"/large", strings.Repeat("x", maxValueFile+1))
	for name, value := range map[string]string{
		"DIR": dir, "TLS": dir, "LARGE": dir + "/large", "PORT": "3001", "TOKEN": "hunter2hunter2hunter2hunter2hunter2", "EMPTY": "", "LIST": "a:1, b:2", "YAML": "x, y: {z: [1]} # no",
	} {
		t.Setenv("USHER_TEST_"+name, value)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// cases returns the YAML files of a directory of testdata, by name.
func cases(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	out := map[string][]byte{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(path, ".yaml")] = text
	}
	return out
}

// golden compares got with the file at path, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, os.Getenv("USHER_TEST_LARGE"), "LARGE")
	if *update {
		write(t, path, got)
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBadFilesAreDiagnosed(t *testing.T) {
	environment(t)
	for path, text := range cases(t, "bad") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, r := Parse(filepath.Base(path)+".yaml", text)
			if len(r.Problems) == 0 {
				t.Fatal("no problem found")
			}
			if (c == nil) != r.HasErrors() {
				t.Errorf("config is nil: %v, errors: %v", c == nil, r.HasErrors())
			}
			got := r.Text(false)
			if strings.Contains(strings.ToLower(got+string(r.JSON())+r.GitHub()), "hunter") {
				t.Errorf("the report shows a secret:\n%s", got)
			}
			golden(t, path+".txt", got)
		})
	}
}

func TestGoodFilesPrintInFullAndReadBackEqual(t *testing.T) {
	environment(t)
	for path, text := range cases(t, "good") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, r := Parse(filepath.Base(path), text)
			if len(r.Problems) > 0 {
				t.Fatal(r.Text(false))
			}
			printed := c.Print()
			golden(t, path+".txt", string(printed))
			again, r := Parse("printed", unmask(printed))
			if again == nil {
				t.Fatalf("%s\n%s", printed, r.Text(false))
			}
			if forget(again); !reflect.DeepEqual(forget(c), again) {
				t.Errorf("got %+v, want %+v", again, c)
			}
		})
	}
}

// unmask puts secrets in the place of those that do not print.
func unmask(printed []byte) []byte {
	return []byte(strings.ReplaceAll(string(printed), `"***"`, strings.Repeat("s", 32)))
}

// forget makes all secrets of c the same, and all fields, of which some print as secrets.
func forget(c *Config) *Config {
	c.known = nil
	for _, r := range c.Routes {
		for _, fields := range []proxy.HeaderValues{r.Match.Headers, r.Headers.Request.Set, r.Headers.Response.Set} {
			for name := range fields {
				fields[name] = "s"
			}
		}
	}
	for _, p := range c.Pools {
		for i := range p.Affinity.Cookie.Secret {
			p.Affinity.Cookie.Secret[i] = conf.Secret("s")
		}
	}
	return c
}
