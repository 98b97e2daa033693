package affinity

import (
	"strings"
	"testing"
	"time"

	"usher/conf"
)

func TestNobodyIsBoundToABackendThatThePoolDoesNotHave(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a"}, secretA)
	bound := b.Open([]string{sealed(t, b, "a", start)}, start)
	for _, was := range []Binding{{}, bound, {State: Gone}} {
		if set, change := b.Seal(was, "unknown", false, start); set != "" || change != Unchanged {
			t.Errorf("%v: got %q and %v, want no cookie", was.State, set, change)
		}
	}
}

func TestAMoveKeepsIdentityAndFirstSeen(t *testing.T) {
	b := binder(t, config(func(c *Config) { c.Lifetime = conf.Duration(time.Hour) }), "web", []string{"a", "b"}, secretA)
	was := b.Open([]string{sealed(t, b, "a", start)}, start)
	later := start.Add(20 * time.Minute)
	set, change := b.Seal(was, "b", false, later)
	want := Binding{State: Valid, Backend: "b", id: was.id, first: was.first, last: later.Unix()}
	if got := b.Open([]string{value(set)}, later); change != Moved || got != want {
		t.Errorf("got %v and %+v, want moved and %+v", change, got, want)
	}
	if !strings.HasSuffix(set, "; Max-Age=2400") {
		t.Errorf("got %q, want the 2400 seconds that are left", set)
	}
	if set, _ := b.Seal(was, "b", false, start.Add(time.Hour)); !strings.HasSuffix(set, "; Max-Age=1") {
		t.Errorf("at the very end: got %q, want a cookie that is not deleted", set)
	}
}

func TestAnEndedBindingGivesWayToANewOne(t *testing.T) {
	b := binder(t, config(func(c *Config) { c.Lifetime = conf.Duration(time.Hour) }), "web", []string{"a"}, secretA)
	was := b.Open([]string{sealed(t, b, "a", start)}, start)
	later := start.Add(2 * time.Hour)
	for _, state := range []State{Expired, Invalid, Unbound} {
		ended := was
		ended.State, ended.Backend = state, ""
		set, change := b.Seal(ended, "a", false, later)
		got := b.Open([]string{value(set)}, later)
		if change != Inserted || got.id == was.id || got.first != later.Unix() || got.last != later.Unix() {
			t.Errorf("%v: got %v and %+v, want another binding, first seen now", state, change, got)
		}
	}
}

func TestDatesOfAClockThatIsAheadAreTakenAsNow(t *testing.T) {
	b := binder(t, config(func(c *Config) { c.Lifetime = conf.Duration(time.Hour) }), "web", []string{"a", "b"}, secretA)
	ahead := b.Open([]string{sealed(t, b, "a", start.Add(skew))}, start)
	set, _ := b.Seal(ahead, "b", false, start)
	got := b.Open([]string{value(set)}, start)
	if got.State != Valid || got.first != start.Unix() || got.last != start.Unix() {
		t.Errorf("got %+v, want a valid binding, seen at %d", got, start.Unix())
	}
	if !strings.HasSuffix(set, "; Max-Age=3600") {
		t.Errorf("got %q, want no more than the lifetime", set)
	}
}

func TestOneDateTooFarAheadIsEnough(t *testing.T) {
	b := binder(t, config(nil), "web", []string{"a"}, secretA)
	at, ahead := start.Unix(), start.Add(skew).Unix()+1
	for _, c := range []struct {
		first, last int64
		want        State
	}{{at, at, Valid}, {ahead, at, Invalid}, {at, ahead, Invalid}} {
		p := payload{pool: b.keys[0].pool, backend: b.keys[0].tags["a"], first: c.first, last: c.last}
		v, err := b.keys[0].box.Encode(b.CookieName(), p.marshal())
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Open([]string{v}, start); got.State != c.want {
			t.Errorf("first %d, last %d at %d: got %v, want %v", c.first, c.last, at, got.State, c.want)
		}
	}
}

func TestLastSeenIsLeftAloneWithoutAnIdleTime(t *testing.T) {
	b := binder(t, config(func(c *Config) { c.Lifetime = conf.Duration(48 * time.Hour) }), "web", []string{"a"}, secretA)
	later := start.Add(24 * time.Hour)
	was := b.Open([]string{sealed(t, b, "a", start)}, later)
	if set, change := b.Seal(was, "a", false, later); set != "" || change != Unchanged {
		t.Errorf("got %q and %v, want no cookie", set, change)
	}
}

func TestShortIdleTimesHaveAMinuteOfGrace(t *testing.T) {
	b := binder(t, config(func(c *Config) { c.Idle = conf.Duration(10 * time.Second) }), "web", []string{"a"}, secretA)
	v := sealed(t, b, "a", start)
	for after, want := range map[time.Duration]State{70 * time.Second: Valid, 71 * time.Second: Expired} {
		if got := b.Open([]string{v}, start.Add(after)); got.State != want {
			t.Errorf("after %v: got %v, want %v", after, got.State, want)
		}
	}
}

func TestAnEndedBindingIsExpiredWhetherItsBackendIsGoneOrNot(t *testing.T) {
	old := sealed(t, binder(t, config(nil), "web", []string{"old"}, secretA), "old", start)
	b := binder(t, config(func(c *Config) { c.Lifetime = conf.Duration(time.Minute) }), "web", []string{"a"}, secretB, secretA)
	got := b.Open([]string{old}, start.Add(time.Hour))
	if got.State != Expired || got.Backend != "" || !got.Previous {
		t.Errorf("got %+v, want expired, by a previous secret", got)
	}
}

func TestNamesOfPoolAndBackendDoNotRunTogether(t *testing.T) {
	k := []byte(secretA)
	if newTag(k, "backend", "ab", "c") == newTag(k, "backend", "a", "bc") || newTag(k, "pool", "a") == newTag([]byte(secretB), "pool", "a") {
		t.Error("two names have one hash")
	}
}

func TestABinderNeedsSecretsAndAName(t *testing.T) {
	for what, c := range map[string]struct {
		cookie  string
		secrets []conf.Secret
	}{
		"no secret":               {"usher_route", nil},
		"a short secret":          {"usher_route", []conf.Secret{secretA[1:]}},
		"a short previous secret": {"usher_route", []conf.Secret{secretA, "x"}},
		"no name":                 {"", []conf.Secret{secretA}},
	} {
		b, err := New(config(func(cfg *Config) { cfg.Cookie.Name = c.cookie }), "web", []string{"a"}, c.secrets)
		if err == nil || b != nil {
			t.Errorf("%s: got a binder, want an error", what)
		} else if strings.Contains(err.Error(), secretA[1:].Reveal()) {
			t.Errorf("%s: the error shows the secret: %v", what, err)
		}
	}
}

func TestStatesAndChangesHaveTheNamesThatMetricsShow(t *testing.T) {
	var got []string
	for s := Unbound; s <= Gone; s++ {
		got = append(got, s.String())
	}
	for c := Unchanged; c <= Moved; c++ {
		got = append(got, c.String())
	}
	if want := "none valid invalid expired gone none inserted updated moved"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
