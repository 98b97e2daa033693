package test

import (
	"bufio"
	"crypto/tls"
	endian "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// The types of frames (RFC 9113 6), their flags and the error codes (RFC 9113 7) that are needed here.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway, frameContinuation = 0, 1, 3, 4, 6, 7, 9

	endStream, endHeaders, ack = 1, 4, 1
)

// preface is what a client begins a connection with (RFC 9113 3.4), but for its settings.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// frame is one frame as it was read.
type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

// wire is the frame's bytes (RFC 9113 4.1).
func (f frame) wire() []byte {
	n := len(f.payload)
	head := []byte{byte(n >> 16), byte(n >> 8), byte(n), f.kind, f.flags}
	return append(endian.BigEndian.AppendUint32(head, f.stream), f.payload...)
}

func readFrame(r io.Reader) (f frame, err error) {
	var head [9]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	f.kind, f.flags, f.stream = head[3], head[4], endian.BigEndian.Uint32(head[5:])&^(1<<31)
	f.payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(r, f.payload)
	return f, err
}

// fields is a field section: names and values in turn, whatever they hold.
type fields []string

// block is the section as literals without indexing and without Huffman's code (RFC 7541 6.2.2): its bytes are on the wire as they are here.
func (f fields) block() (b []byte) {
	for i, text := range f {
		if i%2 == 0 {
			b = append(b, 0)
		}
		b = append(appendLength(b, len(text)), text...)
	}
	return b
}

// appendLength writes a string's length with a prefix of seven bits (RFC 7541 5.1).
func appendLength(b []byte, n int) []byte {
	if n < 127 {
		return append(b, byte(n))
	}
	return endian.AppendUvarint(append(b, 127), uint64(n-127))
}

// with is f with more lines. A pseudo-header field that f has takes the new value in its place.
func (f fields) with(more ...string) fields {
	all := append(fields{}, f...)
next:
	for i := 0; i < len(more); i += 2 {
		for j := 0; j < len(f) && more[i] != "" && more[i][0] == ':'; j += 2 {
			if all[j] == more[i] {
				all[j+1] = more[i+1]
				continue next
			}
		}
		all = append(all, more[i], more[i+1])
	}
	return all
}

// without is f but for the lines of that name.
func (f fields) without(name string) (rest fields) {
	for i := 0; i < len(f); i += 2 {
		if f[i] != name {
			rest = append(rest, f[i], f[i+1])
		}
	}
	return rest
}

// h2Client is a client's connection on which anything can be sent.
type h2Client struct {
	net.Conn
	r    *bufio.Reader
	last uint32 // stream
}

// dialH2 opens a connection, over TLS if secure, and exchanges the settings: the peer is told to index nothing.
func dialH2(t *testing.T, address string, secure bool) *h2Client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "a.example", NextProtos: []string{"h2"}})
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	c := &h2Client{Conn: conn, r: bufio.NewReader(conn)}
	noTable := []byte{0, 1, 0, 0, 0, 0} // SETTINGS_HEADER_TABLE_SIZE
	c.send(t, append([]byte(preface), frame{kind: frameSettings, payload: noTable}.wire()...))
	c.send(t, frame{kind: frameSettings, flags: ack}.wire())
	return c
}

