package affinity

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strconv"
)

// A cookie is what securecookie writes: base64 of "date|body|mac", where body is base64 of an initialization vector with the payload behind
// it, encrypted by AES in counter mode, and mac is HMAC-SHA256 of "name|date|body". The library seals. Opening is done here, because it is
// done for every request: the same verdicts, without memory of its own for each step.

// canonical is the encoding that the library writes. It reads others too, which differ in bits that decode to nothing.
var canonical = base64.URLEncoding.Strict()

// opener opens one cookie at a time.
type opener struct {
	macs []hash.Hash // one for each key of the binder
	name int         // length of "name|", with which text begins
	text []byte      // "name|date|body|mac"
	// what follows from text
	signed, date, body, mac []byte

	value   [maxValue]byte
	sum     [sha256.Size]byte
	counter [aes.BlockSize]byte
	stream  [aes.BlockSize]byte
}

func newOpener(name string, keys []key) *opener {
	o := &opener{text: append([]byte(name), '|')}
	o.name = len(o.text)
	o.text = append(o.text, make([]byte, maxValue)...)
	for _, k := range keys {
		o.macs = append(o.macs, hmac.New(sha256.New, k.authentication))
	}
	return o
}

// read takes a cookie's value apart. It reports whether that can be one.
func (o *opener) read(value string) bool {
	if len(value) > maxValue {
		return false
	}
	n, err := canonical.Decode(o.text[o.name:], o.value[:copy(o.value[:], value)])
	if err != nil {
		return false
	}
	text := o.text[:o.name+n]
	first := bytes.IndexByte(text[o.name:], '|')
	if first < 0 {
		return false
	}
	o.date, o.body = text[o.name:][:first], text[o.name+first+1:]
	second := bytes.IndexByte(o.body, '|')
	if second < 0 {
		return false
	}
	o.body, o.mac = o.body[:second], o.body[second+1:]
	o.signed = text[:len(text)-len(o.mac)-1]
	return true
}

// unseal returns the payload of the cookie that was read last, if k, which is the binder's key i, has sealed it. It is valid until the next
// read. Nothing is decrypted before the MAC has been found right.
func (o *opener) unseal(k *key, i int) ([]byte, bool) {
	h := o.macs[i]
	h.Reset()
	h.Write(o.signed)
	if subtle.ConstantTimeCompare(h.Sum(o.sum[:0]), o.mac) != 1 {
		return nil, false
	}
	if _, err := strconv.ParseInt(string(o.date), 10, 64); err != nil { // of the date the library asks no more, without a MaxAge
		return nil, false
	}
	n, err := base64.URLEncoding.Decode(o.value[:], o.body)
	if err != nil || n <= aes.BlockSize {
		return nil, false
	}
	copy(o.counter[:], o.value[:aes.BlockSize])
	payload := o.value[aes.BlockSize:n]
	o.decrypt(k.block, payload)
	return payload, true
}

// decrypt is counter mode from o.counter on, in place (NIST SP 800-38A 6.5). cipher.NewCTR would allocate.
func (o *opener) decrypt(block cipher.Block, text []byte) {
	for len(text) > 0 {
		block.Encrypt(o.stream[:], o.counter[:])
		text = text[subtle.XORBytes(text, text, o.stream[:]):]
		low := binary.BigEndian.Uint64(o.counter[8:]) + 1
		binary.BigEndian.PutUint64(o.counter[8:], low)
		if low == 0 {
			binary.BigEndian.PutUint64(o.counter[:8], binary.BigEndian.Uint64(o.counter[:8])+1)
		}
	}
}
