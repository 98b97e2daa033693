package h1

import "testing"

// TestTextIsJudgedByteByByte holds the reading of eight bytes at a time against that of one, for every byte in every place.
func TestTextIsJudgedByteByByte(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				for _, around := range []byte{'a', '\t', ' ', 0x80, 0xff} {
					s := make([]byte, length)
					for i := range s {
						s[i] = around
					}
					s[at] = byte(c)
					if got, want := isText(string(s)), isPlain(string(s)); got != want {
						t.Fatalf("isText(%q): got %t, want %t", s, got, want)
					}
				}
			}
		}
	}
	if isPlain("a\x00") || isPlain("a\x7f") || isPlain("\r") || isPlain("\n") || !isPlain("\t \x80\xff~") {
		t.Error("isPlain does not keep to RFC 9110 5.5")
	}
}

// TestEveryStepOfTextIsTaken has the words of eight bytes looked at: a control character in each of them is found.
func TestEveryStepOfTextIsTaken(t *testing.T) {
	for at := range 40 {
		s := []byte("0123456789012345678901234567890123456789")
		s[at] = '\r'
		if isText(string(s)) {
			t.Errorf("a CR at %d passes", at)
		}
	}
}
