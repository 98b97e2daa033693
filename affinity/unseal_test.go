package affinity

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

// byLibrary is what securecookie says of a value that our opener must agree on; of other spellings of base64 than its own it is not asked.
func byLibrary(b *Binder, i int, value string) ([]byte, bool) {
	if _, err := canonical.DecodeString(value); err != nil {
		return nil, false
	}
	var payload []byte
	err := b.keys[i].box.Decode(b.CookieName(), value, &payload)
	return payload, err == nil
}

func byOpener(b *Binder, i int, value string) ([]byte, bool) {
	o := b.openers.Get().(*opener)
	defer b.openers.Put(o)
	if !o.read(value) {
		return nil, false
	}
	payload, ok := o.unseal(&b.keys[i], i)
	return bytes.Clone(payload), ok
}

// agree fails the test unless both say the same of value, under each key.
func agree(t *testing.T, b *Binder, value string) (opened bool) {
	t.Helper()
	for i := range b.keys {
		want, known := byLibrary(b, i, value)
		got, ok := byOpener(b, i, value)
		if ok != known || !bytes.Equal(got, want) {
			t.Errorf("%q under key %d: got %q, %v; the library says %q, %v", value, i, got, ok, want, known)
		}
		opened = opened || ok
	}
	return opened
}

// forged is a cookie of the form that the library writes, with a MAC that is right.
func forged(b *Binder, date, body, behind string) string {
	text := date + "|" + body
	mac := hmac.New(sha256.New, b.keys[0].authentication)
	mac.Write([]byte(b.CookieName() + "|" + text))
	return base64.URLEncoding.EncodeToString([]byte(text + "|" + string(mac.Sum(nil)) + behind))
}

func TestTheOpenerAgreesWithTheLibrary(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a"}, secretB, secretA)
	good := sealed(t, b, "a", start)
	body := base64.URLEncoding.EncodeToString([]byte(strings.Repeat("\xff", 16) + "what is encrypted, of more than one block"))
	for what, c := range map[string]struct {
		value string
		opens bool
	}{
		"sealed":                         {good, true},
		"by a previous secret":           {kept(t), true},
		"any text":                       {forged(b, "1790000000", body, ""), true},
		"a counter that overflows":       {forged(b, "1", body, ""), true},
		"a date with a sign":             {forged(b, "-17", body, ""), true},
		"no date":                        {forged(b, "", body, ""), false},
		"a date that is none":            {forged(b, "0x17", body, ""), false},
		"a date out of range":            {forged(b, "9223372036854775808", body, ""), false},
		"a body of a vector alone":       {forged(b, "1", base64.URLEncoding.EncodeToString(make([]byte, 16)), ""), false},
		"a body of one byte":             {forged(b, "1", base64.URLEncoding.EncodeToString(make([]byte, 17)), ""), true},
		"no body":                        {forged(b, "1", "", ""), false},
		"a body that is not base64":      {forged(b, "1", body+"*", ""), false},
		"a body spelt otherwise":         {forged(b, "1", base64.URLEncoding.EncodeToString(make([]byte, 17))[:22]+"B=", ""), true},
		"a body in two lines":            {forged(b, "1", body[:8]+"\r\n"+body[8:], ""), true},
		"bytes behind the MAC":           {forged(b, "1", body, "x"), false},
		"a bar behind the MAC":           {forged(b, "1", body, "|"), false},
		"one bar":                        {base64.URLEncoding.EncodeToString([]byte("1|" + body)), false},
		"no bar":                         {base64.URLEncoding.EncodeToString([]byte(body)), false},
		"the longest":                    {forged(b, "1", strings.Repeat("A", 348), ""), true},
		"too long":                       {forged(b, "1", strings.Repeat("A", 352), ""), false},
		"another spelling of the base64": {good + "\n", true},
	} {
		if got := agree(t, b, c.value); got != c.opens {
			t.Errorf("%s: opens %v, want %v", what, got, c.opens)
		}
	}
}

func TestTheCounterRunsOverAsCounterModeSays(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a"}, secretA)
	for _, vector := range []string{strings.Repeat("\xff", 16), strings.Repeat("\x00", 8) + strings.Repeat("\xff", 8), strings.Repeat("\x00", 15) + "\xff"} {
		text := []byte(strings.Repeat("text ", 20))
		want := bytes.Clone(text)
		cipher.NewCTR(b.keys[0].block, []byte(vector)).XORKeyStream(want, want)
		o := newOpener("n", b.keys)
		copy(o.counter[:], vector)
		if o.decrypt(b.keys[0].block, text); !bytes.Equal(text, want) {
			t.Errorf("from %x: got %x, want %x", vector, text, want)
		}
	}
}

// FuzzOpenAgreesWithTheLibrary tries values as they come, and, because nobody guesses a MAC, such whose MAC is right.
func FuzzOpenAgreesWithTheLibrary(f *testing.F) {
	b := binder(f, config(nil), "web", []string{"web-2"}, secretA)
	f.Add(kept(f), "1790000000", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "")
	f.Add("", "-1", "AAAAAAAAAAAAAAAAAAAAAAB=", "|")
	f.Add("MXx8", "", "A\nAA=", "x")
	f.Fuzz(func(t *testing.T, value, date, body, behind string) {
		agree(t, b, value)
		agree(t, b, forged(b, date, body, behind))
	})
}
