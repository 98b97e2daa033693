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

// TestATrailerIsHeldOnlyUpToItsLimit hands a trailer line without an end to a body in one piece.
func TestATrailerIsHeldOnlyUpToItsLimit(t *testing.T) {
	b := Body{Limits: Limits{HeadBytes: 1000}}
	b.Start(Framing{Kind: Chunked})
	_, n, err := b.Next(append([]byte("0\r\n"), make([]byte, 1<<20)...))
	if err != errHeadSize || n > 2000 || cap(b.held) > 4000 {
		t.Errorf("got %d bytes used, %d held, %v", n, cap(b.held), err)
	}
}
