package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"usher/balancer"
	"usher/proxy/field"
)

func TestStringsOfTheArenaStayAsTheyAreUntilReset(t *testing.T) {
	var a arena
	var got, want []string
	for i := range 200 {
		text := fmt.Sprint(i, strings.Repeat("x", i*i%700))
		room := a.room(len(text) / 2) // too little now and then: what is appended beyond it must harm no other string
		got, want = append(got, a.keep(append(room, text...))), append(want, text)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("string %d: got %q, want %q", i, got[i], want[i])
		}
	}
}

func TestMemoryIsUsedAgainOnlyWhereThePlaneAllowsIt(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		x := Exchange{Reuse: reuse}
		before := x.arena.keep(append(x.arena.room(3), "one"...))
		x.Reset()
		x.arena.keep(append(x.arena.room(3), "two"...))
		if again := before == "two"; again != reuse || x.Reuse != reuse {
			t.Errorf("reuse %v: after Reset a string of before reads %q", reuse, before)
		}
	}
}

func TestMuchMemoryIsNotKept(t *testing.T) {
	a := arena{}
	a.keep(append(a.room(arenaKept+1), "x"...))
	if a.reset(true); cap(a.used) != 0 {
		t.Errorf("%d bytes are kept", cap(a.used))
	}
}

func TestWhatATrustedProxySaidIsContinuedInOneLine(t *testing.T) {
	h := testHandler(t, func(rc *RouteConfig) { rc.Pool = "p" }, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, testPool(t, "p", balancer.Random))
	long := strings.Repeat("192.0.2.1, ", 100) + "192.0.2.2"
	x, _ := ask(t, h, "/", field.Line{Name: "X-Forwarded-For", Value: long}, field.Line{Name: "x-forwarded-for", Value: ""},
		field.Line{Name: "X-Forwarded-For", Value: "192.0.2.3"}, field.Line{Name: "Forwarded", Value: "for=192.0.2.4"}, field.Line{Name: "X-Forwarded-Host", Value: "a"})
	for name, want := range map[string]string{
		"X-Forwarded-For": long + ", 192.0.2.3, 127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a",
		"Forwarded": `for=192.0.2.4, for=127.0.0.1;host="example.com";proto=http`,
	} {
		if got := x.Request.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if n := x.Request.Header.Len(); n != 4 {
		t.Errorf("got %d lines, want 4: %v", n, x.Request.Header.Lines())
	}
}

func TestTheBackendIsToldOfClientsOfBothFamilies(t *testing.T) {
	for peer, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.7|for=192.0.2.7", "[2001:db8::1]:1": `2001:db8::1|for="[2001:db8::1]"`, "[::ffff:192.0.2.7]:1": "192.0.2.7|for=192.0.2.7",
		"@": "unknown|for=unknown", "[fe80::1%eth0]:1": `fe80::1|for="[fe80::1]"`,
	} {
		x := &Exchange{listener: &Listener{}, Request: Request{Host: "a", TLS: true}}
		x.Request.Peer, _ = netip.ParseAddrPort(peer)
		x.addForwarded()
		got := x.Request.Header.Get("X-Forwarded-For") + "|" + x.Request.Header.Get("Forwarded")
		if want += `;host="a";proto=https`; got != want {
			t.Errorf("%s: got %s, want %s", peer, got, want)
		}
	}
}
