package affinity

import (
	"slices"
	"strings"
	"testing"
)

func TestValuesAreFoundInWireOrder(t *testing.T) {
	for header, want := range map[string][]string{
		"":                      nil,
		"a=1":                   {"1"},
		"b=2; a=1;a=3 ;  a = 4": {"1", "3", "4"},
		"a":                     nil,
		"a=":                    {""},
		`a="q;x"; a="r"`:        {`"q`, `"r"`},
		"aa=1; A=2; a=x=y":      {"x=y"},
		";;; a=1;;":             {"1"},
		"=a; a=1":               {"1"},
		"b=a=1":                 nil,
	} {
		if got := Values(nil, header, "a"); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}

func TestStripTakesOnlyTheNamed(t *testing.T) {
	for header, want := range map[string]string{
		"":                       "",
		"b=1":                    "b=1",
		"b=1;c=2":                "b=1;c=2",
		"a=1":                    "",
		"a=1; b=2":               "b=2",
		"b=2; a=1":               "b=2",
		"b=2; a=1; c=3":          "b=2; c=3",
		"b=2;a=1;c=3":            "b=2;c=3",
		"a=1;c=3;d=4; e=5":       "c=3;d=4; e=5",
		"b =2 ;;c=3 ; a=1":       "b =2 ;;c=3",
		"b=2 ; a=1":              "b=2",
		" a = 1 ;\tb=2":          "b=2",
		";a=1;b=2":               "b=2",
		"; a=1; ;":               "",
		";; a=1":                 "",
		"a=1; b=2 ; c":           "b=2 ; c",
		" ; a=1; b=2":            "b=2",
		" b=1; ;":                " b=1; ;",
		"aa=1; A=2; =a; a":       "aa=1; A=2; =a; a",
		"a=1; a=2":               "",
		`b="x=1"; a=1; c=a=2; d`: `b="x=1"; c=a=2; d`,
	} {
		got, changed := stripped(header)
		if got != want || changed != (got != header) {
			t.Errorf("%q: got %q, %v; want %q", header, got, changed, want)
		}
	}
}

// stripped is header without the cookies a.
func stripped(header string) (rest string, changed bool) {
	kept, changed := Strip([]byte("before"), header, func(n string) bool { return n == "a" })
	rest, ok := strings.CutPrefix(string(kept), "before")
	switch {
	case !ok:
		panic("what stood there before is gone")
	case changed:
		return rest, true
	case rest != "":
		panic("appended to, and nothing has changed")
	}
	return header, false
}

func FuzzStrip(f *testing.F) {
	f.Add("a=1; b=2; a = 3;;b")
	f.Add(";a=1 ;; =; b;a=\t;")
	f.Fuzz(func(t *testing.T, header string) {
		rest, changed := stripped(header)
		if got := Values(nil, rest, "a"); len(got) > 0 {
			t.Errorf("%q: %q still holds %q", header, rest, got)
		}
		if want := len(Values(nil, header, "a")) > 0; changed != want || !want && rest != header {
			t.Errorf("%q: got %q, %v; want changed %v", header, rest, changed, want)
		}
		if was, is := others(header), others(rest); !slices.Equal(was, is) {
			t.Errorf("%q: the others were %q and are %q", header, was, is)
		}
	})
}

// others returns every cookie in header but a, as it stands there between semicolons and white space.
func others(header string) (pairs []string) {
	for part := range strings.SplitSeq(header, ";") {
		part = strings.Trim(part, " \t")
		name, _, named := strings.Cut(part, "=")
		if part != "" && (!named || strings.Trim(name, " \t") != "a") {
			pairs = append(pairs, part)
		}
	}
	return pairs
}
