package proxy

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"usher/proxy/field"
)

// admit holds the request against the grammar, whichever plane read it, before anything else is done with it: net/http's HTTP/2 server
// hands on a :path with a space in it, and what one parser lets pass another may split in two.
func (x *Exchange) admit() error {
	l := x.snapshot.listeners[x.Entry]
	if l == nil {
		return errNoListener
	}
	x.listener, x.Listener = l, l.Name
	x.strip, x.owned, x.underscores = l.strip, l.owned, l.KeepUnderscores
	x.Limits.Body, x.Limits.MinRate = l.Body, l.MinRate
	r := &x.Request
	switch {
	case r.Method == "CONNECT":
		return errConnect
	case !field.IsToken(r.Method), !field.IsTarget(r.Target), !field.IsHost(r.Host), len(r.Host) > 300:
		return errBadRequest
	case r.Target[0] != '/' && (r.Target != "*" || r.Method != "OPTIONS"):
		return errBadRequest
	case r.Host == "" && r.Proto != "HTTP/1.0":
		return errBadRequest
	case l.Body > 0 && r.ContentLength > l.Body:
		return ErrBodyTooLarge
	}
	return l.admitFields(r)
}

// admitFields checks the field lines. A Host among them, as HTTP/2 allows beside :authority, must say the same (RFC 9113 8.3.1).
func (l *Listener) admitFields(r *Request) error {
	if l.HeaderCount > 0 && r.Header.Len() > l.HeaderCount {
		return errHeaderSize
	}
	size := 0
	for _, line := range r.Header.Lines() {
		if !r.FieldsChecked && !(field.IsToken(line.Name) && field.IsValue(line.Value)) {
			return errBadRequest
		}
		if field.Equal(line.Name, "Host") && line.Value != r.Host {
			return errBadRequest
		}
		size += len(line.Name) + len(line.Value) + len(": \r\n")
	}
	if l.HeaderBytes > 0 && size > l.HeaderBytes {
		return errHeaderSize
	}
	return nil
}

// newRequestID returns 128 random bits in hexadecimal. Nobody can foretell them: the runtime's generator is a cipher, seeded by the kernel.
func (x *Exchange) newRequestID() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], rand.Uint64())
	binary.BigEndian.PutUint64(raw[8:], rand.Uint64())
	return x.arena.keep(hex.AppendEncode(x.arena.room(2*len(raw)), raw[:]))
}

// goodRequestID reports whether an ID that came from outside may stand in logs and headers.
func goodRequestID(id string) bool {
	return len(id) <= 128 && field.IsToken(id)
}
