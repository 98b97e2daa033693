package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzParse checks that no input panics or takes long, that an input is either refused with a reason or accepted, and that what was accepted
// prints to something that reads back equal.
func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*/*.yaml")
	for _, path := range append(paths, "../config.example.yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &a [*a, *a]\n<<: [*a]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), "file:") {
			return // of this machine
		}
		start := time.Now()
		c, r := Parse("usher.yaml", text)
		if d := time.Since(start); d > 5*time.Second {
			t.Fatalf("took %v", d)
		}
		if (c == nil) != r.HasErrors() {
			t.Fatalf("config is nil: %v, errors: %v", c == nil, r.HasErrors())
		}
		_, _, _ = r.Text(true), r.JSON(), r.GitHub()
		if c == nil {
			return
		}
		c.known = nil // a secret here that is a pool's name there would print as ***
		again, r := Parse("printed", unmask(c.Print()))
		if again == nil {
			t.Fatalf("%s\n%s", c.Print(), r.Text(false))
		}
		if forget(again); !reflect.DeepEqual(forget(c), again) {
			t.Fatalf("got %+v, want %+v", again, c)
		}
	})
}

func TestHostileFilesTakeLittleTime(t *testing.T) {
	const size = maxBytes / 8
	deep := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, text := range map[string]string{
		"brackets": deep("["), "dashes": deep("- "), "keys": deep("? "), "unknown keys": deep("a: 1\n"), "commas": "backends: [" + deep("a,"),
		"secrets": "affinity: {cookie: {secret: [" + deep("a, ")[:size-100] + "]}}\n", "comments": deep("#\n"), "colons": deep("a:"),
		"secret keys": deep("secret: ["), "tabs": deep("\ta\n"), "routes": "routes: [" + deep("{pool: a},")[:size-100] + "]",
		"pools": "pools:\n" + numbered(5000, " p%: {backends: [a:1]}\n"), "anchors": deep("&a "), "quotes": deep("\"a\" "),
		"hosts": "routes: [" + deep("{pool: a, match: {host: [a.b, c.d]}},\n")[:size-100] + "]", "late error": deep("# x\n")[:size-10] + "\n]",
		"backends": "listen: :1\nbackends: [" + numbered(10000, "a:%,") + "]", "long keys": numbered(1000, strings.Repeat("k", 100)+"%: {a: [b, c]}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			if len(text) > size {
				text = text[:size]
			}
			start := time.Now()
			_, r := Parse("usher.yaml", []byte(text))
			_, _ = r.Text(false), r.JSON()
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// numbered repeats s with a number in place of each %.
func numbered(n int, s string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(s, "%", strconv.Itoa(i+1)))
	}
	return b.String()
}
