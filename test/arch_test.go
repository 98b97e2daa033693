package test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// drivers lists every module beside the standard library that is shipped, and the packages that may import it. net/http is listed because
// HTTP stops at its planes: what lies below them knows no http.Request.
var drivers = map[string][]string{
	"github.com/gorilla/securecookie":     {"affinity"},
	"github.com/prometheus/client_golang": {"metrics"},
	"github.com/prometheus/client_model":  {"metrics"},
	"github.com/spf13/cobra":              {"cmd/usher"},
	"golang.org/x/sys":                    {"accesslog", "cmd/usher", "listen"}, // the kernel: log files, terminals, sockets
	"gopkg.in/yaml.v3":                    {"config"},
	"net/http":                            {"admin", "demo", "metrics", "proxy/std"},
}

// sideways lists the imports that do not lead downward, "from to", each with the reason.
var sideways = map[string]string{
	"proxy/h1 proxy/field": "what is read from the wire is a field section, and neither knows anything above",
}

// oversized lists what is longer than a file or function may be, "file" or "file function", each with the reason.
var oversized = map[string]string{}

// The most lines that are shipped in one piece. Tests are tables and stories, and are not measured.
const (
	longestFunction = 60
	longestFile     = 400
)

// TestTheHouseStands holds the sources against ARCHITECTURE.md, whose table says which floor each package is on.
func TestTheHouseStands(t *testing.T) {
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	h, err := readHouse(os.DirFS(".."), floorsOf(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, breach := range h.breaches() {
		t.Error(breach)
	}
}

var floorRow = regexp.MustCompile("(?m)^\\| ([0-9]) \\| `([a-z0-9/]+)` \\| \\S")

// floorsOf reads the table of floors: a row holds the number, the package and what it is.
func floorsOf(markdown string) map[string]int {
	floors := map[string]int{}
	for _, row := range floorRow.FindAllStringSubmatch(markdown, -1) {
		floors[row[2]] = int(row[1][0] - '0')
	}
	return floors
}

// house is the sources as the rules see them.
type house struct {
	files  []source
	floors map[string]int // by the package's directory
}

// source is a Go file.
type source struct {
	name, dir string
	test      bool
	lines     int
	imports   []string
	functions map[string]int // lines of each, by name
	pkg       string
}

// readHouse parses every Go file of the module, whatever it is built for.
func readHouse(fsys fs.FS, floors map[string]int) (*house, error) {
	h := &house{floors: floors}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"node_modules", "testdata"}, d.Name())):
			return fs.SkipDir
		case d.IsDir() && name != ".":
			if _, err := fs.Stat(fsys, path.Join(name, "go.mod")); err == nil {
				return fs.SkipDir // a module of its own
			}
		case strings.HasSuffix(name, ".go"):
			f, err := readSource(fsys, name)
			h.files = append(h.files, f)
			return err
		}
		return nil
	})
	return h, err
}

func readSource(fsys fs.FS, name string) (source, error) {
	s := source{name: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), functions: map[string]int{}}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return s, err
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if err != nil {
		return s, err
	}
	s.pkg, s.lines = f.Name.Name, strings.Count(string(text), "\n")
	for _, i := range f.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return s, err
		}
		s.imports = append(s.imports, imported)
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1
			s.functions[fn.Name.Name] = max(n, s.functions[fn.Name.Name]) // methods may share a name
		}
	}
	return s, nil
}

// breaches returns where the sources break a rule, in order.
func (h *house) breaches() []string {
	var all []string
	seen := map[string]bool{}
	for _, f := range h.files {
		seen[f.dir] = true
		for _, rule := range []func(source) []string{h.listed, h.named, h.downward, h.driven, h.short} {
			all = append(all, rule(f)...)
		}
	}
	for dir := range h.floors {
		if !seen[dir] {
			all = append(all, fmt.Sprintf("ARCHITECTURE.md: the table of floors has %s, which is no package", dir))
		}
	}
	slices.SortFunc(all, cmp.Compare[string])
	return slices.Compact(all)
}

// outside says whether the directory is on no floor: what it holds drives the built binary, and is not shipped.
func outside(dir string) bool {
	first, _, _ := strings.Cut(dir, "/")
	return first == "test" || first == "bench"
}

// listed wants a floor for every package.
func (h *house) listed(f source) []string {
	if _, ok := h.floors[f.dir]; ok || outside(f.dir) {
		return nil
	}
	return []string{fmt.Sprintf("%s: the package has no row in the table of floors of ARCHITECTURE.md", f.dir)}
}

// named refuses names that say nothing.
func (h *house) named(f source) []string {
	for _, name := range []string{path.Base(f.dir), strings.TrimSuffix(f.pkg, "_test")} {
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "base", "manager", "types"}, name) {
			return []string{fmt.Sprintf("%s: %s says nothing of what is in the package", f.dir, name)}
		}
	}
	return nil
}

// downward wants imports of the module to lead to a lower floor, those of tests included.
func (h *house) downward(f source) (breaches []string) {
	for _, i := range f.imports {
		to, ok := strings.CutPrefix(i, "usher/")
		if !ok || to == f.dir {
			continue
		}
		from, known := h.floors[f.dir]
		if _, allowed := sideways[f.dir+" "+to]; known && from <= h.floors[to] && !allowed {
			breaches = append(breaches, fmt.Sprintf("%s: %s, on floor %d, imports %s, on floor %d", f.name, f.dir, from, to, h.floors[to]))
		}
	}
	return breaches
}

