package test

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// dockerfile is the part of the Dockerfile that says what the image does.
type dockerfile struct {
	text, final                      string // all of it, and its last stage
	user, dir                        string
	entrypoint, cmd, health, goBuild []string
	configuration                    string
}

func readDockerfile(t *testing.T) dockerfile {
	t.Helper()
	raw, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	d := dockerfile{text: text, final: text[strings.LastIndex(text, "\nFROM "):]}
	find := func(expr string) string {
		m := regexp.MustCompile(expr).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("the Dockerfile has nothing like %s", expr)
		}
		return m[1]
	}
	list := func(expr string) (words []string) {
		if err := json.Unmarshal([]byte(find(expr)), &words); err != nil {
			t.Fatal(err)
		}
		return words
	}
	d.user, d.dir = find(`(?m)^USER (\S+)$`), find(`(?ms)^FROM scratch.*^WORKDIR (\S+)$`)
	d.entrypoint, d.cmd = list(`(?m)^ENTRYPOINT (\[.*\])$`), list(`(?m)^CMD (\[.*\])$`)
	d.health = list(`(?m)^HEALTHCHECK .*CMD (\[.*\])$`)
	d.goBuild = strings.Fields(find(`go build (.*) -ldflags`))
	d.configuration = find(`(?s)\nCOPY <<'EOF' /etc/usher/usher\.yaml\n(.*?)\nEOF\n`)
	return d
}

// TestTheImageRunsWithoutPrivileges builds what the Dockerfile builds, and as root on Linux runs it as the image would: in a tree that holds
// nothing else, as the image's user.
func TestTheImageRunsWithoutPrivileges(t *testing.T) {
	d := readDockerfile(t)
	if strings.Contains(strings.ToLower(d.text), "setcap") {
		t.Error("the Dockerfile gives the binary capabilities")
	}
	if !strings.HasPrefix(d.final, "\nFROM scratch\n") {
		t.Errorf("the last stage begins with %.40q, want an empty image", d.final)
	}
	if d.user != "65532:65532" || strings.Count(d.final, "\nUSER ") != 1 {
		t.Errorf("the image's user is %q, want 65532:65532, once", d.user)
	}
	root := t.TempDir()
	tree := imageTree(t, root, d)
	if runtime.GOOS != "linux" {
		return
	}
	isStatic(t, tree)
	if os.Geteuid() == 0 {
		runImage(t, root, d)
	}
}

// imageTree lays out the image's files under root and returns the path of the binary there.
func imageTree(t *testing.T, root string, d dockerfile) (bin string) {
	t.Helper()
	bin = filepath.Join(root, d.entrypoint[0])
	args := append(append([]string{"build"}, d.goBuild...), "-ldflags", "-s -w -X main.version=1.2.3", "-o", bin, "usher/cmd/usher")
	build := exec.Command("go", args...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if !strings.Contains(d.text, "CGO_ENABLED=0 ") {
		t.Error("the Dockerfile does not turn cgo off")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, dir := range []string{"etc/usher", "var/lib/usher"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/usher/usher.yaml"), []byte(d.configuration), 0o644); err != nil {
		t.Fatal(err)
	}
	return bin
}

// isStatic wants a binary that asks for no loader and no shared library.
func isStatic(t *testing.T, bin string) {
	t.Helper()
	f, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) > 0 {
		t.Errorf("the binary needs %v, %v", libraries, err)
	}
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the binary asks for a loader")
	}
}

// runImage runs entry point, command and health check of the image below root, on free ports and without privileges.
func runImage(t *testing.T, root string, d dockerfile) {
	t.Helper()
	need(t, "unshare")
	if err := os.Chown(filepath.Join(root, "var/lib/usher"), 65532, 65532); err != nil {
		t.Fatal(err)
	}
	version := inImage(t, root, d, append(slices.Clone(d.entrypoint), "version"))
	version.wait(t)
	if got := version.tail(1); !strings.HasPrefix(got, "usher 1.2.3 ") {
		t.Errorf("usher version says %q, want the version that was built", got)
	}
	validate := inImage(t, root, d, append(slices.Clone(d.entrypoint), "validate", "--strict", "-c", imageFile))
	if code := validate.wait(t); code != 0 {
		t.Errorf("the image's configuration is not valid:\n%s", validate.tail(20))
	}

	free := strings.Replace(d.configuration, "listen: :8080\n", "listen: 127.0.0.1:0\nadmin: {listen: \"127.0.0.1:0\"}\n", 1)
	if err := os.WriteFile(filepath.Join(root, imageFile), []byte(free+stickyRoute), 0o644); err != nil {
		t.Fatal(err)
	}
	u := &usher{process: inImage(t, root, d, append(slices.Clone(d.entrypoint), d.cmd...))}
	u.url = "http://" + u.awaitLog(t, 0, "listening").Address
	u.admin = "http://" + u.awaitLog(t, 0, "admin listening").Address
	u.awaitLog(t, 0, "ready")
	hasNoPrivileges(t, u.cmd.Process.Pid)
	isUnconfigured(t, u.url)
	if health := inImage(t, root, d, append(slices.Clone(d.health), "--admin", u.admin)); health.wait(t) != 0 {
		t.Errorf("the health check fails:\n%s", health.tail(20))
	}
	if _, err := os.Stat(filepath.Join(root, "var/lib/usher/usher-data/affinity.secret")); err != nil {
		t.Errorf("the generated secret is not in the volume: %v", err)
	}
	u.stop(t)
	if health := inImage(t, root, d, append(slices.Clone(d.health), "--admin", u.admin)); health.wait(t) == 0 {
		t.Error("the health check of a stopped usher succeeds")
	}
}

const imageFile = "/etc/usher/usher.yaml"

// stickyRoute makes a secret necessary.
const stickyRoute = `
  - {name: sticky, match: {path: [/sticky]}, pool: web}
pools: {web: {policy: sticky-cookie, backends: [127.0.0.1:3001]}}
`

// inImage runs a command of the image as the image's user, in its working directory.
func inImage(t *testing.T, root string, d dockerfile, command []string) *process {
	t.Helper()
	uid, gid, _ := strings.Cut(d.user, ":")
	args := append([]string{"--root=" + root, "--wd=" + d.dir, "--setuid=" + uid, "--setgid=" + gid}, command...)
	return spawn(t, "", nil, "unshare", args...)
}

// hasNoPrivileges wants the process to run as the image's user and with no capability.
func hasNoPrivileges(t *testing.T, pid int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`(?m)^Uid:(\s65532){4}$`, `(?m)^Gid:(\s65532){4}$`, `(?m)^Groups:\s*$`, `(?m)^CapPrm:\s0+$`, `(?m)^CapEff:\s0+$`} {
		if !regexp.MustCompile(want).Match(status) {
			t.Errorf("the process does not have %s:\n%s", want, status)
		}
	}
}

// isUnconfigured wants the answer of the configuration that the image comes with.
func isUnconfigured(t *testing.T, url string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "mount one at "+imageFile) {
		t.Errorf("without a configuration: got %s %q, %v", resp.Status, body, err)
	}
}
