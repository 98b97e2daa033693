//go:build linux

package backend

import (
	"crypto/sha1"
	"encoding/base64"
)

// accept is the answer to a WebSocket handshake (RFC 6455, section 4.2.2).
func accept(key []byte) []byte {
	sum := sha1.Sum(append(key[:len(key):len(key)], "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
}

// echo turns the masked frame at the beginning of b, which is shorter than 126 bytes, into the frame that answers it, in place, and
// returns that with the number of bytes that the masked one took; 0 when it has not come in full.
func echo(b []byte) (frame []byte, size int) {
	const head, mask = 2, 4
	if len(b) < head+mask {
		return nil, 0
	}
	n := int(b[1] & 0x7f)
	size = head + mask + n
	if len(b) < size {
		return nil, 0
	}
	key := [mask]byte(b[head:])
	for i := range n {
		b[head+mask+i] ^= key[i%mask]
	}
	frame = b[mask:size]
	frame[0], frame[1] = b[0], byte(n)
	return frame, size
}
