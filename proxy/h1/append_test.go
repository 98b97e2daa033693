package h1_test

import (
	"errors"
	"strings"
	"testing"

	"usher/proxy/field"
	"usher/proxy/h1"
)

func section(lines ...string) *field.Section {
	var s field.Section
	for i := 0; i < len(lines); i += 2 {
		s.Add(lines[i], lines[i+1])
	}
	return &s
}

func TestARequestHeadIsWritten(t *testing.T) {
	get := h1.RequestLine{Method: "GET", Target: "/a?b", Host: "a.example"}
	const line = "GET /a?b HTTP/1.1\r\nHost: a.example\r\n"
	own := section("Host", "b", "content-length", "9", "TRANSFER-ENCODING", "chunked", "Connection", "X", "Keep-Alive", "1", "Proxy-Connection", "x",
		"Trailer", "X", "Upgrade", "websocket", "X", "y")
	for _, c := range []struct {
		name   string
		fields *field.Section
		hop    h1.Hop
		want   string
	}{
		{"alone", section(), h1.Hop{}, ""},
		{"fields in order", section("B", "1", "A", "", "B", "2"), h1.Hop{}, "B: 1\r\nA: \r\nB: 2\r\n"},
		{"the writer's own fields are not copied", own, h1.Hop{}, "X: y\r\n"},
		{"a length", section(), h1.Hop{Body: h1.Framing{Kind: h1.Length, Length: 12}}, "Content-Length: 12\r\n"},
		{"an empty body", section(), h1.Hop{Body: h1.Framing{Kind: h1.Length}}, "Content-Length: 0\r\n"},
		{"chunks", section(), h1.Hop{Body: h1.Framing{Kind: h1.Chunked}}, "Transfer-Encoding: chunked\r\n"},
		{"chunks and trailers", section(), h1.Hop{Body: h1.Framing{Kind: h1.Chunked}, Trailer: "A, B"}, "Transfer-Encoding: chunked\r\nTrailer: A, B\r\n"},
		{"trailers without chunks", section(), h1.Hop{Trailer: "A"}, ""},
		{"close", section(), h1.Hop{Close: true, KeepAlive: true}, "Connection: close\r\n"},
		{"keep-alive", section(), h1.Hop{KeepAlive: true}, "Connection: keep-alive\r\n"},
		{"an upgrade", own, h1.Hop{Upgrade: true}, "Upgrade: websocket\r\nX: y\r\nConnection: Upgrade\r\n"},
		{"TE is for this hop", section("te", "trailers"), h1.Hop{Close: true}, "te: trailers\r\nConnection: close, TE\r\n"},
	} {
		got, err := h1.AppendRequestHead([]byte("before"), get, c.fields, c.hop)
		if want := "before" + line + c.want + "\r\n"; string(got) != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, want)
		}
	}
}

func TestAResponseHeadIsWritten(t *testing.T) {
	length := h1.Framing{Kind: h1.Length, Length: 3}
	for _, c := range []struct {
		status int
		hop    h1.Hop
		want   string
	}{
		{200, h1.Hop{Body: length}, "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 3\r\n\r\n"},
		{299, h1.Hop{Body: length}, "HTTP/1.1 299 \r\nX: y\r\nContent-Length: 3\r\n\r\n"},
		{304, h1.Hop{Body: length}, "HTTP/1.1 304 Not Modified\r\nX: y\r\nContent-Length: 3\r\n\r\n"},
		{204, h1.Hop{Body: length}, "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"},
		{103, h1.Hop{Body: length}, "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"},
		{204, h1.Hop{Body: h1.Framing{Kind: h1.Chunked}}, "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"},
		{200, h1.Hop{Body: h1.Framing{Kind: h1.UntilClose}, KeepAlive: true}, "HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\n"},
		{200, h1.Hop{Body: length, KeepAlive: true}, "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n"},
	} {
		got, err := h1.AppendResponseHead(nil, c.status, section("X", "y", "Content-Length", "7"), c.hop)
		if string(got) != c.want || err != nil {
			t.Errorf("%d: got %q, %v, want %q", c.status, got, err, c.want)
		}
	}
}

