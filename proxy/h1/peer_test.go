package h1_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"usher/proxy/field"
	"usher/proxy/h1"
)

// FuzzRequestAgainstNetHTTP holds that whatever h1 reads as a request, net/http reads as the same one, and that what h1 writes of it is
// exactly one request, with the same meaning, to both.
func FuzzRequestAgainstNetHTTP(f *testing.F) {
	for _, c := range readCases(f, "requests.json") {
		if raw := c.bytes(); len(raw) < 4000 {
			f.Add(raw, uint64(1))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64) {
		raw = spliced(raw, seed)
		got := readRequest([][]byte{raw}, h1.Limits{})
		if parted := readRequest(randomPieces(raw, seed), h1.Limits{}); parted.String() != got.String() {
			t.Fatalf("parted:\n%s\nwhole:\n%s", parted, got)
		}
		if got.verdict != "pass" || announcesFraming(got) {
			return
		}
		want := peerRequest(t, bytes.TrimPrefix(raw, []byte("\r\n")))
		if g, w := asPeer(got).String(), asPeer(want).String(); g != w {
			t.Fatalf("h1:\n%s\nnet/http:\n%s", g, w)
		}

		written := writeRequest(t, got, seed)
		again, peer := readRequest([][]byte{written}, wide), peerRequest(t, written)
		peer.upgrade = got.upgrade // it has no word for that
		w := forwarded(got)
		w.rest = ""
		if g := forwarded(again).String(); g != w.String() {
			t.Fatalf("written:\n%q\nread by h1:\n%s\nwant:\n%s", written, g, w)
		}
		if g := asPeer(forwarded(peer)).String(); g != asPeer(w).String() {
			t.Fatalf("written:\n%q\nread by net/http:\n%s\nwant:\n%s", written, g, asPeer(w))
		}
	})
}

// FuzzResponseAgainstNetHTTP holds the same of responses.
func FuzzResponseAgainstNetHTTP(f *testing.F) {
	for _, c := range readCases(f, "responses.json") {
		if raw := c.bytes(); len(raw) < 4000 {
			f.Add(raw, c.Method == "HEAD", uint64(1))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, head bool, seed uint64) {
		raw = spliced(raw, seed)
		method := "GET"
		if head {
			method = "HEAD"
		}
		got := readResponse([][]byte{raw}, method, true, h1.Limits{})
		if parted := readResponse(randomPieces(raw, seed), method, true, h1.Limits{}); parted.String() != got.String() {
			t.Fatalf("parted:\n%s\nwhole:\n%s", parted, got)
		}
		if got.verdict != "pass" || announcesFraming(got) {
			return
		}
		want := peerResponse(t, raw, method)
		if g, w := asPeer(got).String(), asPeer(want).String(); g != w {
			t.Fatalf("h1:\n%s\nnet/http:\n%s", g, w)
		}

		written := writeResponse(t, got, method, seed)
		again, peer := readResponse([][]byte{written}, method, true, wide), peerResponse(t, written, method)
		peer.upgrade = got.upgrade // it has no word for that
		w := forwarded(got)
		w.rest = ""
		if g := forwarded(again).String(); g != w.String() {
			t.Fatalf("written:\n%q\nread by h1:\n%s\nwant:\n%s", written, g, w)
		}
		if g := asPeer(forwarded(peer)).String(); g != asPeer(w).String() {
			t.Fatalf("written:\n%q\nread by net/http:\n%s\nwant:\n%s", written, g, asPeer(w))
		}
	})
}

// announcesFraming reports whether a Trailer line names what net/http refuses to see named there. h1 lets the line pass, because it never
// writes one that it has read.
func announcesFraming(o outcome) bool {
	for _, l := range o.fields {
		name, value, _ := strings.Cut(l, ": ")
		if !strings.EqualFold(name, "Trailer") {
			continue
		}
		for t := range field.Tokens(value) {
			if slices.ContainsFunc([]string{"Content-Length", "Transfer-Encoding", "Trailer"}, func(s string) bool { return strings.EqualFold(s, t) }) {
				return true
			}
		}
	}
	return false
}

func peerRequest(t *testing.T, raw []byte) outcome {
	t.Helper()
	r := bufio.NewReaderSize(bytes.NewReader(raw), 1<<17)
	q, err := http.ReadRequest(r)
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", raw, err)
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		t.Fatalf("net/http refuses the body of %q: %v", raw, err)
	}
	rest, _ := io.ReadAll(r)
	return outcome{
		verdict: "pass", method: q.Method, target: q.RequestURI, host: q.Host, minor: q.ProtoMinor, fields: linesOfHeader(q.Header),
		length: q.ContentLength, body: string(body), trailer: linesOfHeader(q.Trailer), keep: !q.Close, rest: string(rest),
	}
}

