package h1_test

import (
	"strings"
	"testing"

	"usher/proxy/h1"
)

func started(f h1.Framing) *h1.Body {
	b := &h1.Body{}
	b.Start(f)
	return b
}

func TestABodyEndsWhereItsFramingSays(t *testing.T) {
	for _, c := range []struct {
		name    string
		framing h1.Framing
		input   string
		data    string
		used    int
		done    bool
	}{
		{"none", h1.Framing{}, "x", "", 0, true},
		{"length 0", h1.Framing{Kind: h1.Length}, "x", "", 0, true},
		{"length", h1.Framing{Kind: h1.Length, Length: 2}, "xyz", "xy", 2, true},
		{"length, more to come", h1.Framing{Kind: h1.Length, Length: 4}, "xyz", "xyz", 3, false},
		{"chunked", h1.Framing{Kind: h1.Chunked}, "2\r\nxy\r\n0\r\n\r\nz", "xy", 12, true},
		{"chunked, two chunks", h1.Framing{Kind: h1.Chunked}, "2\r\nxy\r\n1\r\nz\r\n", "xy", 10, false},
		{"until the close", h1.Framing{Kind: h1.UntilClose}, "xyz", "xyz", 3, false},
	} {
		b := started(c.framing)
		data, n, err := b.Next([]byte(c.input))
		if string(data) != c.data || n != c.used || b.Done() != c.done || err != nil {
			t.Errorf("%s: got %q, %d, %v, done %t; want %q, %d, done %t", c.name, data, n, err, b.Done(), c.data, c.used, c.done)
		}
	}
}

func TestTheEndOfInputEndsABodyThatLastsUntilTheClose(t *testing.T) {
	b := started(h1.Framing{Kind: h1.UntilClose})
	if err := b.End(); err != nil || !b.Done() {
		t.Errorf("got %v, done %t", err, b.Done())
	}
	for _, f := range []h1.Framing{{Kind: h1.Length, Length: 1}, {Kind: h1.Chunked}} {
		if err := started(f).End(); err == nil {
			t.Errorf("%+v: an end before the end is no error", f)
		}
	}
	for _, f := range []h1.Framing{{}, {Kind: h1.Length}} {
		if err := started(f).End(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// TestPayloadMayMovePastTheParser moves what is certain to be payload by itself, as splice does.
func TestPayloadMayMovePastTheParser(t *testing.T) {
	b := started(h1.Framing{Kind: h1.Length, Length: 1 << 40})
	b.Next(make([]byte, 1000))
	if got, want := b.Left(), int64(1<<40-1000); got != want {
		t.Fatalf("got %d left, want %d", got, want)
	}
	if b.Skip(b.Left()); !b.Done() {
		t.Error("not done behind the last byte")
	}

	b = started(h1.Framing{Kind: h1.Chunked})
	if b.Left() != 0 {
		t.Error("payload is certain before a chunk size is there")
	}
	b.Skip(0)
	b.Next([]byte("5\r\nab"))
	if got := b.Left(); got != 3 {
		t.Fatalf("got %d left, want 3", got)
	}
	b.Skip(2)
	b.Skip(1)
	if _, n, err := b.Next([]byte("\r\n0\r\n\r\nx")); n != 7 || err != nil || !b.Done() || b.Left() != 0 {
		t.Errorf("got %d, %v, done %t, want 7", n, err, b.Done())
	}
	b = started(h1.Framing{Kind: h1.UntilClose})
	if b.Left() != 0 {
		t.Error("payload is certain before the close")
	}
}

// TestExtensionsArePaidForByPayload lets a long upload sign each of its chunks, and no sender fill a connection with nothing.
func TestExtensionsArePaidForByPayload(t *testing.T) {
	signed := "100;signature=" + strings.Repeat("f", 64) + "\r\n" + strings.Repeat("d", 256) + "\r\n"
	idle := "1;signature=" + strings.Repeat("f", 64) + "\r\nd\r\n"
	for _, c := range []struct {
		chunk string
		fails bool
	}{{signed, false}, {idle, true}} {
		o := outcome{verdict: "pass", framing: h1.Framing{Kind: h1.Chunked}}.withBody([]byte(strings.Repeat(c.chunk, 1000)+"0\r\n\r\n"), nil, true)
		if (o.err != nil) != c.fails {
			t.Errorf("a thousand times %.20q: got %v", c.chunk, o.err)
		}
	}
}

// TestNoTrailerIsLeftOfTheBodyBefore uses one Body twice.
func TestNoTrailerIsLeftOfTheBodyBefore(t *testing.T) {
	b := started(h1.Framing{Kind: h1.Chunked})
	b.Next([]byte("0\r\nX: y\r\n\r\n"))
	if got := b.Trailer.Get("X"); got != "y" || !b.Done() {
		t.Fatalf("got %q, done %t", got, b.Done())
	}
	b.Start(h1.Framing{Kind: h1.Chunked})
	if b.Next([]byte("0\r\n\r\n")); b.Trailer.Len() != 0 || !b.Done() {
		t.Errorf("got %d trailers, done %t", b.Trailer.Len(), b.Done())
	}
}
