package field

import (
	"bytes"
	"strings"
	"testing"
)

// naive is the number of bytes that s begins with and of which in is true.
func naive(s string, in func(byte) bool) int {
	for i := range len(s) {
		if !in(s[i]) {
			return i
		}
	}
	return len(s)
}

func inText(c byte) bool { return c == '\t' || c >= ' ' && c != 0x7f }
func inToken(c byte) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune("\"(),/:;<=>?@[\\]{}", rune(c))
}
func inTarget(c byte) bool {
	return c > ' ' && c != 0x7f && c != '#'
}

// judge holds what is read in words against what is read byte by byte.
func judge(t *testing.T, s string) {
	t.Helper()
	text, token, target := naive(s, inText), naive(s, inToken), naive(s, inTarget)
	if got := TextEnd(s, 0); got != text {
		t.Fatalf("TextEnd(%q, 0): got %d, want %d", s, got, text)
	}
	if got := TokenLen(s); got != token {
		t.Fatalf("TokenLen(%q): got %d, want %d", s, got, token)
	}
	if got := TargetLen(s); got != target {
		t.Fatalf("TargetLen(%q): got %d, want %d", s, got, target)
	}
	if got, want := IsText(s), text == len(s); got != want {
		t.Fatalf("IsText(%q): got %t, want %t", s, got, want)
	}
	if got, want := IsToken(s), s != "" && token == len(s); got != want {
		t.Fatalf("IsToken(%q): got %t, want %t", s, got, want)
	}
	if got, want := IsTarget(s), s != "" && target == len(s); got != want {
		t.Fatalf("IsTarget(%q): got %t, want %t", s, got, want)
	}
}

func TestWordsAreJudgedAsTheirBytesAre(t *testing.T) {
	for length := range 40 {
		for _, around := range []byte{'a', 'Z', '-', '0', '~', '\t', ' ', 0x80, 0xff} {
			s := bytes.Repeat([]byte{around}, length)
			judge(t, string(s))
			for at := range length {
				for c := range 256 {
					s[at] = byte(c)
					judge(t, string(s))
				}
				s[at] = around
			}
		}
	}
}

// TestNoByteHidesItsNeighbour has every two bytes next to each other: what a sum carries or a difference borrows is not seen.
func TestNoByteHidesItsNeighbour(t *testing.T) {
	s := []byte("abcdefghijklmnopqrstuvwxyz")
	for _, at := range []int{0, 7, 9, 15, 24} {
		for pair := range 1 << 16 {
			s[at], s[at+1] = byte(pair), byte(pair>>8)
			judge(t, string(s))
		}
		s[at], s[at+1] = 'a', 'a'
	}
}

func TestTextIsMeasuredFromWhereItBegins(t *testing.T) {
	s := "\r\n" + strings.Repeat("x", 50) + "\r\n" + strings.Repeat("y", 50)
	for n := range len(s) + 1 {
		if got, want := TextEnd(s, n), n+naive(s[n:], inText); got != want {
			t.Errorf("from %d: got %d, want %d", n, got, want)
		}
	}
}
