package h1_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"usher/proxy/h1"
)

// wireCase is a message on the wire and what has to become of it. testdata/requests.json and responses.json hold the cases. Each character
// of a string in them stands for one byte, so that any byte can be written.
type wireCase struct {
	Name, RFC string
	Raw       []string  // what arrives; the places where it is broken into strings mean nothing
	Fill      *struct { // "<fill>" stands for this, Times over, in Raw and in Want
		Of    string
		Times int
	}
	Method string // of the request that a response answers; empty: GET
	EOF    bool   // the connection ends behind Raw

	// One of three: Refuse is the status with which a message is refused, More says that the rest of it is waited for, Want is how it is
	// read.
	Refuse int
	More   bool
	Want   *wanted
}

// wanted is how a message is read. Fields is compared if it is there at all.
type wanted struct {
	Method, Target string
	Host           string
	Status         int
	Minor          *int // nil: 1
	Fields         []string
	Length         *int64 // the announced length; compared if it is there
	Body           string
	Trailer        []string
	Close          bool
	Upgrade        bool
	Expect         bool
	Rest           string // what is behind the message and must not be touched
}

func readCases(t testing.TB, file string) []wireCase {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []wireCase
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&cases); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return cases
}

// text is s with its fill, a byte for each character.
func (c *wireCase) text(s string) string {
	if c.Fill != nil {
		s = strings.ReplaceAll(s, "<fill>", strings.Repeat(c.Fill.Of, c.Fill.Times))
	}
	raw := make([]byte, 0, len(s))
	for _, r := range s {
		raw = append(raw, byte(r))
	}
	return string(raw)
}

func (c *wireCase) texts(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = c.text(s)
	}
	return out
}

func (c *wireCase) bytes() []byte { return []byte(c.text(strings.Join(c.Raw, ""))) }

func (c *wireCase) method() string {
	if c.Method == "" {
		return "GET"
	}
	return c.Method
}

// verdict is what the case wants, in the words of outcome.verdict.
func (c *wireCase) verdict() string {
	switch {
	case c.Refuse != 0:
		return fmt.Sprintf("refuse %d", c.Refuse)
	case c.More:
		return "more"
	}
	return "pass"
}

// check compares what was read with what the case wants.
func (c *wireCase) check(t *testing.T, how string, got outcome) {
	t.Helper()
	if got.verdict != c.verdict() {
		t.Errorf("%s: got %s (%v), want %s", how, got.verdict, got.err, c.verdict())
		return
	}
	var fault *h1.Error
	if errors.As(got.err, &fault) && fault.RFC != c.RFC {
		t.Errorf("%s: got %v, want %s", how, got.err, c.RFC)
	}
	w := c.Want
	if w == nil {
		return
	}
	want := outcome{
		verdict: "pass", method: c.text(w.Method), target: c.text(w.Target), host: c.text(w.Host), status: w.Status, minor: 1,
		fields: got.fields, length: got.length, body: c.text(w.Body), trailer: c.texts(w.Trailer), keep: !w.Close, upgrade: w.Upgrade,
		expect: w.Expect, rest: c.text(w.Rest),
	}
	if w.Minor != nil {
		want.minor = *w.Minor
	}
	if w.Fields != nil {
		want.fields = c.texts(w.Fields)
	}
	if w.Length != nil {
		want.length = *w.Length
	}
	if g, w := got.String(), want.String(); g != w {
		t.Errorf("%s: got\n%s\nwant\n%s", how, g, w)
	}
}

func TestTheTableIsComplete(t *testing.T) {
	passing, names := 0, map[string]bool{}
	section := regexp.MustCompile(`^RFC \d{4} \d+(\.\d+)*$`)
	for _, file := range []string{"requests.json", "responses.json"} {
		for _, c := range readCases(t, file) {
			if names[file+c.Name] {
				t.Errorf("%s: two cases have the name %q", file, c.Name)
			}
			names[file+c.Name] = true
			if !section.MatchString(c.RFC) {
				t.Errorf("%s: %s: %q is no section of an RFC", file, c.Name, c.RFC)
			}
			if n := btoi(c.Refuse != 0) + btoi(c.More) + btoi(c.Want != nil); n != 1 {
				t.Errorf("%s: %s has %d verdicts, want 1", file, c.Name, n)
			}
			passing += btoi(c.Want != nil)
		}
	}
	if len(names) < 200 || passing < 60 {
		t.Errorf("got %d cases, of which %d pass; want 200 and 60", len(names), passing)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestEveryRequestIsReadTheSameHoweverItArrives(t *testing.T) {
	for _, c := range readCases(t, "requests.json") {
		t.Run(c.Name, func(t *testing.T) {
			everyWay(c.bytes(), func(how string, pieces [][]byte) bool {
				c.check(t, how, readRequest(pieces, h1.Limits{}))
				return !t.Failed()
			})
		})
	}
}

func TestEveryResponseIsReadTheSameHoweverItArrives(t *testing.T) {
	for _, c := range readCases(t, "responses.json") {
		t.Run(c.Name, func(t *testing.T) {
			everyWay(c.bytes(), func(how string, pieces [][]byte) bool {
				c.check(t, how, readResponse(pieces, c.method(), c.EOF, h1.Limits{}))
				return !t.Failed()
			})
		})
	}
}

// everyWay hands raw to read whole, byte by byte, in two pieces wherever they may part, and in pieces of random sizes.
func everyWay(raw []byte, read func(how string, pieces [][]byte) bool) {
	if !read("whole", [][]byte{raw}) || !read("byte by byte", slices.Collect(slices.Chunk(raw, 1))) {
		return
	}
	if len(raw) < 2000 {
		for i := range raw {
			if !read(fmt.Sprintf("parted at %d", i), [][]byte{raw[:i], raw[i:]}) {
				return
			}
		}
	}
	for seed := range uint64(8) {
		if !read(fmt.Sprintf("random pieces %d", seed), randomPieces(raw, seed)) {
			return
		}
	}
}

func randomPieces(raw []byte, seed uint64) (pieces [][]byte) {
	r := rand.New(rand.NewPCG(seed, uint64(len(raw))))
	most := 1 + r.IntN(len(raw)+1)
	for len(raw) > 0 {
		n := min(len(raw), 1+r.IntN(most))
		pieces, raw = append(pieces, raw[:n]), raw[n:]
	}
	return pieces
}

// outcome is what became of a message, in copies.
type outcome struct {
	verdict              string // pass, more, or refuse with the status
	err                  error
	method, target, host string
	status, minor        int
	fields               []string
	length               int64
	framing              h1.Framing
	body                 string
	trailer              []string
	keep                 bool
	upgrade, expect      bool
	rest                 string
}

// String is everything but the error and the framing, for comparing.
func (o outcome) String() string {
	return fmt.Sprintf("%s %q %q %q %d minor %d\nfields %q\nlength %d body %q trailer %q\nkeep %t upgrade %t expect %t rest %q", o.verdict, o.method,
		o.target, o.host, o.status, o.minor, o.fields, o.length, o.body, o.trailer, o.keep, o.upgrade, o.expect, o.rest)
}
