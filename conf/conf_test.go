package conf

import (
	"reflect"
	"testing"
)

func TestPathsLeadFromTheOuterValueToTheInner(t *testing.T) {
	for _, c := range [][3]string{
		{"a", "b", "a.b"}, {"a", "[1].b", "a[1].b"}, {"", "b", "b"}, {"a", "", "a"}, {"", "", ""}, {Index("a", 3), "b", "a[3].b"},
	} {
		if got := Join(c[0], c[1]); got != c[2] {
			t.Errorf("%q and %q: got %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestProblemsOfAnInnerValueAreToldFromTheOuter(t *testing.T) {
	var inner, outer Problems
	inner.Add("x", "%d is wrong", 1).WithHint("use %d", 2).WithNote("[0]", "the %s", "first")
	inner.Warn("", "doubtful")
	outer.Under("pools.web", inner)
	want := Problems{
		{Path: "pools.web.x", Text: "1 is wrong", Hint: "use 2", Also: []Note{{"pools.web[0]", "the first"}}},
		{Path: "pools.web", Text: "doubtful", Warning: true},
	}
	if !reflect.DeepEqual(outer, want) {
		t.Errorf("got %+v and %+v, want %+v and %+v", outer[0], outer[1], want[0], want[1])
	}
}