func peerResponse(t *testing.T, raw []byte, method string) outcome {
	t.Helper()
	r := bufio.NewReaderSize(bytes.NewReader(raw), 1<<17)
	p, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", raw, err)
	}
	body, err := io.ReadAll(p.Body)
	if err != nil {
		t.Fatalf("net/http refuses the body of %q: %v", raw, err)
	}
	rest, _ := io.ReadAll(r)
	return outcome{
		verdict: "pass", status: p.StatusCode, minor: p.ProtoMinor, fields: linesOfHeader(p.Header), length: p.ContentLength, body: string(body),
		trailer: linesOfHeader(p.Trailer), keep: !p.Close, rest: string(rest),
	}
}

func linesOfHeader(h http.Header) (lines []string) {
	for name, values := range h {
		for _, v := range values {
			lines = append(lines, name+": "+v)
		}
	}
	return lines
}

// asPeer is what both readers can say of a message: names in net/http's form, lines in an order of their own, and without what net/http
// adds or takes away.
func asPeer(o outcome) outcome {
	o.fields, o.trailer = canonical(o.fields), canonical(o.trailer)
	if slices.Contains(o.fields, "Pragma: no-cache") { // net/http makes a Cache-Control of it, if it comes first
		o.fields = slices.DeleteFunc(o.fields, func(l string) bool { return l == "Cache-Control: no-cache" })
	}
	if scheme, rest, ok := strings.Cut(o.target, "://"); ok && !strings.ContainsAny(scheme, "/?*") {
		_, path, _ := strings.Cut(rest, "/")
		if i := strings.IndexByte(rest, '?'); i >= 0 && i < len(rest)-len(path) {
			path = rest[i:]
		}
		o.target = "/" + path
		if o.method == "OPTIONS" && !strings.ContainsAny(rest, "/?") {
			o.target = "*"
		}
	}
	o.host, o.length, o.expect, o.upgrade = strings.ToLower(o.host), 0, false, false
	return o
}

// canonical drops what the readers treat differently: framing fields, and a response's Connection: close, which net/http removes.
func canonical(lines []string) (out []string) {
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		name = textproto.CanonicalMIMEHeaderKey(name)
		if !slices.Contains([]string{"Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Host"}, name) {
			out = append(out, name+": "+value)
		}
	}
	slices.Sort(out)
	return out
}

// forwarded is what is left of a message behind the next hop: the writer's own fields are not compared.
func forwarded(o outcome) outcome {
	o.fields, o.trailer = endToEnd(o.fields, o.upgrade), endToEnd(o.trailer, false)
	o.length, o.minor, o.expect = 0, 1, false
	if o.host == "" && o.status == 0 {
		o.host = unnamed
	}
	return o
}

func endToEnd(lines []string, upgrade bool) (out []string) {
	for _, l := range lines {
		name, _, _ := strings.Cut(strings.ToLower(l), ": ")
		own := []string{"host", "connection", "keep-alive", "proxy-connection", "trailer", "content-length", "transfer-encoding"}
		if !slices.Contains(own, name) && (name != "upgrade" || upgrade) {
			out = append(out, l)
		}
	}
	return out
}

const unnamed = "unnamed.example"

// wide makes room for the lines that a writer adds to a head which was as large as it may be.
var wide = h1.Limits{HeadBytes: 64 << 10, Lines: 110}

func writeRequest(t *testing.T, o outcome, seed uint64) []byte {
	t.Helper()
	line := h1.RequestLine{Method: o.method, Target: o.target, Host: o.host}
	if line.Host == "" {
		line.Host = unnamed
	}
	dst, err := h1.AppendRequestHead(nil, line, sectionOf(o.fields), h1.Hop{Body: o.framing, Close: !o.keep, Upgrade: o.upgrade})
	if err != nil {
		t.Fatalf("%v: %s", err, o)
	}
	return writeBody(t, dst, o, seed)
}

func writeResponse(t *testing.T, o outcome, method string, seed uint64) []byte {
	t.Helper()
	hop := h1.Hop{Body: o.framing, Close: !o.keep, Upgrade: o.upgrade}
	if method == "HEAD" && o.length >= 0 {
		hop.Body = h1.Framing{Kind: h1.Length, Length: o.length}
	}
	dst, err := h1.AppendResponseHead(nil, o.status, sectionOf(o.fields), hop)
	if err != nil {
		t.Fatalf("%v: %s", err, o)
	}
	return writeBody(t, dst, o, seed)
}

