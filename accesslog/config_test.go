package accesslog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOutputIsSomewhereToWriteTo(t *testing.T) {
	for output, ok := range map[string]bool{
		"stdout": true, "stderr": true, "/var/log/usher.log": true, "access.log": true, "": false, " ": false, "/var/log/": false, "a\nb": false,
	} {
		if got := len(Config{Output: output}.Validate()) == 0; got != ok {
			t.Errorf("%q: accepted %v, want %v", output, got, ok)
		}
	}
}

func TestAFileIsInADirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "access.log")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for output, want := range map[string]string{
		"access.log":                      "",
		os.DevNull:                        "",
		file:                              "",
		file + ".new":                     "",
		dir:                               dir + " is a directory",
		filepath.Join(dir, "gone", "log"): "the directory " + filepath.Join(dir, "gone") + " does not exist",
		filepath.Join(file, "log"):        file + " is not a directory",
		filepath.Join(file, "a", "log"):   filepath.Join(file, "a") + " is not a directory",
	} {
		ps := to(output).Validate()
		if want == "" {
			if len(ps) != 0 {
				t.Errorf("%s: got %q", output, ps[0].Text)
			}
			continue
		}
		if len(ps) != 1 || ps[0].Path != "output" || ps[0].Text != want || ps[0].Hint == "" {
			t.Errorf("%s: got %v, want %q", output, ps, want)
		}
		if off := (Config{Output: output}); len(off.Validate()) != 0 {
			t.Errorf("%s: refused, though the log is off", output)
		}
		if _, err := New(to(output), nil); err == nil || !strings.HasPrefix(err.Error(), "open access log: "+want+": ") {
			t.Errorf("%s: got %v when it was opened", output, err)
		}
	}
}
