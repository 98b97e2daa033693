package config

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"usher/affinity"
	"usher/balancer"
)

const minimal = "listen: :8080\nbackends: [127.0.0.1:3001, 127.0.0.1:3002]\npolicy: sticky-cookie\n"

// parse returns the configuration of a text that must be valid.
func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, r := Parse("usher.yaml", []byte(text))
	if c == nil {
		t.Fatal(r.Text(false))
	}
	return c
}

func TestShortFormIsTheFullForm(t *testing.T) {
	full := parse(t, `
listeners: {main: {address: ":8080"}}
routes: [{name: default, pool: default}]
pools:
  default:
    policy: least-conn
    backends: [127.0.0.1:3001, 127.0.0.1:3002]
    affinity: {mode: cookie, cookie: {name: usher_route}}
`)
	if got := parse(t, minimal); !reflect.DeepEqual(got, full) {
		t.Errorf("got %+v, want %+v", got, full)
	}
}

func TestShortTLSIsAProfileOfTheListener(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "a")
	c := parse(t, fmt.Sprintf("%stls: {certificates: [{cert: %q, key: %q}]}\n", minimal, dir+"/a.pem", dir+"/a.key"))
	if got := c.Listeners["main"].TLS; got != "main" || len(c.TLSProfiles["main"].Certificates) != 1 {
		t.Errorf("got profile %q, %+v", got, c.TLSProfiles)
	}
}

func TestFlagsAreTheShortForm(t *testing.T) {
	c, r := FromFlags(":8080", []string{"127.0.0.1:3001", "127.0.0.1:3002"}, "sticky-cookie")
	if c == nil {
		t.Fatal(r.Text(false))
	}
	if want := parse(t, minimal); !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestFlagsAreNotExpanded(t *testing.T) {
	t.Setenv("USHER_TEST_PORT", "3001")
	if _, r := FromFlags(":8080", []string{"127.0.0.1:${USHER_TEST_PORT}"}, ""); !r.HasErrors() {
		t.Error("a variable in a flag was replaced")
	}
}

func TestProblemsWithFlagsNameTheFlag(t *testing.T) {
	c, r := FromFlags("8080", []string{":3001", "3002"}, "sticky")
	got := r.Text(false)
	for _, want := range []string{"command line (--listen)", "command line (--to 3002)", "command line (--policy)", `did you mean "sticky-cookie"?`} {
		if c != nil || !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if _, r := FromFlags(":8080", nil, ""); !strings.Contains(r.Text(false), "command line (--to)") {
		t.Errorf("got\n%s", r.Text(false))
	}
}

func TestLoadNamesTheFileThatCannotBeRead(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none.yaml"), t.TempDir()} {
		if c, r := Load(path); c != nil || !strings.Contains(r.Text(false), path) {
			t.Errorf("got %v, %s", c, r.Text(false))
		}
	}
}

func TestLoadReadsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.yaml")
	write(t, path, "\ufeff"+strings.ReplaceAll(minimal, "\n", "\r\n"))
	c, r := Load(path)
	if c == nil || !reflect.DeepEqual(c, parse(t, minimal)) {
		t.Errorf("got %+v, %s", c, r.Text(false))
	}
}

func TestLargeFilesAreRefused(t *testing.T) {
	text := minimal + strings.Repeat("#", maxBytes)
	if c, r := Parse("usher.yaml", []byte(text)); c != nil || !strings.Contains(r.Text(false), "larger than 1 MiB") {
		t.Errorf("got %v, %s", c, r.Text(false))
	}
}

func TestCookieNamesFollowThePoolsName(t *testing.T) {
	for pool, want := range map[string]string{"default": "usher_route", "web": "usher_route_web", "a b/ü;=": "usher_route_a-b----", "a.b": "usher_route_a.b"} {
		if got := cookieName(pool); got != want {
			t.Errorf("%q: got %q, want %q", pool, got, want)
		}
	}
}

func TestStickyCookieTakesAnExplicitModeCookie(t *testing.T) {
	c := parse(t, minimal+"affinity: {mode: cookie, idle: 1h}\n")
	p := c.Pools["default"]
	if p.Policy != balancer.LeastConn || p.Affinity.Mode != affinity.Cookie || p.Affinity.Idle.D() != time.Hour {
		t.Errorf("got %+v", p)
	}
}

func TestListsReplaceTheirDefault(t *testing.T) {
	c := parse(t, "listeners: {a: {address: ':1', protocols: [h2c]}}\npools: {p: {backends: [a:1]}}\nroutes: [{pool: p, upgrade: []}]\n")
	if got := c.Listeners["a"].Protocols; len(got) != 1 || got[0] != "h2c" || len(c.Routes[0].Upgrade) != 0 {
		t.Errorf("got %v and %v", got, c.Routes[0].Upgrade)
	}
}

