package h1_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"usher/proxy/h1"
)

// TestBytesOfAHeadAreLookedAtOnce ruins what Parse has seen: were it to look again, as it would have to in order to be quadratic, it would
// notice.
func TestBytesOfAHeadAreLookedAtOnce(t *testing.T) {
	whole := "GET / HTTP/1.1\r\nHost: a.example\r\nX: " + strings.Repeat("y", 200) + "\r\n\r\n"
	var head h1.RequestHead
	for end := 1; end < len(whole); end++ {
		arrived := []byte(whole[:end])
		for i := range end - 1 {
			arrived[i] = '\n'
		}
		if i := strings.LastIndexByte(whole[:end], '\n'); whole[end-1] == '\n' || i < 0 {
			copy(arrived[i+1:], whole[i+1:end]) // a line that is whole now is parsed from its start
			if whole[end-1] == '\n' {
				copy(arrived, whole[:end])
			}
		}
		if n, err := head.Parse(arrived); n != 0 || err != nil {
			t.Fatalf("after %d bytes: got %d, %v", end, n, err)
		}
	}
	if n, err := head.Parse([]byte(whole)); n != len(whole) || err != nil || head.Fields.Get("X") != strings.Repeat("y", 200) {
		t.Fatalf("got %d, %v, want %d", n, err, len(whole))
	}
}

func TestLimitsAreMetExactly(t *testing.T) {
	const raw = "GET /abc HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\r\n"
	line := strings.IndexByte(raw, '\n') + 1
	for _, c := range []struct {
		limits h1.Limits
		status int
	}{
		{h1.Limits{}, 0},
		{h1.Limits{HeadBytes: len(raw), Lines: 2}, 0},
		{h1.Limits{HeadBytes: len(raw) - 1}, 431},
		{h1.Limits{HeadBytes: line}, 431},
		{h1.Limits{HeadBytes: line - 1}, 414},
		{h1.Limits{HeadBytes: 1}, 414},
		{h1.Limits{Lines: 1}, 431},
	} {
		head := h1.RequestHead{Limits: c.limits}
		n, err := head.Parse([]byte(raw + "a body that is longer than all of the head that stands before it"))
		if got := statusOf(err); got != c.status || (n == len(raw)) != (c.status == 0) {
			t.Errorf("%+v: got %d bytes and %d, want %d", c.limits, n, got, c.status)
		}
	}
}

func TestTrailersHaveLimitsOfTheirOwn(t *testing.T) {
	const raw = "1\r\nx\r\n0\r\nA: 1\r\nB: 2\r\n\r\n"
	section := len("A: 1\r\nB: 2\r\n\r\n")
	for _, c := range []struct {
		limits h1.Limits
		status int
	}{
		{h1.Limits{HeadBytes: section, Lines: 2}, 0},
		{h1.Limits{HeadBytes: section - 1}, 431},
		{h1.Limits{Lines: 1}, 431},
	} {
		body := h1.Body{Limits: c.limits}
		body.Start(h1.Framing{Kind: h1.Chunked})
		var err error
		for rest := []byte(raw); len(rest) > 0 && err == nil; {
			var n int
			_, n, err = body.Next(rest)
			rest = rest[n:]
		}
		if got := statusOf(err); got != c.status || body.Done() != (c.status == 0) {
			t.Errorf("%+v: got %d, done %t, want %d", c.limits, got, body.Done(), c.status)
		}
	}
}

func TestARequestLineHasThreePartsAndTwoSpaces(t *testing.T) {
	for line, status := range map[string]int{
		"GET / HTTP/1.1": 0, "G / HTTP/1.0": 0,
		"": 400, " ": 400, "GET": 400, "GET ": 400, "GET /": 400, " / HTTP/1.1": 400, "  HTTP/1.1": 400, "GET  HTTP/1.1": 400, "GET HTTP/1.1": 400,
		"GET  / HTTP/1.1": 400, "GET /  HTTP/1.1": 400, "GET / / HTTP/1.1": 400, "GET / HTTP/1.1 ": 400, "GET\t/ HTTP/1.1": 400, "GET /\tHTTP/1.1": 400,
		"GET / HTTP/2.0": 505, "G:T / HTTP/2.0": 505, "G:T / HTTP/1.1": 400, "GET /\x80 HTTP/1.1": 0, "GET /#a HTTP/1.1": 400, "GET / x HTTP/3.0": 505,
	} {
		var head h1.RequestHead
		_, err := head.Parse([]byte("\r\n" + line + "\r\nHost: a\r\n\r\n"))
		if got := statusOf(err); got != status {
			t.Errorf("%q: got %d (%v), want %d", line, got, err, status)
		}
	}
}

