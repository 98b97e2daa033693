package conf

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
)

func TestSpansOfTimeHaveUnits(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "250ms": 250 * time.Millisecond, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, "30d": 720 * time.Hour, "1.5s": 1500 * time.Millisecond,
		"36500d": 36500 * 24 * time.Hour,
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.D() != want {
			t.Errorf("%q: got %v, %v; want %v", text, d.D(), err, want)
		}
	}
	for text, hint := range map[string]string{
		"5": "5s", "1.5": "unit", "-1s": "negative", "": "not a duration", "1w": "not a duration", "36501d": "not a duration", "-1d": "not a duration",
		"1d12h": "not a duration", "9999999h": "not a duration", "s": "not a duration", "1 s": "not a duration", "99999999999999999999d": "not a duration",
	} {
		d := Duration(7)
		if err := d.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), hint) || d != 7 {
			t.Errorf("%q: got %v, %v; want an error that says %q and no change", text, d.D(), err, hint)
		}
	}
}

func TestSizesHaveUnits(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "0B": 0, "512B": 512, "64KiB": 64 << 10, "10MiB": 10 << 20, "1GiB": 1 << 30, "1kB": 1000, "2MB": 2e6, "3GB": 3e9, "64 KiB": 64 << 10,
		"4294967296GiB": 1 << 62,
	} {
		var z Size
		if err := z.UnmarshalText([]byte(text)); err != nil || z != want {
			t.Errorf("%q: got %d, %v; want %d", text, z, err, want)
		}
	}
	for text, hint := range map[string]string{
		"64": "64KiB", "1.5": "unit", "1.5MiB": "not a size", "-1B": "not a size", "": "not a size", "KiB": "not a size", "4294967297GiB": "not a size",
		"9223372036854775808B": "not a size", "1KB": "not a size", "1kib": "not a size", "1TiB": "not a size",
	} {
		z := Size(7)
		if err := z.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), hint) || z != 7 {
			t.Errorf("%q: got %d, %v; want an error that says %q and no change", text, z, err, hint)
		}
	}
}

func TestRatesAreSizesASecond(t *testing.T) {
	for text, want := range map[string]Rate{"0": 0, "0/s": 0, "240B/s": 240, "10KiB/s": 10 << 10} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%q: got %d, %v; want %d", text, r, err, want)
		}
	}
	for _, text := range []string{"", "240", "240B", "240/s", "240B/m", "-1B/s", "/s"} {
		if err := new(Rate).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestPercentagesAreBetween0And100(t *testing.T) {
	for text, want := range map[string]Percent{"0%": 0, "100%": 100, "20%": 20, "0.5%": 0.5} {
		var p Percent
		if err := p.UnmarshalText([]byte(text)); err != nil || p != want {
			t.Errorf("%q: got %v, %v; want %v", text, p, err, want)
		}
	}
	for _, text := range []string{"", "%", "20", "101%", "-1%", "NaN%", "Inf%", "x%", "20 %"} {
		if err := new(Percent).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestNetworksAreWrittenAsTheyAre(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "2001:db8::/32": "2001:db8::/32", "192.0.2.1": "192.0.2.1/32", "::1": "::1/128", "0.0.0.0/0": "0.0.0.0/0",
		"::ffff:192.0.2.1": "192.0.2.1/32", "fe80::1%eth0": "fe80::1/128",
	} {
		var p Prefix
		if err := p.UnmarshalText([]byte(text)); err != nil || p.String() != want {
			t.Errorf("%q: got %v, %v; want %s", text, p, err, want)
		}
	}
	for text, hint := range map[string]string{
		"": "not a network", "10.0.0.0/33": "not a network", "10.0.0": "not a network", "example.com": "not a network", "10.0.0.1/8": "10.0.0.0/8",
	} {
		if err := new(Prefix).UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: got %v, want an error that says %q", text, err, hint)
		}
	}
}

// value is a setting that is read and written as text.
type value[T any] interface {
	*T
	encoding.TextUnmarshaler
}

// again writes v and wants the same back.
func again[T comparable, P value[T]](t *testing.T, v T) string {
	t.Helper()
	text, err := any(v).(encoding.TextMarshaler).MarshalText()
	if err != nil {
		t.Fatalf("write %#v: %v", v, err)
	}
	var back T
	if err := P(&back).UnmarshalText(text); err != nil || back != v {
		t.Fatalf("%#v is written %q and read %#v, %v", v, text, back, err)
	}
	return string(text)
}

func TestValuesAreWrittenInTheShortestFormThatIsRead(t *testing.T) {
	for v, want := range map[Duration]string{
		0: "0s", Duration(time.Second): "1s", Duration(5 * time.Minute): "5m", Duration(4 * time.Hour): "4h", Duration(90 * time.Minute): "1h30m",
		Duration(10*time.Minute + 10*time.Second): "10m10s", Duration(10 * time.Hour): "10h", Duration(250 * time.Millisecond): "250ms",
	} {
		if got := again(t, v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for v, want := range map[Size]string{0: "0", 1: "1B", 1023: "1023B", 1024: "1KiB", 1 << 20: "1MiB", 3 << 30: "3GiB", 1000: "1000B", 1 << 62: "4294967296GiB"} {
		if got := again(t, v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	again(t, Rate(240))
	again(t, Percent(12.5))
}

// FuzzValues reads text as each kind of value: nothing panics, and what is read comes back from what is written.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"0", "30s", "1h0m10s", "30d", "64KiB", "1 kB", "240B/s", "20%", "1e1%", "10.0.0.0/8", "::ffff:10.0.0.0/104", "fe80::1%a/64", "1µs"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fuzzOne[Duration](t, s)
		fuzzOne[Size](t, s)
		fuzzOne[Rate](t, s)
		fuzzOne[Percent](t, s)
		fuzzOne[Prefix](t, s)
	})
}

func fuzzOne[T comparable, P value[T]](t *testing.T, s string) {
	var v T
	if P(&v).UnmarshalText([]byte(s)) == nil {
		again[T, P](t, v)
	}
}

// FuzzNumbers writes any value within bounds and reads it back.
func FuzzNumbers(f *testing.F) {
	for _, n := range []int64{0, 1, 1023, 1 << 20, 1e9, 60e9, 3600e9, 1 << 62, math.MaxInt64} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		if n < 0 {
			return
		}
		again(t, Duration(n))
		again(t, Size(min(n, 1<<62)))
		again(t, Rate(min(n, 1<<62)))
		again(t, Percent(float64(n%100_001)/1000))
	})
}

func TestASecretIsNeverShown(t *testing.T) {
	const word = "hunter2"
	s := Secret(word)
	held := struct {
		Secret  Secret
		List    []Secret
		Pointer *Secret
		Map     map[string]Secret
	}{s, []Secret{s}, &s, map[string]Secret{"a": s}}
	var out bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&out, format+" "+format+" "+format+"\n", s, []Secret{s}, held)
	}
	fmt.Fprintln(&out, s, &s, held)
	for _, log := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(log).Info("secret", "bare", s, "held", held, "list", []Secret{s})
	}
	for _, v := range []any{s, held, []Secret{s}} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	if strings.Contains(out.String(), word) || strings.Count(out.String(), "***") < 20 {
		t.Errorf("got %s", out.String())
	}
	if s.Reveal() != word {
		t.Errorf("revealed: got %q", s.Reveal())
	}
	if text, _ := Secret("").MarshalText(); fmt.Sprintf("%v%s", Secret(""), text) != "" {
		t.Error("no secret shows as one")
	}
}