func TestReportIsSortedAndHasEachCauseOnce(t *testing.T) {
	_, r := Parse("usher.yaml", []byte("pools:\n  a: &a {backends: []}\n  b: *a\nroutes: [{pool: a}, {pool: b}]\nlisten: x\n"))
	last := 0
	for _, p := range r.Problems {
		if p.Severity == Error && p.Line < last {
			t.Errorf("line %d after line %d", p.Line, last)
		}
		last = p.Line
	}
	if got := strings.Count(r.Text(false), "at least one backend"); got != 2 {
		t.Errorf("two pools are empty, and %d problems say so:\n%s", got, r.Text(false))
	}
	var fs findings
	fs.add(spot{line: 1, column: 1}, "x")
	fs.add(spot{line: 1, column: 1}, "x")
	if got := len(fs.report(newSource("", "abc")).Problems); got != 1 {
		t.Errorf("got %d problems of one cause", got)
	}
}

func TestReportIsBounded(t *testing.T) {
	_, r := Parse("usher.yaml", []byte(minimal+strings.Repeat("admin: {}\n", 10*maxFindings)))
	if got := len(r.Problems); got != maxFindings+1 {
		t.Errorf("got %d problems", got)
	}
}

func TestReportAsJSONIsOneObjectWithAList(t *testing.T) {
	_, r := Parse("usher.yaml", []byte(minimal+"polcy: x\n"))
	var got struct {
		Problems []map[string]any `json:"problems"`
	}
	if err := json.Unmarshal(r.JSON(), &got); err != nil || len(got.Problems) != 1 {
		t.Fatalf("%v: %s", err, r.JSON())
	}
	p := got.Problems[0]
	if p["severity"] != "error" || p["file"] != "usher.yaml" || p["line"] != 4.0 || p["column"] != 1.0 || p["hint"] != `did you mean "policy"?` {
		t.Errorf("got %v", p)
	}
	_, r = Parse("usher.yaml", []byte(minimal))
	if got := string(r.JSON()); got != "{\n  \"problems\": []\n}\n" {
		t.Errorf("got %q for nothing", got)
	}
}

func TestReportForGitHubIsOneEscapedLineAProblem(t *testing.T) {
	_, r := Parse("a,b:c.yaml", []byte(minimal+"polcy: x\n"))
	want := "::error file=a%2Cb%3Ac.yaml,line=4,col=1::unknown key \"polcy\" (did you mean \"policy\"?)\n"
	if got := r.GitHub(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r = &Report{Problems: []Diagnostic{{Severity: Warning, Message: "50%\nx", File: "f"}}}
	if got, want := r.GitHub(), "::warning file=f::50%25%0Ax\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestErrIsNilWithoutErrors(t *testing.T) {
	r := &Report{Problems: []Diagnostic{{Severity: Warning, Message: "x"}}}
	if r.Err() != nil || r.HasErrors() {
		t.Error("a warning is not an error")
	}
	r.Problems = append(r.Problems, Diagnostic{Severity: Error, Message: "y"})
	if r.Err() == nil || r.Err().Error() != r.Text(false) {
		t.Errorf("got %v", r.Err())
	}
}

func TestColourChangesNothingElse(t *testing.T) {
	_, r := Parse("usher.yaml", []byte(minimal+"polcy: x\nlisten: y\n"))
	got := r.Text(true)
	for _, code := range []string{red, yellow, blue, bold, reset} {
		got = strings.ReplaceAll(got, code, "")
	}
	if !strings.Contains(r.Text(true), red) || got != r.Text(false) {
		t.Errorf("got\n%s\nwant\n%s", got, r.Text(false))
	}
}

func TestDiagnosticsDoNotReachTheTerminalRaw(t *testing.T) {
	_, r := Parse("usher.yaml", []byte("listen: \u202e\u2066x\nbackends: [a:1]\n"))
	if strings.ContainsAny(r.Text(false), "\u202e\u2066\x1b") {
		t.Errorf("got %q", r.Text(false))
	}
}

func TestExpansionIsNotRepeated(t *testing.T) {
	t.Setenv("USHER_TEST_A", "${USHER_TEST_B}")
	t.Setenv("USHER_TEST_B", "b")
	for text, want := range map[string]string{
		"${USHER_TEST_A}": "${USHER_TEST_B}", "x${USHER_TEST_B}y${USHER_TEST_B}": "xbyb", "$${USHER_TEST_B}": "${USHER_TEST_B}",
		"$$${USHER_TEST_B}": "$${USHER_TEST_B}", "$x {y} $": "$x {y} $", "${USHER_TEST_NONE:-}": "", "${USHER_TEST_NONE:-a:-b}": "a:-b",
	} {
		if got, f := expand(text); f != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, f, want)
		}
	}
}