// driven wants what is not the module's own to be imported where its driver lives alone. Tests may use what they like, within go.mod.
func (h *house) driven(f source) (breaches []string) {
	for _, i := range f.imports {
		module, rooms := driverOf(i)
		if !f.test && module != "" && !slices.Contains(rooms, f.dir) {
			breaches = append(breaches, fmt.Sprintf("%s: %s may be imported by %s alone", f.name, i, cmp.Or(strings.Join(rooms, ", "), "nobody")))
		}
	}
	return breaches
}

// driverOf returns the entry of drivers that the import is part of, or the import itself if it is foreign and has none.
func driverOf(imported string) (module string, rooms []string) {
	for module, rooms := range drivers {
		if imported == module || strings.HasPrefix(imported, module+"/") {
			return module, rooms
		}
	}
	if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
		return imported, nil
	}
	return "", nil
}

// short wants files and functions that can be read in one go.
func (h *house) short(f source) (breaches []string) {
	if f.test {
		return nil
	}
	if _, allowed := oversized[f.name]; f.lines > longestFile && !allowed {
		breaches = append(breaches, fmt.Sprintf("%s: %d lines, and a file has at most %d", f.name, f.lines, longestFile))
	}
	for _, name := range slices.Sorted(maps.Keys(f.functions)) {
		if _, allowed := oversized[f.name+" "+name]; f.functions[name] > longestFunction && !allowed {
			breaches = append(breaches, fmt.Sprintf("%s: %s has %d lines, and a function at most %d", f.name, name, f.functions[name], longestFunction))
		}
	}
	return breaches
}

// TestABreachOfTheHouseIsFound builds a house that breaks each rule once.
func TestABreachOfTheHouseIsFound(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	fsys := fstest.MapFS{
		"conf/conf.go":                file("package conf\n\nimport \"usher/proxy\"\n"),
		"proxy/proxy.go":              file("package proxy\n\nimport (\n\t_ \"usher/conf\"\n\t_ \"usher/proxy/std\"\n\t_ \"net/http/httptrace\"\n)\n"),
		"proxy/std/std.go":            file("package std\n\nimport (\n\t_ \"usher/listen\"\n\t_ \"usher/proxy\"\n\t_ \"net/http\"\n)\n"),
		"listen/listen.go":            file("package listen\n\nimport _ \"gopkg.in/yaml.v3\"\n"),
		"listen/listen_test.go":       file("package listen_test\n\nimport (\n\t_ \"usher/listen\"\n\t_ \"go.uber.org/goleak\"\n\t_ \"usher/proxy/std\"\n)\n"),
		"listen/other_windows.go":     file("package listen\n\nimport _ \"github.com/somebody/something\"\n"),
		"listen/long.go":              file("package listen\n\nfunc long() {" + strings.Repeat("\n", 60) + "}\n"),
		"listen/longer.go":            file("package listen\n" + strings.Repeat("\n", 400)),
		"proxy/util/util.go":          file("package util\n"),
		"tools/go.mod":                file("module tools\n"),
		"tools/tools.go":              file("package util\n\nimport _ \"github.com/somebody/something\"\n"),
		"test/usher_test.go":          file("package test\n\nimport _ \"usher/proxy\"\n"),
		"bench/load/load.go":          file("package load\n"),
		"benchmark/load.go":           file("package benchmark\n"),
		"config/testdata/broken.go":   file("not Go"),
		"test/apps/node_modules/a.go": file("not Go"),
	}
	floors := floorsOf("| floor | package |\n| 0 | `conf` | settings |\n| 3 | `proxy` | HTTP |\n| 4 | `proxy/std` | a plane |\n| 4 | `listen` | sockets |\n| 9 | `gone` | was here |\n")
	h, err := readHouse(fsys, floors)
	if err != nil {
		t.Fatal(err)
	}
	got, want := h.breaches(), []string{
		"ARCHITECTURE.md: the table of floors has gone, which is no package",
		"benchmark: the package has no row in the table of floors of ARCHITECTURE.md",
		"conf/conf.go: conf, on floor 0, imports proxy, on floor 3",
		"listen/listen.go: gopkg.in/yaml.v3 may be imported by config alone",
		"listen/listen_test.go: listen, on floor 4, imports proxy/std, on floor 4",
		"listen/long.go: long has 61 lines, and a function at most 60",
		"listen/longer.go: 401 lines, and a file has at most 400",
		"listen/other_windows.go: github.com/somebody/something may be imported by nobody alone",
		"proxy/proxy.go: net/http/httptrace may be imported by admin, demo, metrics, proxy/std alone",
		"proxy/proxy.go: proxy, on floor 3, imports proxy/std, on floor 4",
		"proxy/std/std.go: proxy/std, on floor 4, imports listen, on floor 4",
		"proxy/util: the package has no row in the table of floors of ARCHITECTURE.md",
		"proxy/util: util says nothing of what is in the package",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
