package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const withFields = `
listen: :8080
pools: {web: {backends: [a:1], affinity: {mode: cookie, cookie: {secret: [&s hunterhunterhunterhunterhunter2x], domain: *s}}}}
routes:
  - name: web
    pool: web
    match: {headers: {Authorization: "*", X-Api-Key: hunter0}}
    headers:
      request: {set: {Authorization: "Bearer hunter1", X-Origin: "a${USHER_TEST_TOKEN}", X-File: {file: testdata/values/port}, X-Tenant: shop, X-Price: "$${5}"}}
      response: {set: {set-cookie: hunter3, X-Own: "${USHER_TEST_OWN}"}}
`

func TestPrintHidesFieldsThatMayBeCredentials(t *testing.T) {
	t.Setenv("USHER_TEST_TOKEN", "hunter4")
	t.Setenv("USHER_TEST_OWN", "shop2")
	c := parse(t, withFields)
	got := string(c.Print())
	for _, want := range []string{
		`Authorization: "*"`, `X-Api-Key: "***"`, `Authorization: "***"`, `X-Origin: "***"`, `X-File: "***"`, `X-Own: "***"`, "X-Tenant: shop\n", `X-Price: "$${5}"`,
		`set-cookie: "***"`, `domain: "***"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "hunter") || strings.Contains(got, "shop2") {
		t.Errorf("a secret is shown:\n%s", got)
	}
	if got := fmt.Sprintf("%+v", *c); strings.Contains(got, "hunterhunter") {
		t.Errorf("what is known as a secret is shown: %s", got)
	}
}

func TestCredentialsAreHiddenInAConfigurationThatWasNotRead(t *testing.T) {
	t.Setenv("USHER_TEST_TOKEN", "hunter4")
	t.Setenv("USHER_TEST_OWN", "hunter5")
	c := parse(t, withFields)
	c.known = nil
	if got := string(c.Print()); strings.Contains(got, "Bearer") || strings.Contains(got, "hunter3") || !strings.Contains(got, `Authorization: "*"`) {
		t.Errorf("got\n%s", got)
	}
}

func TestDiffHidesFieldsThatMayBeCredentials(t *testing.T) {
	t.Setenv("USHER_TEST_TOKEN", "hunter4")
	t.Setenv("USHER_TEST_OWN", "hunter5")
	old := parse(t, withFields)
	t.Setenv("USHER_TEST_TOKEN", "hunter6")
	literal := strings.NewReplacer("hunter1", "hunter7", "${USHER_TEST_OWN}", "hunter5", "X-Tenant: shop", "X-Tenant: store", "2x]", "3x]").Replace(withFields)
	want := map[string]Change{
		"routes[web].headers.request.set.Authorization": {Old: "***", New: "*** (changed)"},
		"routes[web].headers.request.set.X-Origin":      {Old: "***", New: "*** (changed)"},
		"routes[web].headers.request.set.X-Tenant":      {Old: "shop", New: "store"},
		"pools.web.affinity.cookie.secret":              {Old: `["***"]`, New: `["***"] (changed)`},
		"pools.web.affinity.cookie.domain":              {Old: "***", New: "*** (changed)"},
	}
	got := Diff(old, parse(t, literal))
	for _, c := range got {
		if w, ok := want[c.Path]; !ok || c.Old != w.Old || c.New != w.New {
			t.Errorf("got %+v, want %+v", c, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d changes, want %d", len(got), len(want))
	}
}

func TestMessagesHideWhatIsCutOffASecret(t *testing.T) {
	long := strings.Repeat("hunter2 ", 2000)
	v := &veil{known: secrets{long: true, "four": true, "four more": true, "shown": false}}
	for text, want := range map[string]string{
		long: "***", `"` + long + `" is x`: `"***...`, quote(long) + " is x": `"***" is x`, long[:200] + " is x": "***...", "a four more b": "a *** b",
		"fourfour": "******", "FOUR": "FOUR", "shown": "shown", "": "",
	} {
		if got := v.text("%s", text); got != want && !(len(text) > maxMessage && got == "***...") {
			t.Errorf("%.30q: got %q, want %q", text, got, want)
		}
	}
	if got := (*veil)(nil).text("%d", 1); got != "1" {
		t.Errorf("got %q", got)
	}
}

func TestShortTextsAreNoSecretsElsewhere(t *testing.T) {
	s := secrets{}
	s.add("web", true)
	s.add("*", true)
	s.add("", true)
	s.add("shop", false)
	s.add("both", true)
	s.add("both", false)
	if s["web"] || s["*"] || s[""] || s["shop"] || !s["both"] {
		t.Errorf("got %v", s)
	}
}

func TestHidingTakesLittleTime(t *testing.T) {
	a := strings.Repeat("a", maxBytes/4)
	for name, text := range map[string]string{
		"alike": "affinity: {cookie: {secret: [" + a + "b], path: x" + a + "}}\n",
		"many":  "affinity: {cookie: {secret: [" + numbered(20000, "secret%, ") + "], path: secret7}}\n" + strings.Repeat("x: 1\n", 1000),
		"lines": "affinity: {cookie: {secret: [" + numbered(20000, "secret%,\n ") + "], path: [" + numbered(20000, "secret%,\n ") + "]}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, r := Parse("usher.yaml", []byte(text))
			_ = r.Text(false)
			if d := time.Since(start); d > time.Minute {
				t.Errorf("took %v", d)
			}
		})
	}
}
