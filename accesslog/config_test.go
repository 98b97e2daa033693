package accesslog

import "testing"

func TestOutputIsSomewhereToWriteTo(t *testing.T) {
	for output, ok := range map[string]bool{
		"stdout": true, "stderr": true, "/var/log/usher.log": true, "access.log": true, "": false, " ": false, "/var/log/": false, "a\nb": false,
	} {
		if got := len(Config{Output: output}.Validate()) == 0; got != ok {
			t.Errorf("%q: accepted %v, want %v", output, got, ok)
		}
	}
}
