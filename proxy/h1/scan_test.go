package h1

import (
	"regexp"
	"strings"
	"testing"
)

// grammar is a field line as RFC 9112 5 and RFC 9110 5 have it.
var grammar = regexp.MustCompile("^([-!#$%&'*+.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*\r\n")

// TestAFieldLineIsReadAsTheGrammarHasIt puts every byte into every place of a few lines, and cuts them wherever they may be cut.
func TestAFieldLineIsReadAsTheGrammarHasIt(t *testing.T) {
	for _, line := range []string{
		"A:b\r\nC: d\r\n\r\n", "Content-Type: \t text/html; charset=utf-8 \t\r\nX", "X_1-Long.Name!#$:\t\r\n", ":\r\n", "a:\tb\tc\t\r\n\r\n",
		"Accept-Language: " + strings.Repeat("de-DE, ", 5) + "\u00fc\r\nHost: a\r\n",
	} {
		for at := range len(line) + 1 {
			checkFieldLine(t, line[:at])
			for c := range 256 {
				checkFieldLine(t, line[:at]+string([]byte{byte(c)})+line[at:])
				if at < len(line) {
					checkFieldLine(t, line[:at]+string([]byte{byte(c)})+line[at+1:])
				}
			}
		}
	}
}

func checkFieldLine(t *testing.T, line string) {
	t.Helper()
	const before = "before\r\n"
	f, end := fieldLine(before+line, len(before))
	m := grammar.FindStringSubmatchIndex(line)
	if m == nil {
		if end != 0 {
			t.Fatalf("%q is read as a field line of %d bytes", line, end-len(before))
		}
		return
	}
	if end != len(before)+m[1] {
		t.Fatalf("%q: got an end at %d, want %d", line, end-len(before), m[1])
	}
	name, value := f.of(before + line)
	if name != line[m[2]:m[3]] || value != line[m[4]:m[5]] {
		t.Fatalf("%q: got %q and %q, want %q and %q", line, name, value, line[m[2]:m[3]], line[m[4]:m[5]])
	}
}

// TestALineIsTriedOnce puts a good line in the place of one that was seen in part: were it tried again with each piece that arrives, it would
// be taken.
func TestALineIsTriedOnce(t *testing.T) {
	const start, line = "GET / HTTP/1.1\r\nHost: a\r\n", "Long: abcdefghijklmnopqrstuvwxyz\r\n\r\n"
	var head RequestHead
	for _, arrived := range []string{start + line[:20], start + "Evil: b\r\nMore: cdefgh", start + line[:26]} {
		if n, err := head.Parse([]byte(arrived)); n != 0 || err != nil {
			t.Fatalf("%q: got %d, %v", arrived, n, err)
		}
	}
	if n, err := head.Parse([]byte(start + line)); n != len(start+line) || err != nil || head.Fields.Len() != 1 || !head.Fields.Has("Long") {
		t.Errorf("got %d, %v and %v", n, err, head.Fields.Lines())
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