func TestConnectionOptionsAreNeverQuoted(t *testing.T) {
	for value, keep := range map[string]bool{
		"": true, "keep-alive": true, "x": true, "close": false, "CLOSE": false, "x, close": false, "\t,close ,": false, "x\" , close": false, "\"a, close, b\"": false,
		"closed": true, "x close": true, "\"close\"": true,
	} {
		var head h1.RequestHead
		_, err := head.Parse([]byte("GET / HTTP/1.1\r\nHost: a\r\nConnection: " + value + "\r\n\r\n"))
		if head.KeepAlive != keep || err != nil {
			t.Errorf("%q: got keep-alive %t, %v, want %t", value, head.KeepAlive, err, keep)
		}
	}
}

// statusOf is the status of an *h1.Error, 0 for nil and -1 for anything else.
func statusOf(err error) int {
	var fault *h1.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &fault):
		return fault.Status
	}
	return -1
}

// TestNothingIsLeftOfTheHeadBefore reads two heads with one value: the second has none of what the first had.
func TestNothingIsLeftOfTheHeadBefore(t *testing.T) {
	full := []byte("POST http://a.example/x HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nConnection: close, upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	plain := []byte("GET / HTTP/1.0\r\n\r\n")
	var used, fresh h1.RequestHead
	used.Limits.Lines = 50
	for _, first := range [][]byte{full, full[:100], []byte("GET / HTTP/3.0\r\n")} {
		used.Parse(first)
		used.Reset()
		fresh.Reset()
		used.Parse(plain)
		fresh.Parse(plain)
		if got, want := requestOf(&used).String(), requestOf(&fresh).String(); got != want {
			t.Errorf("behind %q: got\n%s\nwant\n%s", first, got, want)
		}
		used.Reset()
	}
	if used.Limits.Lines != 50 {
		t.Error("Reset forgets the limits")
	}

	var response h1.ResponseHead
	response.Parse([]byte("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "GET")
	response.Reset()
	n, err := response.Parse([]byte("HTTP/1.0 200\r\nContent-Length: 0\r\n\r\n"), "GET")
	if n == 0 || err != nil || response.Status != 200 || response.Upgrade || response.KeepAlive || response.Fields.Len() != 0 {
		t.Errorf("got %d, %v, %+v", n, err, response)
	}
}

func requestOf(head *h1.RequestHead) outcome {
	return outcome{
		method: head.Method, target: head.Target, host: head.Host, minor: head.Minor, fields: linesOf(&head.Fields), length: head.ContentLength,
		keep: head.KeepAlive, upgrade: head.Upgrade, expect: head.Expect100,
	}
}

func TestAnErrorSaysWhatIsWrongAndWhere(t *testing.T) {
	var head h1.RequestHead
	_, err := head.Parse([]byte("GET / HTTP/1.1\r\nHost : a\r\n"))
	if err == nil || err.Error() != "white space before the colon (RFC 9112 5.1)" {
		t.Errorf("got %v", err)
	}
}

// TestFramingLinesAreNotInTheSection holds that what the head's members say is said once.
func TestFramingLinesAreNotInTheSection(t *testing.T) {
	var head h1.RequestHead
	raw := "POST / HTTP/1.1\r\nHost: a\r\nCONTENT-LENGTH: 0\r\nA: 1\r\nConnection: x\r\n\r\n"
	if n, err := head.Parse([]byte(raw)); n != len(raw) || err != nil {
		t.Fatal(n, err)
	}
	if got, want := linesOf(&head.Fields), []string{"A: 1", "Connection: x"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := (h1.Framing{Kind: h1.Length}); head.Body != want || head.ContentLength != 0 {
		t.Errorf("got %+v, want %+v", head.Body, want)
	}
}
