package field

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/quick"
)

func TestNamesAreEqualButForTheCaseOfLetters(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Host", "hOST", true}, {"", "", true}, {"X-A", "X-A ", false}, {"X-A", "X_A", false}, {"@", "`", false}, {"[", "{", false}, {"K", "\u212a", false},
		{"\xc9", "\xe9", false}, {"a", "b", false}, {"aa", "a", false},
	} {
		if got := Equal(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: got %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestAListYieldsItsMembers(t *testing.T) {
	for list, want := range map[string][]string{
		"": nil, ",": nil, " , \t,": nil, "a": {"a"}, "a,b": {"a", "b"}, " a\t,\tb c ,": {"a", "b c"}, ",,a": {"a"}, "a,a": {"a", "a"},
	} {
		if got := slices.Collect(Tokens(list)); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", list, got, want)
		}
	}
	for first := range Tokens("a,b") {
		if first != "a" {
			t.Errorf("after the loop was left: got %q", first)
		}
		break
	}
}

func TestATokenIsFoundInAnyLineInAnyCase(t *testing.T) {
	var s Section
	s.Add("Connection", "close")
	s.Add("connection", "x, Upgrade ")
	s.Add("TE", "trailers")
	for token, want := range map[string]bool{"CLOSE": true, "upgrade": true, "x": true, "trailers": false, "x, upgrade": false, "": false, "clos": false} {
		if got := s.HasToken("CONNECTION", token); got != want {
			t.Errorf("%q: got %v, want %v", token, got, want)
		}
	}
}

func TestASectionKeepsItsLinesInOrder(t *testing.T) {
	var s Section
	s.Add("A", "1")
	s.Add("b", "2")
	s.Add("a", "3")
	if s.Get("a") != "1" || !s.Has("B") || s.Has("c") || s.Get("c") != "" || s.Len() != 3 {
		t.Errorf("got %v", s.Lines())
	}
	lines := s.Lines()
	s.Set("A", "4")
	if want := []Line{{"b", "2"}, {"A", "4"}}; !slices.Equal(s.Lines(), want) {
		t.Errorf("set: got %v, want %v", s.Lines(), want)
	}
	if lines[2] != (Line{}) {
		t.Errorf("a line that is gone still holds %v", lines[2])
	}
	s.Keep(func(l *Line) bool {
		l.Value += "!"
		return l.Name == "A"
	})
	if want := []Line{{"A", "4!"}}; !slices.Equal(s.Lines(), want) {
		t.Errorf("kept: got %v, want %v", s.Lines(), want)
	}
	s.Del("a")
	s.Reset()
	if s.Len() != 0 || lines[0] != (Line{}) {
		t.Errorf("reset: got %v, and the memory holds %v", s.Lines(), lines[0])
	}
}

func TestLookAlikesOfANameAreInItsSet(t *testing.T) {
	names := NewNames("X-Session-Assertion", "Forwarded", strings.Repeat("a", 128))
	for name, want := range map[string]bool{
		"x-session-assertion": true, "X_SESSION_ASSERTION": true, "X.Session+Assertion": true, "X-Session~Assertion": true, "x session assertion": true,
		"X\x00Session\xffAssertion": true, "forwarded": true, strings.Repeat("A", 128): true,
		"XSession-Assertion": false, "X-Session-Assertions": false, "X--Session-Assertion": false, "X-Session-Assertio": false, "forwarded-": false, "": false,
		"X-Sess\u0131on-Assertion": false, strings.Repeat("a", 129): false, strings.Repeat("a", 10_000): false,
	} {
		if got := names.Has(name); got != want {
			t.Errorf("%.40q: got %v, want %v", name, got, want)
		}
	}
	names.Add(strings.Repeat("b", 129))
	if names.Has(strings.Repeat("b", 129)) {
		t.Error("a name beyond the bound was found")
	}
	if (Names{}).Has("") || (Names{}).Has("a") {
		t.Error("the empty set has a member")
	}
	if n := testing.AllocsPerRun(100, func() { names.Has("X_Session_Assertion") }); n != 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
}

func TestASetHasWhateverLooksLikeAMember(t *testing.T) {
	holds := func(member, name string) bool {
		if len(member) > 128 || len(name) > 128 || member == "" {
			return true
		}
		names, loud := NewNames(member), strings.ToUpper(member)
		return names.Has(member) && names.Has(name) == LooksLike(member, name) && names.Has(loud) == LooksLike(member, loud)
	}
	if err := quick.Check(holds, nil); err != nil {
		t.Error(err)
	}
	for i := range 256 { // two names of one byte each; random ones hardly ever look alike
		for j := range 256 {
			a, b := string([]byte{'x', byte(i), 'y'}), string([]byte{'x', byte(j), 'y'})
			if got, want := LooksLike(a, b), separator(byte(i)) && separator(byte(j)) || Equal(a, b); got != want || NewNames(a).Has(b) != want {
				t.Fatalf("%q and %q: got %v, want %v", a, b, got, want)
			}
		}
	}
}

func separator(c byte) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9')
}

func TestAControlIsFoundWhereverItStands(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for _, c := range []byte{0, '\t', '\n', 0x1f, ' ', 0x7e, 0x7f, 0x80, 0xff} {
				text := bytes.Repeat([]byte{0x80}, length)
				text[at] = c
				if got, want := IsText(string(text)), c == '\t' || c >= ' ' && c != 0x7f; got != want {
					t.Errorf("%q: got %v, want %v", text, got, want)
				}
			}
		}
	}
}

// every tries a grammar on each single byte and wants exactly those of allowed, which is a list of ranges by their ends.
func every(t *testing.T, what string, accepts func(string) bool, allowed string) {
	t.Helper()
	for c := range 256 {
		want := false
		for i := 0; i < len(allowed); i += 2 {
			want = want || int(allowed[i]) <= c && c <= int(allowed[i+1])
		}
		if got := accepts("a" + string([]byte{byte(c)}) + "a"); got != want {
			t.Errorf("%s: byte %#x: got %v, want %v", what, c, got, want)
		}
	}
}

func TestEachGrammarAllowsItsBytesAndNoOthers(t *testing.T) {
	every(t, "token", IsToken, "!!#'*+-.09AZ^z||~~")
	every(t, "value", IsValue, "\t\t ~\x80\xff")
	every(t, "target", IsTarget, "!\"$~\x80\xff")
	every(t, "host", IsHost, "!!$$&+-.09;;==AZ__az~~")
}

func TestTheEndsOfEachGrammar(t *testing.T) {
	for what, c := range map[string]struct {
		accepts func(string) bool
		good    []string
		bad     []string
	}{
		"token":  {IsToken, []string{"GET", "a"}, []string{"", " a", "a ", "a b", "a:b"}},
		"value":  {IsValue, []string{"", "a", "a b", "a\tb", "\xe9"}, []string{" ", " a", "a ", "\ta", "a\t", "a\r\nb", "a\x00", "a\x7f"}},
		"target": {IsTarget, []string{"/", "*", "/a?b"}, []string{"", "/a b", "/#a", "/\t", "/a\x7f"}},
		"host": {IsHost, []string{"", "example.com:80", "[::1]:80", "[::1]", "a_b", "a.", "a:", "192.0.2.1:65535"}, []string{
			"a%41", "::1", "[::1", "[::1]a", "[::1].a", "[a]", "[192.0.2.1]", "[fe80::1%25eth0]", "a:80:80", "a:b", "a:123456", ":80", ".a", "a..b", "a[b]",
			"a b", "a/b", "user@a", "a?b", "a#b", "a\\b", "a\"", "a<", "\xe9"}},
	} {
		for _, s := range c.good {
			if !c.accepts(s) {
				t.Errorf("%s: %q was refused", what, s)
			}
		}
		for _, s := range c.bad {
			if c.accepts(s) {
				t.Errorf("%s: %q was accepted", what, s)
			}
		}
	}
}
