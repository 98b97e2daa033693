package proxy

import (
	"testing"

	"usher/proxy/field"
)

func TestAResponseWithACookieIsKeptOutOfSharedCaches(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "private",
		"public":                            "private",
		"max-age=60":                        "max-age=60, private",
		"public, max-age=60, s-maxage=9":    "max-age=60, private",
		"PUBLIC,S-MaxAge=9 ,max-age=1":      "max-age=1, private",
		"s-maxage = 9":                      "private",
		"private":                           "private",
		"private, public":                   "private",
		"Private, max-age=1":                "Private, max-age=1",
		"no-store":                          "no-store",
		"no-store, s-maxage=5":              "no-store",
		`private="set-cookie", max-age=60`:  `private="set-cookie", max-age=60, private`,
		"no-cache":                          "no-cache, private",
		"public-ish, s-maxages":             "public-ish, s-maxages, private",
		"must-revalidate, public, no-cache": "must-revalidate, no-cache, private",
	} {
		var h field.Section
		h.Add("Cache-Control", in)
		h.Add("X-Other", "public")
		makePrivate(&h)
		if got := h.Get("Cache-Control"); got != want || h.Get("X-Other") != "public" {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestEveryCacheControlLineCounts(t *testing.T) {
	var h field.Section
	h.Add("cache-control", "max-age=60")
	h.Add("X-Other", "kept")
	h.Add("CACHE-CONTROL", "public, s-maxage=9")
	makePrivate(&h)
	if got := h.Get("Cache-Control"); got != "max-age=60, private" || h.Len() != 2 {
		t.Errorf("got %q among %d lines, want one line max-age=60, private", got, h.Len())
	}
	h.Reset()
	makePrivate(&h)
	if got := h.Get("Cache-Control"); got != "private" {
		t.Errorf("without one: got %q, want private", got)
	}
}
