package affinity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// State says what a client's cookies said of its binding.
type State uint8

// The states.
const (
	Unbound State = iota // the client sent no cookie
	Valid                // it is bound to a backend of the pool
	Invalid              // no cookie that Usher sealed for this pool
	Expired              // its binding has ended: idle, or lifetime
	Gone                 // its backend is not in the pool
)

var stateNames = [...]string{"none", "valid", "invalid", "expired", "gone"}

// String is the state as metrics and logs show it.
func (s State) String() string { return stateNames[s] }

// Change says what became of a binding when the client was served.
type Change uint8

// The changes.
const (
	Unchanged Change = iota // no cookie is set
	Inserted                // a new binding
	Updated                 // sealed anew: last seen, or the current secret
	Moved                   // to another backend
)

var changeNames = [...]string{"none", "inserted", "updated", "moved"}

// String is the change as metrics and logs show it.
func (c Change) String() string { return changeNames[c] }

// Binding is what a client's cookies said. The zero value is that of a client without one.
type Binding struct {
	State State
	// Backend is the ID of the backend that the client is bound to; set for Valid alone.
	Backend string
	// Previous says that the cookie was sealed with a secret that is not the current one.
	Previous bool

	id          [8]byte
	first, last int64 // seconds since 1970
}

// The payload of a cookie, version 1:
//
//	version 1 byte | pool 8 | backend 8 | binding 8 | first seen 4 | last seen 4
//
// Pool and backend are keyed hashes of their names, times are seconds since 1970, numbers are big-endian.
const (
	payloadVersion = 1
	payloadLength  = 1 + 8 + 8 + 8 + 4 + 4
)

// payload is a cookie's content in the clear.
type payload struct {
	pool, backend tag
	id            [8]byte
	first, last   int64
}

func (p payload) marshal() []byte {
	out := make([]byte, 0, payloadLength)
	out = append(out, payloadVersion)
	out = append(out, p.pool[:]...)
	out = append(out, p.backend[:]...)
	out = append(out, p.id[:]...)
	out = binary.BigEndian.AppendUint32(out, uint32(p.first))
	return binary.BigEndian.AppendUint32(out, uint32(p.last))
}

// unmarshal reads a payload; ok is false for another version or length.
func unmarshal(b []byte) (p payload, ok bool) {
	if len(b) != payloadLength || b[0] != payloadVersion {
		return p, false
	}
	copy(p.pool[:], b[1:])
	copy(p.backend[:], b[9:])
	copy(p.id[:], b[17:])
	p.first, p.last = int64(binary.BigEndian.Uint32(b[25:])), int64(binary.BigEndian.Uint32(b[29:]))
	return p, true
}

// tag is a keyed hash that stands for a name: whoever opens no cookie learns nothing from it, and no address is in it.
type tag [8]byte

func newTag(key []byte, parts ...string) (t tag) {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(p)))
		mac.Write(length[:])
		mac.Write([]byte(p))
	}
	copy(t[:], mac.Sum(nil))
	return t
}

func newID() (id [8]byte) {
	rand.Read(id[:])
	return id
}

// skew is how far ahead another replica's clock may be.
const skew = 5 * time.Minute

// judge says what a payload means now.
func (b *Binder) judge(p payload, now time.Time) State {
	at := now.Unix()
	if p.first > at+int64(skew/time.Second) || p.last > at+int64(skew/time.Second) {
		return Invalid
	}
	idle, lifetime := b.cfg.Idle.D(), b.cfg.Lifetime.D()
	if idle > 0 && time.Duration(at-p.last)*time.Second > idle+b.grace() {
		return Expired
	}
	if lifetime > 0 && time.Duration(at-p.first)*time.Second > lifetime {
		return Expired
	}
	return Valid
}

// grace is how stale last seen may be: it is written anew when it is older, and a client is given that much when its idle time is judged.
func (b *Binder) grace() time.Duration { return max(b.cfg.Idle.D()/8, time.Minute) }