func TestWhatCannotStandOnTheWireIsNotWritten(t *testing.T) {
	good := h1.RequestLine{Method: "GET", Target: "/", Host: "a"}
	type parts struct {
		line   h1.RequestLine
		fields *field.Section
		hop    h1.Hop
	}
	requests := map[string]parts{
		"method":      {h1.RequestLine{Method: "G T", Target: "/", Host: "a"}, section(), h1.Hop{}},
		"no method":   {h1.RequestLine{Target: "/", Host: "a"}, section(), h1.Hop{}},
		"target":      {h1.RequestLine{Method: "GET", Target: "/ HTTP/1.1\r\nX: y", Host: "a"}, section(), h1.Hop{}},
		"no target":   {h1.RequestLine{Method: "GET", Host: "a"}, section(), h1.Hop{}},
		"host":        {h1.RequestLine{Method: "GET", Target: "/", Host: "a\r\nX: y"}, section(), h1.Hop{}},
		"no host":     {h1.RequestLine{Method: "GET", Target: "/"}, section(), h1.Hop{}},
		"until close": {good, section(), h1.Hop{Body: h1.Framing{Kind: h1.UntilClose}}},
		"length":      {good, section(), h1.Hop{Body: h1.Framing{Kind: h1.Length, Length: -1}}},
		"trailer":     {good, section(), h1.Hop{Body: h1.Framing{Kind: h1.Chunked}, Trailer: "a\nb"}},
	}
	for name, bad := range map[string]string{"LF": "a\nb", "CR": "a\rb", "NUL": "a\x00b", "DEL": "a\x7fb", "long and late": "01234567890123456789\n"} {
		requests[name+" in a value"] = parts{good, section("A", "1", "X", bad), h1.Hop{}}
		requests[name+" in a name"] = parts{good, section("A", "1", bad, "y"), h1.Hop{}}
	}
	requests["a space in a name"] = parts{good, section("X ", "y"), h1.Hop{}}
	requests["a colon in a name"] = parts{good, section("X:", "y"), h1.Hop{}}
	requests["no name"] = parts{good, section("", "y"), h1.Hop{}}
	for name, p := range requests {
		got, err := h1.AppendRequestHead([]byte("before"), p.line, p.fields, p.hop)
		if !errors.Is(err, h1.ErrUnwritable) || string(got) != "before" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for _, status := range []int{-1, 0, 99, 600, 1000} {
		if got, err := h1.AppendResponseHead([]byte("before"), status, section(), h1.Hop{}); !errors.Is(err, h1.ErrUnwritable) || string(got) != "before" {
			t.Errorf("status %d: got %q, %v", status, got, err)
		}
	}
	if got, err := h1.AppendResponseHead([]byte("before"), 200, section("X", "a\r\nb"), h1.Hop{}); !errors.Is(err, h1.ErrUnwritable) || string(got) != "before" {
		t.Errorf("a response: got %q, %v", got, err)
	}
	if got, err := h1.AppendLastChunk([]byte("before"), section("X", "a\r\nb")); !errors.Is(err, h1.ErrUnwritable) || string(got) != "before" {
		t.Errorf("a trailer: got %q, %v", got, err)
	}
}

func TestChunksAreWritten(t *testing.T) {
	dst := h1.AppendChunk([]byte("<"), nil)
	dst = h1.AppendChunk(dst, []byte(strings.Repeat("x", 26)))
	dst = h1.AppendChunkHead(dst, 2)
	dst = append(dst, "yz"+h1.ChunkEnd...)
	dst, err := h1.AppendLastChunk(dst, nil)
	if want := "<1a\r\n" + strings.Repeat("x", 26) + "\r\n2\r\nyz\r\n0\r\n\r\n"; string(dst) != want || err != nil {
		t.Errorf("got %q, %v, want %q", dst, err, want)
	}
	dst, err = h1.AppendLastChunk(nil, section("A", "1", "Content-Length", "5", "Host", "x", "Transfer-Encoding", "chunked", "B", "2"))
	if want := "0\r\nA: 1\r\nB: 2\r\n\r\n"; string(dst) != want || err != nil {
		t.Errorf("got %q, %v, want %q", dst, err, want)
	}
}

func TestStatusCodesHaveTheirPhrases(t *testing.T) {
	for status, want := range map[int]string{200: "OK", 404: "Not Found", 502: "Bad Gateway", 511: "Network Authentication Required", 299: "", 599: "", 9999: "", -1: ""} {
		if got := h1.Reason(status); got != want {
			t.Errorf("Reason(%d): got %q, want %q", status, got, want)
		}
	}
}
