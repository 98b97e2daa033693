package conf

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span, written with its unit: 250ms, 30s, 5m, 4h, 30d, 1h30m.
type Duration time.Duration

// UnmarshalText reads a duration. A bare 0 is allowed, any other number without a unit is not.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "0" {
		*d = 0
		return nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || n > 36500 {
			return errors.New("not a duration: write it like 30s, 5m, 4h or 30d")
		}
		*d = Duration(n) * Duration(24*time.Hour)
		return nil
	}
	v, err := time.ParseDuration(s)
	switch {
	case err != nil && isNumber(s):
		return fmt.Errorf("a duration needs a unit: %ss, %sms or %sm", s, s, s)
	case err != nil:
		return errors.New("not a duration: write it like 250ms, 30s, 5m or 4h")
	case v < 0:
		return errors.New("a duration cannot be negative")
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the shortest form that UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return []byte(s), nil
}

// D is the same span as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Size is a number of bytes, written with its unit: 512B, 64KiB, 10MiB, 1GiB. Decimal units (kB, MB, GB) are read too.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// UnmarshalText reads a size. A bare 0 is allowed, any other number without a unit is not.
func (z *Size) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "0" {
		*z = 0
		return nil
	}
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.bytes {
			break
		}
		*z = Size(n * u.bytes)
		return nil
	}
	if isNumber(s) {
		return fmt.Errorf("a size needs a unit: %sB, %sKiB or %sMiB", s, s, s)
	}
	return errors.New("not a size: write it like 512B, 64KiB or 10MiB")
}

// MarshalText writes the largest binary unit that leaves a whole number.
func (z Size) MarshalText() ([]byte, error) {
	if z == 0 {
		return []byte("0"), nil
	}
	for _, u := range sizeUnits {
		if u.bytes&(u.bytes-1) == 0 && int64(z)%u.bytes == 0 {
			return []byte(strconv.FormatInt(int64(z)/u.bytes, 10) + u.name), nil
		}
	}
	return []byte(strconv.FormatInt(int64(z), 10) + "B"), nil
}

// Rate is a number of bytes per second, written as a size and "/s": 240B/s, 10KiB/s.
type Rate int64

// UnmarshalText reads a rate. A bare 0 is allowed.
func (r *Rate) UnmarshalText(text []byte) error {
	s, ok := strings.CutSuffix(string(text), "/s")
	var z Size
	if err := z.UnmarshalText([]byte(s)); err != nil || (!ok && z != 0) {
		return errors.New("not a rate: write it like 240B/s or 10KiB/s")
	}
	*r = Rate(z)
	return nil
}

// MarshalText writes the size and "/s".
func (r Rate) MarshalText() ([]byte, error) {
	if r == 0 {
		return []byte("0"), nil
	}
	text, err := Size(r).MarshalText()
	return append(text, "/s"...), err
}

// Percent is a share of a hundred, written with its sign: 20%.
type Percent float64

// UnmarshalText reads a percentage from 0% to 100%.
func (p *Percent) UnmarshalText(text []byte) error {
	digits, ok := strings.CutSuffix(string(text), "%")
	v, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(v >= 0 && v <= 100) {
		return errors.New("not a percentage: write it like 20%, from 0% to 100%")
	}
	*p = Percent(v)
	return nil
}

// MarshalText writes the number and the sign.
func (p Percent) MarshalText() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(p), 'f', -1, 64) + "%"), nil
}

// Secret is a value that is never shown: it prints as *** everywhere, in JSON and logs too.
type Secret string

// String returns three asterisks, or nothing for no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString keeps the secret out of %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText keeps the secret out of everything that encodes it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Prefix is a network in CIDR form, or one address, which stands for a network of its own.
type Prefix struct{ netip.Prefix }

// UnmarshalText reads 10.0.0.0/8, 2001:db8::/32, 192.0.2.1. Bits of the address behind the prefix must be zero.
func (p *Prefix) UnmarshalText(text []byte) error {
	s := string(text)
	if addr, err := netip.ParseAddr(s); err == nil {
		p.Prefix = netip.PrefixFrom(addr.Unmap().WithZone(""), addr.Unmap().BitLen())
		return nil
	}
	v, err := netip.ParsePrefix(s)
	if err != nil {
		return errors.New("not a network: write it like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1")
	}
	if v != v.Masked() {
		return fmt.Errorf("the address has bits set behind the prefix: the network is %s", v.Masked())
	}
	p.Prefix = v
	return nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}
