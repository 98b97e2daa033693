package h1_test

import (
	"errors"
	"fmt"
	"strings"

	"usher/proxy/field"
	"usher/proxy/h1"
)

// buffer is what a reader keeps of a head that has not arrived in full. When it grows the bytes move, and where they were is overwritten:
// no view may outlive that.
type buffer struct{ bytes []byte }

func (b *buffer) add(piece []byte) {
	if need := len(b.bytes) + len(piece); need > cap(b.bytes) {
		old := b.bytes
		b.bytes = append(make([]byte, 0, 2*need), old...)
		for i := range old {
			old[i] = 0
		}
	}
	b.bytes = append(b.bytes, piece...)
}

// readRequest reads one request that arrives in pieces, and nothing behind it.
func readRequest(pieces [][]byte, l h1.Limits) (o outcome) {
	head := h1.RequestHead{Limits: l}
	spare, pieces, err := readHead(pieces, head.Parse)
	if err != nil || spare == nil {
		return verdict(err)
	}
	o = outcome{
		verdict: "pass", method: strings.Clone(head.Method), target: strings.Clone(head.Target), host: strings.Clone(head.Host), minor: head.Minor,
		fields: linesOf(&head.Fields), length: head.ContentLength, framing: head.Body, keep: head.KeepAlive, upgrade: head.Upgrade,
		expect: head.Expect100,
	}
	return o.withBody(spare, pieces, false)
}

// readResponse reads one response to a request of that method. At eof the connection ends behind the pieces.
func readResponse(pieces [][]byte, method string, eof bool, l h1.Limits) (o outcome) {
	head := h1.ResponseHead{Limits: l}
	spare, pieces, err := readHead(pieces, func(b []byte) (int, error) { return head.Parse(b, method) })
	if err != nil || spare == nil {
		o = verdict(err)
		return o.asResponse()
	}
	o = outcome{
		verdict: "pass", status: head.Status, minor: head.Minor, fields: linesOf(&head.Fields), length: head.ContentLength, framing: head.Body,
		keep: head.KeepAlive, upgrade: head.Upgrade,
	}
	o = o.withBody(spare, pieces, eof)
	return o.asResponse()
}

// asResponse has what is wrong with a response answered by 502.
func (o outcome) asResponse() outcome {
	if o.err != nil {
		o.verdict = "refuse 502"
	}
	return o
}

// readHead parses pieces until there is a head, and returns the bytes behind it, nil if there is none, and the pieces that are left.
func readHead(pieces [][]byte, parse func([]byte) (int, error)) (spare []byte, rest [][]byte, err error) {
	var b buffer
	for i, piece := range pieces {
		b.add(piece)
		n, err := parse(b.bytes)
		if err != nil {
			return nil, nil, err
		}
		if n > 0 {
			return b.bytes[n:], pieces[i+1:], nil
		}
	}
	return nil, nil, nil
}

// withBody reads the body that is in spare and the pieces.
func (o outcome) withBody(spare []byte, pieces [][]byte, eof bool) outcome {
	var body h1.Body
	body.Start(o.framing)
	var data []byte
	for _, piece := range append([][]byte{spare}, pieces...) {
		piece = append([]byte(nil), piece...)
		whole := piece
		for len(piece) > 0 && !body.Done() {
			d, n, err := body.Next(piece)
			if err == nil && n == 0 {
				err = errors.New("nothing was used")
			}
			if err != nil {
				return verdict(err)
			}
			data, piece = append(data, d...), piece[n:]
		}
		o.rest += string(piece)
		clear(whole) // nothing of a piece may be kept
	}
	if eof {
		if err := body.End(); err != nil {
			return verdict(err)
		}
	}
	if !body.Done() {
		return verdict(nil)
	}
	o.body, o.trailer = string(data), linesOf(&body.Trailer)
	return o
}

func verdict(err error) outcome {
	if err == nil {
		return outcome{verdict: "more"}
	}
	var fault *h1.Error
	if !errors.As(err, &fault) {
		return outcome{verdict: "fault of the reader", err: err}
	}
	return outcome{verdict: fmt.Sprintf("refuse %d", fault.Status), err: err}
}

func linesOf(s *field.Section) []string {
	lines := make([]string, 0, s.Len())
	for _, l := range s.Lines() {
		lines = append(lines, l.Name+": "+l.Value)
	}
	return lines
}
