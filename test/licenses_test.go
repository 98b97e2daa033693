package test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write THIRD_PARTY_LICENSES anew")

// TestThirdPartyLicensesAreThoseOfTheBinary holds THIRD_PARTY_LICENSES against the modules that usher is linked from, on every platform. After
// a change of modules: go test ./test -run TestThirdPartyLicenses -update
func TestThirdPartyLicensesAreThoseOfTheBinary(t *testing.T) {
	const file = "../THIRD_PARTY_LICENSES"
	texts := map[string]map[string]bool{} // license texts, and what each covers
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, line := range strings.Fields(goList(t, goos)) {
			name, root, dir := split3(line)
			addLicenses(t, texts, name, root, dir)
		}
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	std := strings.TrimSpace(string(goroot))
	addLicenses(t, texts, "the Go standard library", std, std)

	want := licenseFile(texts)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("THIRD_PARTY_LICENSES is not that of the modules in use: go test ./test -run TestThirdPartyLicenses -update")
	}
}

// goList returns a word for each foreign package that usher is linked from: module@version, module's directory and package's directory,
// separated by |.
func goList(t *testing.T, goos string) string {
	t.Helper()
	const format = `{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}}|{{.Dir}}|{{$.Dir}}{{end}}{{end}}`
	cmd := exec.Command("go", "list", "-deps", "-f", format, "usher/cmd/usher")
	cmd.Env = append(os.Environ(), "GOOS="+goos)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func split3(s string) (a, b, c string) {
	a, rest, _ := strings.Cut(s, "|")
	b, c, _ = strings.Cut(rest, "|")
	return a, b, c
}

var licenseName = regexp.MustCompile(`^(LICEN[CS]E|NOTICE|PATENTS|COPYING)`)

// addLicenses notes the licenses in dir and in the directories around it, up to root.
func addLicenses(t *testing.T, texts map[string]map[string]bool, name, root, dir string) {
	t.Helper()
	found := false
	for ; strings.HasPrefix(dir, root); dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !licenseName.MatchString(e.Name()) || e.IsDir() {
				continue
			}
			raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			text := strings.TrimSpace(strings.ReplaceAll(string(raw), "\r\n", "\n"))
			if texts[text] == nil {
				texts[text] = map[string]bool{}
			}
			texts[text][name] = true
			found = true
		}
	}
	if !found {
		t.Errorf("%s: no license", name)
	}
}

// licenseFile puts each text once, under the names of what it covers.
func licenseFile(texts map[string]map[string]bool) string {
	var parts []string
	for text, covered := range texts {
		parts = append(parts, fmt.Sprintf("%s\n\n%s\n", strings.Join(slices.Sorted(maps.Keys(covered)), "\n"), text))
	}
	slices.Sort(parts)
	rule := strings.Repeat("=", 80) + "\n"
	return "The binary usher is linked from the software below, besides its own, on one platform or another.\nEach text is that of what is named above it.\n\n" +
		rule + strings.Join(parts, "\n"+rule)
}