func (c *h2Client) send(t *testing.T, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// request is what is sent on one stream: the head, what follows it, and trailers.
type h2Request struct {
	head    fields
	data    []string // DATA frames
	trailer fields
	open    bool // the stream is not ended
}

// wire is the request's frames. A head that is larger than a frame may be goes on in CONTINUATION.
func (q h2Request) wire(stream uint32) (b []byte) {
	last := func(i, n int) byte {
		if i == n-1 && !q.open {
			return endStream
		}
		return 0
	}
	parts := 1 + len(q.data)
	if q.trailer != nil {
		parts++
	}
	b = section(stream, q.head, last(0, parts))
	for i, text := range q.data {
		b = append(b, frame{frameData, last(i+1, parts), stream, []byte(text)}.wire()...)
	}
	if q.trailer != nil {
		b = append(b, section(stream, q.trailer, endStream)...)
	}
	return b
}

// section is the frames of a field section.
func section(stream uint32, f fields, flags byte) (b []byte) {
	const most = 16 << 10
	block, kind := f.block(), byte(frameHeaders)
	for len(block) > most {
		b = append(b, frame{kind, flags, stream, block[:most]}.wire()...)
		block, kind, flags = block[most:], frameContinuation, 0
	}
	return append(b, frame{kind, flags | endHeaders, stream, block}.wire()...)
}

// ask sends a request on a new stream and says what becomes of it: "200", or another status; "reset PROTOCOL_ERROR", if the stream was reset
// instead; "gone", if the connection was. A status is final when the stream has ended, either way.
func (c *h2Client) ask(t *testing.T, q h2Request) (outcome string) {
	t.Helper()
	if c.last += 2; c.last == 2 {
		c.last = 1
	}
	if _, err := c.Write(q.wire(c.last)); err != nil {
		return "gone"
	}
	for {
		f, err := readFrame(c.r)
		switch {
		case err != nil && outcome == "":
			return "gone"
		case err != nil:
			return outcome + " and gone"
		case f.kind == frameGoAway && outcome == "":
			return "gone"
		case f.stream != c.last:
			continue
		case f.kind == frameReset && outcome == "":
			return "reset " + errorCode(f.payload)
		case f.kind == frameReset:
			return outcome
		case f.kind == frameHeaders && (outcome == "" || outcome[0] == '1'):
			if outcome, err = status(f.payload); err != nil {
				t.Fatal(err)
			}
		}
		if f.flags&endStream != 0 && (f.kind == frameHeaders || f.kind == frameData) {
			return outcome
		}
	}
}

func errorCode(payload []byte) string {
	names := strings.Fields("NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR REFUSED_STREAM CANCEL")
	if len(payload) != 4 || int(endian.BigEndian.Uint32(payload)) >= len(names) {
		return fmt.Sprintf("%x", payload)
	}
	return names[endian.BigEndian.Uint32(payload)]
}

var errNoStatus = errors.New("no :status at the front of the response")

// status reads :status, which comes first, from a response's field block.
func status(block []byte) (string, error) {
	for len(block) > 0 && block[0]>>5 == 1 { // the size of the dynamic table, which is 0 (RFC 7541 6.3)
		block = block[1:]
	}
	indexed := map[byte]string{0x88: "200", 0x89: "204", 0x8a: "206", 0x8b: "304", 0x8c: "400", 0x8d: "404", 0x8e: "500"}
	switch {
	case len(block) > 0 && indexed[block[0]] != "":
		return indexed[block[0]], nil
	case len(block) < 2 || block[0]&0x3f < 8 || block[0]&0x3f > 14, len(block) < 2+int(block[1]&0x7f): // :status is 8 to 14 in the static table
		return "", errNoStatus
	}
	text := block[2 : 2+block[1]&0x7f]
	if block[1]&0x80 == 0 {
		return string(text), nil
	}
	return digits(text), nil
}

// digits decodes Huffman's code for three digits (RFC 7541, appendix B): five bits for 0 to 2, six for the others.
func digits(code []byte) (text string) {
	var bits uint32
	for i := range 4 {
		bits <<= 8
		if i < len(code) {
			bits |= uint32(code[i])
		}
	}
	for range 3 {
		if five := bits >> 27; five < 3 {
			text, bits = text+string('0'+rune(five)), bits<<5
		} else {
			text, bits = text+string('3'+rune(bits>>26-0x19)), bits<<6
		}
	}
	return text
}

func TestStatusesAreReadFromFieldBlocks(t *testing.T) {
	for want, block := range map[string][]byte{
		"200": {0x20, 0x88}, "431": {0x08, 3, '4', '3', '1'}, "502": {0x48, 0x82, 0x6c, 0x02}, "307": {0x48, 0x83, 0x64, 0x0e, 0xff},
	} {
		if got, err := status(block); got != want || err != nil {
			t.Errorf("got %q, %v, want %s", got, err, want)
		}
	}
	if got, err := status([]byte{0x40, 1, 'a', 1, 'b'}); err == nil {
		t.Errorf("no status: got %q", got)
	}
}
