package metrics

import "testing"

func TestAKeyThatTwoAddAtOnceIsOne(t *testing.T) {
	var names table[string, count]
	if a, b, c := names.add("a", newBackend), names.add("a", newBackend), names.find("a", newBackend); a != b || a != c {
		t.Errorf("got %p, %p and %p", a, b, c)
	}
}
