package test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block of a Markdown file.
type block struct {
	line int    // of its first line
	info string // what stands behind the opening fence
	text string
}

// blocks returns the fenced blocks of a Markdown text.
func blocks(markdown string) []block {
	var all []block
	var open *block
	n := 0
	for line := range strings.Lines(markdown) {
		n++
		rest, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open != nil:
			all, open = append(all, *open), nil
		case fence:
			open = &block{line: n + 1, info: strings.TrimSpace(rest)}
		case open != nil:
			open.text += line
		}
	}
	return all
}

// Every page shows only what works. The convention for README.md and docs/*.md:
//
//	```sh              run by bash, all blocks of a page one after another, in a fresh copy of the sources, with usher on the PATH
//	```yaml            a whole configuration file: usher validate accepts it, with ${VARIABLES} set; its name is usher.yaml for the
//	                   blocks of the page that follow
//	```yaml fragment   part of a file, or a file that is not Usher's: not looked at
//	```console, text   and anything else: not looked at
//
// Applications answer at 127.0.0.1:3001 and :3002, where the documentation supposes them. `usher run` and `usher demo` stay in the
// background until the page or the next of them stops them (docs-bin/usher); make does not run the tests within the tests (docs-bin/make).
func TestDocumentationRuns(t *testing.T) {
	need(t, "bash", "curl", "make", "git")
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	usher := binary(t)
	toyBackends(t)
	for _, page := range append(pages, "../README.md") {
		t.Run(filepath.Base(page), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			box := newSandbox(t, usher)
			for _, b := range blocks(string(text)) {
				switch b.info {
				case "sh":
					if out, err := box.run(b.text); err != nil {
						t.Fatalf("%s:%d: %v\n%s\n%s", page, b.line, err, b.text, out)
					}
				case "yaml":
					if out, err := box.validate(b.text); err != nil {
						t.Errorf("%s:%d: %v\n%s\n%s", page, b.line, err, b.text, out)
					}
				}
			}
		})
	}
}

// toyBackends answers on the ports that the documentation names.
func toyBackends(t *testing.T) {
	t.Helper()
	for _, address := range []string{"127.0.0.1:3001", "127.0.0.1:3002"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatalf("the documentation's examples need this port: %v", err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte("hello from " + address + "\n"))
		})}
		done := make(chan struct{})
		go func() {
			s.Serve(l)
			close(done)
		}()
		t.Cleanup(func() {
			s.Close()
			<-done
		})
	}
}

// sandbox is where the commands of one page run: a copy of the sources as a clone has them, what is not committed yet included.
type sandbox struct {
	dir string
	env []string
}

func newSandbox(t *testing.T, usher string) *sandbox {
	t.Helper()
	state := t.TempDir()
	bin, err := filepath.Abs("docs-bin")
	if err != nil {
		t.Fatal(err)
	}
	b := &sandbox{dir: t.TempDir()}
	b.env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "PATH="+bin+":"+os.Getenv("PATH"), "USHER="+usher, "STATE="+state)
	copySources := `cd .. && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' f; do
		if [ -f "$f" ]; then printf '%s\0' "$f"; fi; done | tar --create --null --files-from - | tar --extract --directory "$0"`
	if out, err := exec.Command("bash", "-euo", "pipefail", "-c", copySources, b.dir).CombinedOutput(); err != nil {
		t.Fatalf("copy the sources: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := b.run("stop-usher"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	return b
}

// run runs a script of bash and returns what it wrote. The first command that fails ends it.
func (b *sandbox) run(script string) (string, error) {
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = b.dir, b.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// validate has usher check a configuration file. Variables that it names without a default get a value from here on.
func (b *sandbox) validate(file string) (string, error) {
	for _, name := range variable.FindAllStringSubmatch(file, -1) {
		b.env = append(b.env, name[1]+"="+strings.Repeat("0123456789abcdef", 4))
	}
	if err := os.WriteFile(filepath.Join(b.dir, "usher.yaml"), []byte(file), 0o600); err != nil {
		return "", err
	}
	return b.run("usher validate -c usher.yaml")
}

func TestBlocksAreFoundInMarkdown(t *testing.T) {
	got := blocks("# Title\n```sh\nusher version\n```\ntext\n\n  ```yaml fragment\n  a: 1\n  ```\n``` \nplain\n```\n")
	want := []block{{3, "sh", "usher version\n"}, {8, "yaml fragment", "  a: 1\n"}, {11, "", "plain\n"}}
	if len(got) != len(want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}
