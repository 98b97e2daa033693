package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

const (
	goodFile    = "listen: 127.0.0.1:0\nbackends: [127.0.0.1:1]\n"
	badFile     = "listen: 127.0.0.1:0\nbackedns: [127.0.0.1:1]\n"
	warningFile = goodFile + "policy: sticky-cookie\naffinity: {idle: 2h, lifetime: 1h}\n"
)

func TestEveryEndHasItsExitCode(t *testing.T) {
	good, bad, missing := file(t, goodFile), file(t, badFile), filepath.Join(t.TempDir(), "none.yaml")
	admin := "http://" + nobody(t)
	for want, lines := range map[int][]string{
		0: {"validate -c " + good},
		1: {
			"status --admin " + admin, "backends list --admin " + admin, "reload --admin " + admin, "config diff --admin " + admin,
			"healthcheck --admin " + admin,
		},
		2: {
			"no-such-command", "run extra", "run --no-such-flag", "run --to", "run --listen :1", "run --policy hash", "config", "backends",
			"backends nope", "demo --port 70000", "demo --port -1", "demo --port x", "version extra", "completion", "completion tcsh",
			"validate --format xml -c " + good, "run --to :1 -c " + good, "run --log-level loud -c " + good, "run --log-format xml -c " + good,
			"status -o yaml --admin " + admin, "backends list -o yaml --admin " + admin, "reload -o yaml --admin " + admin,
			"config diff -o yaml --admin " + admin, "status --admin nowhere", "healthcheck --admin ftp://x",
		},
		3:  {"validate --online -c " + file(t, "listen: 127.0.0.1:0\nbackends: [\""+nobody(t)+"\"]\n")},
		78: {"validate -c " + bad, "run -c " + bad, "config print -c " + bad, "run --to nonsense", "validate --strict -c " + file(t, warningFile)},
	} {
		for _, line := range lines {
			if got := code(t, strings.Fields(line)...); got != want {
				t.Errorf("usher %s: exit code %d, want %d", line, got, want)
			}
		}
	}
	for _, line := range []string{"validate", "run", "config print"} {
		if got := code(t, append(strings.Fields(line), "-c", missing)...); got != 78 {
			t.Errorf("usher %s without its file: exit code %d, want 78", line, got)
		}
	}
}

func TestWarningsAloneDoNotMakeAFileInvalid(t *testing.T) {
	if got := code(t, "validate", "-c", file(t, warningFile)); got != 0 {
		t.Errorf("exit code %d, want 0", got)
	}
}

func TestVersionIsOneLineOrJSON(t *testing.T) {
	var b build
	if err := json.Unmarshal([]byte(must(t, "version", "--json")), &b); err != nil {
		t.Fatal(err)
	}
	if b.Version != version || !strings.HasPrefix(b.Go, "go") || !strings.Contains(b.Platform, "/") {
		t.Errorf("as JSON: got %+v", b)
	}
	if out := must(t, "version"); strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, "usher "+version+" (go") {
		t.Errorf("got %q", out)
	}
}

func TestTheSchemaIsJSON(t *testing.T) {
	var schema struct {
		Schema     string `json:"$schema"`
		Properties map[string]any
	}
	if err := json.Unmarshal([]byte(must(t, "config", "schema")), &schema); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(schema.Schema, "json-schema.org") || schema.Properties["pools"] == nil || schema.Properties["listeners"] == nil {
		t.Errorf("got %q with properties %v", schema.Schema, schema.Properties)
	}
}

func TestPrintShowsTheFullFormAndNoSecret(t *testing.T) {
	secret := strings.Repeat("s3cret", 6)
	out := must(t, "config", "print", "-c", file(t, goodFile+"affinity: {mode: cookie, cookie: {secret: ["+secret+"]}}\n"))
	if strings.Contains(out, "s3cret") || !strings.Contains(out, "***") || !strings.Contains(out, "pools:\n") {
		t.Errorf("got:\n%s", out)
	}
}

func TestProblemsAreShownToMachinesToo(t *testing.T) {
	path := file(t, badFile)
	out, err := command(t, "validate", "--format", "json", "-c", path)
	var report struct {
		Problems []struct {
			Severity, File, Message, Hint string
			Line, Column                  int
		}
	}
	if jerr := json.Unmarshal([]byte(out), &report); jerr != nil || err == nil {
		t.Fatalf("got %q, %v, %v", out, jerr, err)
	}
	p := report.Problems[0]
	if len(report.Problems) != 1 || p.Message != `unknown key "backedns"` || p.Line != 2 || p.Column != 1 || p.Severity != "error" || p.File != path || p.Hint == "" {
		t.Errorf("as JSON: got %+v", report.Problems)
	}
	out, _ = command(t, "validate", "--format", "github", "-c", path)
	if want := "::error file=" + path + ",line=2,col=1"; !strings.Contains(out, want) || !strings.Contains(out, "::unknown key \"backedns\"") {
		t.Errorf("for GitHub: got %q, want it to begin %q", out, want)
	}
	if out := must(t, "validate", "--format", "json", "-c", file(t, goodFile)); strings.Join(strings.Fields(out), "") != `{"problems":[]}` {
		t.Errorf("a valid file as JSON: got %q, want no problems", out)
	}
}
