package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// logged returns the lines of an access log, each of which must be whole.
func logged(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(text) {
		if !json.Valid(line) {
			t.Fatalf("%s, line %d: %q", filepath.Base(file), n+1, line)
		}
		n++
	}
	return n
}

// size is the size of a file in bytes, 0 if there is none.
func size(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

func TestSIGUSR1OpensTheAccessLogAgainAndLosesNoLine(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access.log")
	head := fmt.Sprintf(`listeners: {main: {address: "127.0.0.1:0"}}
admin: {listen: "127.0.0.1:0"}
logging: {format: json, access: {output: %q}}
`, log)
	u := startHead(t, binary(t), head, fmt.Sprintf("routes: [{pool: web}]\npools: {web: {backends: [%q]}}\n", echoServer(t)))
	tr := load(t, u.url, 4)
	const rotations = 3
	for i := range rotations {
		eventually(t, "lines are written", func() bool { return size(log) > 10_000 })
		if err := os.Rename(log, fmt.Sprintf("%s.%d", log, i)); err != nil {
			t.Fatal(err)
		}
		from := u.count()
		u.signal(t, syscall.SIGUSR1)
		u.awaitLog(t, from, "opened the log files again")
		was := size(fmt.Sprintf("%s.%d", log, i))
		eventually(t, "lines are written to the new file", func() bool { return size(log) > 10_000 })
		if now := size(fmt.Sprintf("%s.%d", log, i)); now != was {
			t.Errorf("file %d has grown from %d to %d bytes after it was left", i, was, now)
		}
	}
	answered := tr.stop()
	u.stop(t)
	lines := logged(t, log)
	for i := range rotations {
		lines += logged(t, fmt.Sprintf("%s.%d", log, i))
	}
	if int64(lines) != answered {
		t.Errorf("%d requests were answered, and %d lines were logged", answered, lines)
	}
}

// says is a file whose only route answers with a word.
func says(word string) string {
	return fmt.Sprintf("routes: [{respond: {status: 200, body: %q}}]\n", word)
}

// get returns the body of an answer.
func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAWatchedFileIsReadAgainWhenItChanges(t *testing.T) {
	u := startHead(t, binary(t), head, says("one"), "--watch")
	for i, step := range []struct{ file, log, answer string }{
		{says("two"), "reloaded", "two"},
		{"routes: [{respnd: {}}]\n", "reload refused", "two"},
		{says("three"), "reloaded", "three"},
	} {
		from := u.count()
		u.write(t, step.file)
		u.awaitLog(t, from, step.log)
		if got := get(t, u.url); got != step.answer {
			t.Errorf("step %d: got %q, want %q", i+1, got, step.answer)
		}
	}
}

// taken is an address that somebody else listens on until free is called.
func taken(t *testing.T) (address string, free func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), func() { l.Close() }
}

func TestAStartOnATakenPortEndsInOneLine(t *testing.T) {
	address, _ := taken(t)
	for name, file := range map[string]string{
		"listener": fmt.Sprintf("listeners: {main: {address: %q}}\nadmin: {listen: \"127.0.0.1:0\"}\n", address),
		"admin":    fmt.Sprintf("listeners: {main: {address: \"127.0.0.1:0\"}}\nadmin: {listen: %q}\n", address),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "usher.yaml")
			if err := os.WriteFile(path, []byte(file+"logging: {format: json}\n"+says("one")), 0o600); err != nil {
				t.Fatal(err)
			}
			p := spawn(t, dir, nil, binary(t), "run", "-c", path)
			if code := p.wait(t); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			var plain []string
			all, _ := p.from(0)
			for _, line := range all {
				if !json.Valid([]byte(line)) {
					plain = append(plain, line)
				}
			}
			if len(plain) != 1 || !strings.HasPrefix(plain[0], "usher: ") || !strings.Contains(plain[0], address) || !strings.Contains(plain[0], "in use") {
				t.Errorf("beside the log: got %q, want one line that names %s", plain, address)
			}
		})
	}
}

func TestAReloadOntoATakenPortLeavesTheServerServing(t *testing.T) {
	address, free := taken(t)
	u := start(t, says("one"))
	before := u.head
	u.head = strings.Replace(before, "}}\n", fmt.Sprintf("}, other: {address: %q}}\n", address), 1)
	said, ok := u.tryReload(t, says("two"))
	if ok || !strings.Contains(said, address) {
		t.Errorf("taken, or refused without the address:\n%s", said)
	}
	if got := get(t, u.url); got != "one" {
		t.Errorf("after the refusal: got %q, want one", got)
	}
	free()
	u.reload(t, says("two"))
	for _, url := range []string{u.url, "http://" + address} {
		if got := get(t, url); got != "two" {
			t.Errorf("%s after the port was free: got %q, want two", url, got)
		}
	}
}

func TestCompletionPrintsAScriptForEachShell(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		p := spawn(t, t.TempDir(), nil, plainBinary(t), "completion", shell)
		if code := p.wait(t); code != 0 || p.count() < 20 || !strings.Contains(p.tail(p.count()), "usher") {
			t.Errorf("%s: exit code %d, %d lines", shell, code, p.count())
		}
	}
}
