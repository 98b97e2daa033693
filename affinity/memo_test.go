package affinity

import (
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/conf"
)

// valueOf is a value of the right length, another one for each i.
func valueOf(i int) string { return fmt.Sprintf("%0*d", sealedLength, i) }

func TestWhatIsRememberedIsWhatWasPut(t *testing.T) {
	m := newMemo()
	const cookies = 2 * memoShards * memoSets * memoWays
	for i := range cookies {
		m.put(valueOf(i), payload{first: int64(i)}, i%3)
		if p, key, ok := m.get(valueOf(i)); !ok || p.first != int64(i) || key != i%3 {
			t.Fatalf("cookie %d at once: got %v, %d, %v", i, p, key, ok)
		}
	}
	held := 0
	for i := range cookies {
		p, key, ok := m.get(valueOf(i))
		if ok {
			held++
		}
		if ok && (p.first != int64(i) || key != i%3) {
			t.Fatalf("cookie %d: got %v, %d", i, p, key)
		}
	}
	if held < cookies/4 || held > cookies/2 {
		t.Errorf("%d of %d cookies are held, want nearly %d", held, cookies, cookies/2)
	}
	if _, _, ok := m.get(strings.Repeat("\x00", sealedLength)); ok {
		t.Error("an empty place was taken for a cookie")
	}
}

func TestNoCookieIsTakenForAnother(t *testing.T) {
	m := newMemo()
	m.put(valueOf(1), payload{}, 0)
	hash := maphash.String(m.seed, valueOf(1))
	m.shards[hash%memoShards].set(hash).entries[0].value[0]++ // another cookie with the same hash
	if _, _, ok := m.get(valueOf(1)); ok {
		t.Error("found, and what is there is another cookie")
	}
	if markOf(0) == 0 {
		t.Error("a hash marks its place as free")
	}
}

func TestTenThousandClientsTakeThePlaceOfThoseBefore(t *testing.T) {
	m := newMemo()
	const clients, rounds = 10_000, 8
	for i := range 40_000 {
		m.put(valueOf(clients+i), payload{}, 0)
	}
	held := 0
	for round := range rounds {
		held = 0
		for i := range clients {
			if _, _, ok := m.get(valueOf(i)); ok {
				held++
				continue
			}
			if round < rounds-1 {
				m.put(valueOf(i), payload{}, 0)
			}
		}
	}
	if want := clients * 85 / 100; held < want {
		t.Errorf("%d of %d are remembered in the last round, want %d or more", held, clients, want)
	}
}

func TestARememberedCookieIsJudgedAnew(t *testing.T) {
	b := binder(t, config(func(c *Config) { c.Lifetime = conf.Duration(time.Hour) }), "web", []string{"a"}, secretB, secretA)
	v := []string{sealed(t, b, "a", start)}
	first := b.Open(v, start)
	if p, key, ok := b.memo.get(v[0]); !ok || key != 0 || p.pool != b.keys[0].pool {
		t.Fatalf("got %v, %d, %v, want it remembered", p, key, ok)
	}
	for _, c := range []struct {
		at   time.Time
		want State
	}{{start, Valid}, {start.Add(time.Hour), Valid}, {start.Add(time.Hour + time.Second), Expired}, {start.Add(-skew - time.Second), Invalid}, {start, Valid}} {
		if got := b.Open(v, c.at); got.State != c.want || c.want == Valid && got != first {
			t.Errorf("at %v: got %+v, want %v", c.at, got, c.want)
		}
	}
	old := []string{sealed(t, binder(t, config(nil), "web", []string{"a"}, secretA), "a", start)}
	for range 2 {
		if got := b.Open(old, start); got.State != Valid || !got.Previous {
			t.Errorf("by a previous secret: got %+v", got)
		}
	}
}

func TestOnlyCookiesOfThePoolAreRemembered(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a"}, secretA)
	v := sealed(t, b, "a", start)
	forged := "B" + v[1:]
	if v[0] == 'B' {
		forged = "C" + v[1:]
	}
	for what, v := range map[string]string{"forged": forged, "another pool's": sealed(t, binder(t, config(nil), "api", []string{"a"}, secretA), "a", start)} {
		if len(v) != sealedLength {
			t.Fatalf("%s: %d characters, want %d", what, len(v), sealedLength)
		}
		for range 2 {
			if got := b.Open([]string{v}, start); got.State != Invalid {
				t.Errorf("%s: got %v, want invalid", what, got.State)
			}
		}
		if _, _, ok := b.memo.get(v); ok {
			t.Errorf("%s: it is remembered", what)
		}
	}
}

func TestClientsOpenAtTheSameTime(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a", "b"}, secretA)
	cookies := []string{sealed(t, b, "a", start), sealed(t, b, "b", start)}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 500 {
				if got := b.Open(cookies[i%2:][:1], start); got.Backend != []string{"a", "b"}[i%2] {
					t.Errorf("got %+v", got)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkUnseal(b *testing.B) {
	x := binder(b, config(nil), "web", []string{"a"}, secretA)
	v := sealed(b, x, "a", start)
	b.ReportAllocs()
	for b.Loop() {
		x.unseal(v)
	}
}
