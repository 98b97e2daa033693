package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// everyOneIsIn wants what the expression finds in the source, of which there are a few at least, to stand in backquotes on the page.
func everyOneIsIn(t *testing.T, page, source, expr string) {
	t.Helper()
	text := readText(t, page)
	found := regexp.MustCompile(expr).FindAllStringSubmatch(readText(t, source), -1)
	if len(found) < 5 {
		t.Fatalf("%s: %d matches of %s", source, len(found), expr)
	}
	for _, m := range found {
		if !strings.Contains(text, "`"+m[1]+"`") {
			t.Errorf("%s does not have %s", page, m[1])
		}
	}
}

func TestEveryMetricIsDocumented(t *testing.T) {
	everyOneIsIn(t, "../docs/operations.md", "../metrics/testdata/metrics.txt", `(?m)^# TYPE (usher_\w+)`)
}

func TestEveryLogFieldIsDocumented(t *testing.T) {
	everyOneIsIn(t, "../docs/operations.md", "../accesslog/line.go", `\.(?:text|known|number|flag|millis|key)\("(\w+)"`)
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// TestLinksLeadSomewhere follows the links between the pages, to their headings too.
func TestLinksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../README.md", "../ARCHITECTURE.md", "../CONTRIBUTING.md", "../CHANGELOG.md") {
		for _, m := range link.FindAllStringSubmatch(readText(t, page), -1) {
			file, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", page, m[1])
			} else if anchor != "" && !anchors(readText(t, target))[anchor] {
				t.Errorf("%s: %s has no such heading", page, m[1])
			}
		}
	}
}

// anchors returns the names by which the headings of a page are linked to.
func anchors(markdown string) map[string]bool {
	all := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(markdown, -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ', r == '-':
				return '-'
			case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '_':
				return r
			}
			return -1
		}, strings.ToLower(h[1]))
		all[name] = true
	}
	return all
}
