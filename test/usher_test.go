// Package test tests the built binary from outside, with real applications behind it and real clients in front.
package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "usher-test-")
	if err != nil {
		panic(err)
	}
	builds = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

var (
	builds  string // directory of the binaries that this run has built
	shipped = sync.OnceValues(func() (string, error) { return build("usher") })
	checked = sync.OnceValues(func() (string, error) { return build("usher-race", "-race") })
)

// build builds usher, with the tags in USHER_TAGS, unless USHER_BINARY names one to test in its place.
func build(name string, flags ...string) (string, error) {
	if file := os.Getenv("USHER_BINARY"); file != "" {
		return file, nil
	}
	file := filepath.Join(builds, name)
	args := append([]string{"build", "-tags", os.Getenv("USHER_TAGS"), "-o", file}, flags...)
	if out, err := exec.Command("go", append(args, "usher/cmd/usher")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build usher: %w\n%s", err, out)
	}
	return file, nil
}

// binary returns the path of usher, built with the race detector when the tests are.
func binary(t *testing.T) string {
	t.Helper()
	if raced {
		return built(t, checked)
	}
	return plainBinary(t)
}

// plainBinary returns the path of usher as it is shipped.
func plainBinary(t *testing.T) string {
	t.Helper()
	return built(t, shipped)
}

func built(t *testing.T, f func() (string, error)) string {
	t.Helper()
	file, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// usher is a running proxy.
type usher struct {
	*process
	file  string // its configuration
	head  string // what begins it
	url   string // of the listener main, without a slash at the end
	admin string // of the admin API, likewise
}

// head begins every configuration file of these tests.
const head = `listeners: {main: {address: "127.0.0.1:0"}}
admin: {listen: "127.0.0.1:0"}
logging: {format: json, access: {enabled: false}}
`

// start runs usher with head and the rest of a configuration file. When the test ends it is stopped and must have had a clean life.
func start(t *testing.T, rest string) *usher { return startBinary(t, binary(t), rest) }

func startBinary(t *testing.T, bin, rest string) *usher {
	t.Helper()
	return startHead(t, bin, head, rest)
}

// startHead is startBinary with another beginning of the file, which must have a listener main, and with more flags.
func startHead(t *testing.T, bin, head, rest string, flags ...string) *usher {
	t.Helper()
	dir := t.TempDir()
	u := &usher{file: filepath.Join(dir, "usher.yaml"), head: head}
	u.write(t, rest)
	u.process = spawn(t, dir, nil, bin, append([]string{"run", "-c", u.file}, flags...)...)
	u.url = "http://" + u.awaitLog(t, 0, "listening").Address
	u.admin = "http://" + u.awaitLog(t, 0, "admin listening").Address
	t.Cleanup(func() { u.stop(t) })
	return u
}

// logLine is the part of a log message that the tests look at.
type logLine struct{ Msg, Listener, Address string }

// awaitLog waits for a message, from the from-th line on.
func (u *usher) awaitLog(t *testing.T, from int, msgs ...string) logLine {
	t.Helper()
	var found logLine
	u.await(t, from, "a log message "+strings.Join(msgs, " or "), func(line string) bool {
		var l logLine
		if json.Unmarshal([]byte(line), &l) != nil {
			return false
		}
		for _, msg := range msgs {
			if l.Msg == msg {
				found = l
				return true
			}
		}
		return false
	})
	return found
}

// write writes the configuration, with the engine in USHER_ENGINE for every listener.
func (u *usher) write(t *testing.T, rest string) {
	t.Helper()
	head := u.head
	if engine := os.Getenv("USHER_ENGINE"); engine != "" {
		head = strings.ReplaceAll(head, "{address:", "{engine: "+engine+", address:")
	}
	if err := os.WriteFile(u.file, []byte(head+rest), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload has usher read a changed file, which it must accept.
func (u *usher) reload(t *testing.T, rest string) {
	t.Helper()
	if said, ok := u.tryReload(t, rest); !ok {
		t.Fatalf("the reload was refused:\n%s", said)
	}
}

// tryReload has usher read a changed file and returns what it wrote about that, and whether it took the file.
func (u *usher) tryReload(t *testing.T, rest string) (said string, ok bool) {
	t.Helper()
	from := u.count()
	u.write(t, rest)
	u.signal(t, syscall.SIGHUP)
	msg := u.awaitLog(t, from, "reloaded", "reload refused").Msg
	all, _ := u.from(from)
	return strings.Join(all, "\n"), msg == "reloaded"
}

// stop ends usher gracefully, unless it has ended, and checks that its exit code is 0. A data race found on the way makes it another.
func (u *usher) stop(t *testing.T) {
	t.Helper()
	select {
	case <-u.ended:
	default:
		u.signal(t, syscall.SIGTERM)
	}
	if code := u.wait(t); code != 0 {
		t.Errorf("usher ended with exit code %d", code)
	}
}

// metric reads a metric: its value for each set of labels, as they are written between the braces.
func (u *usher) metric(t *testing.T, name string) map[string]float64 {
	t.Helper()
	return samples(u.scrape(t), name)
}

// scrape reads all metrics, in the Prometheus text format.
func (u *usher) scrape(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(u.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("scrape: %s, %v", resp.Status, err)
	}
	return string(text)
}

// samples picks one metric from the Prometheus text format.
func samples(text, name string) map[string]float64 {
	found := map[string]float64{}
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
		if !ok || rest == "" || (rest[0] != '{' && rest[0] != ' ') {
			continue
		}
		end := strings.LastIndexByte(rest, ' ')
		if v, err := strconv.ParseFloat(rest[end+1:], 64); err == nil {
			found[strings.Trim(strings.TrimSpace(rest[:end]), "{}")] = v
		}
	}
	return found
}

func TestSamplesAreReadByNameAndLabels(t *testing.T) {
	got := samples("# HELP up x\nup{a=\"1\",b=\"2\"} 3\nup{a=\"2\"} 0.5\nup_more 7\nalone 1\n", "up")
	if len(got) != 2 || got[`a="1",b="2"`] != 3 || got[`a="2"`] != 0.5 {
		t.Errorf("got %v", got)
	}
	if got := samples("alone 1\n", "alone"); got[""] != 1 {
		t.Errorf("without labels: got %v", got)
	}
}