func writeBody(t *testing.T, dst []byte, o outcome, seed uint64) []byte {
	t.Helper()
	if o.framing.Kind != h1.Chunked {
		return append(dst, o.body...)
	}
	for _, piece := range randomPieces([]byte(o.body), seed) {
		dst = h1.AppendChunk(dst, piece)
	}
	dst, err := h1.AppendLastChunk(dst, sectionOf(o.trailer))
	if err != nil {
		t.Fatalf("%v: %s", err, o)
	}
	return dst
}

func sectionOf(lines []string) *field.Section {
	var s field.Section
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		s.Add(name, value)
	}
	return &s
}

// FuzzBody holds that a body is read the same however it is parted, that net/http's reader finds the same payload, and that nothing behind
// it is used.
func FuzzBody(f *testing.F) {
	for _, file := range []string{"requests.json", "responses.json"} {
		for _, c := range readCases(f, file) {
			if _, body, ok := strings.Cut(string(c.bytes()), "\r\n\r\n"); ok && len(body) < 4000 {
				f.Add([]byte(body), uint8(h1.Chunked), int64(0), uint64(1))
				f.Add([]byte(body), uint8(h1.Length), int64(3), uint64(1))
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, kind uint8, length int64, seed uint64) {
		raw = spliced(raw, seed)
		o := outcome{verdict: "pass", framing: h1.Framing{Kind: h1.Kind(kind % 4), Length: max(0, length)}}
		whole := o.withBody(raw, nil, true)
		if parted := o.withBody(nil, randomPieces(raw, seed), true); parted.String() != whole.String() {
			t.Fatalf("parted:\n%s\nwhole:\n%s", parted, whole)
		}
		if whole.verdict != "pass" {
			return
		}
		if !strings.HasSuffix(string(raw), whole.rest) {
			t.Fatalf("the rest %q is not the end of %q", whole.rest, raw)
		}
		if o.framing.Kind == h1.Chunked {
			checkChunked(t, raw, whole)
		}
		written := writeBody(t, nil, whole.framed(o.framing), seed)
		if again := o.withBody(written, nil, true); fmt.Sprint(again.body, endToEnd(again.trailer, false)) != fmt.Sprint(whole.body, endToEnd(whole.trailer, false)) {
			t.Fatalf("written %q and read again:\n%s\nwant:\n%s", written, again, whole)
		}
	})
}

func (o outcome) framed(f h1.Framing) outcome {
	o.framing = f
	return o
}

func checkChunked(t *testing.T, raw []byte, got outcome) {
	t.Helper()
	head := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	peer := peerRequest(t, append([]byte(head), raw...))
	if got.body != peer.body || got.rest != peer.rest || !slices.Equal(canonicalTrailer(got.trailer), canonicalTrailer(peer.trailer)) {
		t.Fatalf("h1:\n%s\nnet/http:\n%s", got, peer)
	}
}

func canonicalTrailer(lines []string) (out []string) {
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		out = append(out, textproto.CanonicalMIMEHeaderKey(name)+": "+value)
	}
	slices.Sort(out)
	return out
}

// spliced puts up to three of the words that messages hang on into raw. Most seeds do: bytes alone seldom make one.
func spliced(raw []byte, seed uint64) []byte {
	words := []string{
		"\r\n", "\r\n\r\n", "\n", "\r", " ", "\t", ":", ",", ";", "0", "0\r\n\r\n", "1\r\nx\r\n", "\x00", "%", "//", "?", "HTTP/1.0", "HTTP/1.1", "http://a.example",
		"Host: a.example\r\n", "Content-Length: 3\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "chunked", "close",
		"Connection: close\r\n", "Connection: keep-alive\r\n", "Trailer: X\r\n", "X: y\r\n", "OPTIONS", "CONNECT", "*",
	}
	r := rand.New(rand.NewPCG(seed, 0))
	out := slices.Clone(raw)
	for range seed % 4 {
		at := r.IntN(len(out) + 1)
		out = slices.Insert(out, at, []byte(words[r.IntN(len(words))])...)
	}
	return out
}

// TestPiecesAddUp keeps the fuzz tests honest: what parts a message loses nothing of it.
func TestPiecesAddUp(t *testing.T) {
	raw := make([]byte, 999)
	for i := range raw {
		raw[i] = byte(rand.IntN(256))
	}
	for seed := range uint64(50) {
		if got := bytes.Join(randomPieces(raw, seed), nil); !bytes.Equal(got, raw) {
			t.Fatalf("seed %d: the pieces are not the message", seed)
		}
	}
}
