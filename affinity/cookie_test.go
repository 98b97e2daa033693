package affinity

import (
	"slices"
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
		"b=2;a=1;c=3":            "b=2; c=3",
		"a=1; a=2":               "",
		`b="x=1"; a=1; c=a=2; d`: `b="x=1"; c=a=2; d`,
	} {
		got, changed := Strip(header, func(n string) bool { return n == "a" })
		if got != want || changed != (got != header) {
			t.Errorf("%q: got %q, %v; want %q", header, got, changed, want)
		}
	}
}

func FuzzStrip(f *testing.F) {
	f.Add("a=1; b=2; a = 3;;b")
	f.Fuzz(func(t *testing.T, header string) {
		rest, _ := Strip(header, func(n string) bool { return n == "a" })
		if got := Values(nil, rest, "a"); len(got) > 0 {
			t.Errorf("%q: %q still holds %q", header, rest, got)
		}
		if was, is := Values(nil, header, "b"), Values(nil, rest, "b"); !slices.Equal(was, is) {
			t.Errorf("%q: b was %q and is %q", header, was, is)
		}
	})
}
