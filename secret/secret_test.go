package secret

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const name = "affinity.secret"

func TestASecretIsMadeOnceAndThenRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "data")
	first, origin, err := Generated(dir, name, 32)
	if err != nil || origin != Made || len(first) != 64 {
		t.Fatalf("got %d digits, origin %d, %v; want 64, made, nil", len(first), origin, err)
	}
	second, origin, err := Generated(dir, name, 32)
	if err != nil || origin != Read || second != first {
		t.Errorf("got the same %v, origin %d, %v; want true, read, nil", second == first, origin, err)
	}
	other, _, err := Generated(dir, "another", 32)
	if err != nil || other == first {
		t.Errorf("another name gives the same secret %v, %v; want false, nil", other == first, err)
	}
}

func TestFilesOfASecretAreForTheirOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if _, _, err := Generated(dir, name, 32); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, name): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got mode %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v; want the secret's file alone", entries, err)
	}
}

func TestProcessesThatStartAtOnceAgreeOnOneSecret(t *testing.T) {
	for range 20 {
		dir := filepath.Join(t.TempDir(), "data")
		const processes = 8
		var values [processes]string
		var origins [processes]Origin
		start := make(chan struct{})
		var all sync.WaitGroup
		for i := range processes {
			all.Go(func() {
				<-start
				var err error
				if values[i], origins[i], err = Generated(dir, name, 32); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		made := 0
		for i, v := range values {
			if v != values[0] {
				t.Fatal("two processes have different secrets")
			}
			if origins[i] == Made {
				made++
			}
		}
		if made != 1 {
			t.Fatalf("%d processes say that they made the secret, want 1", made)
		}
	}
}

func TestWhoeverIsLateTakesTheSecretThatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), name)
	theirs := strings.Repeat("ab", 32)
	if err := os.WriteFile(path, []byte(theirs+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, origin, err := generate(path, 32) // as after a look that found nothing
	if got != theirs || origin != Read || err != nil {
		t.Errorf("got the one there %v, origin %d, %v; want true, read, nil", got == theirs, origin, err)
	}
}

func TestASecretThatCannotBeKeptIsUsableAndSaysSo(t *testing.T) {
	tmp := t.TempDir()
	dangling := filepath.Join(tmp, "dangling")
	if err := os.Symlink(filepath.Join(tmp, "no", "where"), dangling); err != nil {
		t.Skip(err)
	}
	readOnly := filepath.Join(tmp, "read-only")
	if err := os.Mkdir(readOnly, 0o500); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ what, dir, name string }{
		{"a directory that cannot be made", dangling, name},
		{"a file that cannot be made", tmp, strings.Repeat("n", 250)}, // a temporary name is longer, and beyond what a name may have
		{"a read-only directory", readOnly, name},
	} {
		if tt.dir == readOnly && os.Geteuid() == 0 {
			continue // root writes anywhere
		}
		first, origin, err := Generated(tt.dir, tt.name, 32)
		if !errors.Is(err, ErrNotKept) || len(first) != 64 || origin != Made {
			t.Errorf("%s: got %d digits, origin %d, %v; want 64, made, ErrNotKept", tt.what, len(first), origin, err)
			continue
		}
		if second, _, _ := Generated(tt.dir, tt.name, 32); second == first {
			t.Errorf("%s: the secret was kept after all", tt.what)
		}
	}
}

func TestAFileThatHoldsNoSecretIsAnErrorAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	for what, content := range map[string]string{
		"empty": "", "a line end": "\n", "short": strings.Repeat("ab", 31), "odd": strings.Repeat("a", 65),
		"not hexadecimal": strings.Repeat("xy", 32), "two lines": strings.Repeat("ab", 32) + "\n" + strings.Repeat("ab", 32),
		"endless": strings.Repeat("ab", 32) + strings.Repeat(" ", maxFile) + "x",
	} {
		path := filepath.Join(dir, what)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, origin, err := Generated(dir, what, 32)
		if err == nil || errors.Is(err, ErrNotKept) || got != "" || origin != 0 {
			t.Errorf("%s: got %q, origin %d, %v; want an error alone", what, got, origin, err)
		}
		if after, _ := os.ReadFile(path); string(after) != content {
			t.Errorf("%s: the file was written to", what)
		}
		if shown := strings.TrimSpace(content); err != nil && shown != "" && strings.Contains(err.Error(), shown) {
			t.Errorf("%s: the error shows the content: %v", what, err)
		}
	}
}

func TestAPathThatCannotBeReadIsAnErrorWithoutASecret(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ dir, name string }{{file, name}, {dir, "directory"}} {
		if got, _, err := Generated(tt.dir, tt.name, 32); err == nil || errors.Is(err, ErrNotKept) || got != "" {
			t.Errorf("%s/%s: got %q, %v; want an error alone", tt.dir, tt.name, got, err)
		}
	}
}

func TestASecretThatOthersCanReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	dir := t.TempDir()
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o666} {
		path := filepath.Join(dir, mode.String())
		if err := os.WriteFile(path, []byte(strings.Repeat("ab", 32)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if got, _, err := Generated(dir, mode.String(), 32); err == nil || got != "" {
			t.Errorf("mode %v: got %q, nil; want an error", mode, got)
		}
	}
}

func TestNamesThatLeaveTheDirectoryAreRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for _, bad := range []string{"", ".", "..", "../x", "a/b", "/x", "a/"} {
		if got, _, err := Generated(dir, bad, 32); err == nil || got != "" {
			t.Errorf("%q: got %q, nil; want an error", bad, got)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory was made for a bad name: %v", err)
	}
}

func TestShortSecretsAreRefused(t *testing.T) {
	for _, n := range []int{-1, 0, MinBytes - 1} {
		if got, _, err := Generated(t.TempDir(), name, n); err == nil || got != "" {
			t.Errorf("%d bytes: got %q, nil; want an error", n, got)
		}
	}
}

// The expected value is test case 3 of RFC 5869, appendix A.
func TestDeriveIsHKDF(t *testing.T) {
	got := hex.EncodeToString(Derive(strings.Repeat("\x0b", 22), "", 42))
	want := "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLabelsGiveDifferentKeys(t *testing.T) {
	a, b := Derive("secret", "a", 32), Derive("secret", "b", 32)
	if string(a) == string(b) || len(a) != 32 {
		t.Errorf("got %x and %x, want two different keys of 32 bytes", a, b)
	}
}
