package std

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestABackendThatCannotBeReachedCostsTheBindingAndNotTheRequest(t *testing.T) {
	a, b := httptest.NewServer(named("a")), httptest.NewServer(named("b"))
	defer a.Close()
	defer b.Close()
	f := start(t, setup{backends: []string{a.URL, b.URL}, affinity: sticky()})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(cookie string) (body, set string) {
		req, _ := http.NewRequest("GET", "http://"+f.addr+"/", nil)
		req.Header.Set("Cookie", cookie)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		for _, c := range resp.Cookies() {
			set = c.Name + "=" + c.Value
			if cc := resp.Header.Get("Cache-Control"); cc != "max-age=60, private" {
				t.Errorf("Cache-Control beside a cookie: got %q, want max-age=60, private", cc)
			}
		}
		return string(text), set
	}
	first, cookie := get("theirs=1")
	if cookie == "" || strings.Contains(first, "usher_route") {
		t.Fatalf("first answer: got %q with cookie %q", first, cookie)
	}
	for range 3 {
		if body, set := get("theirs=1; " + cookie + "; more=2"); body != first || set != "" {
			t.Fatalf("bound: got %q and cookie %q, want %q and none", body, set, first)
		}
	}
	if strings.HasPrefix(first, "a") {
		a.Close()
	} else {
		b.Close()
	}
	moved, next := get("theirs=1; " + cookie + "; more=2")
	has(t, moved, "moved=1")
	if moved[0] == first[0] || next == "" {
		t.Fatalf("after the kill: got %q and cookie %q, want another backend and a new cookie", moved, next)
	}
	if body, set := get("theirs=1; " + next + "; more=2"); body[0] != moved[0] || strings.Contains(body, "moved=1") || set != "" {
		t.Errorf("after the move: got %q and cookie %q", body, set)
	}
}

func named(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60, s-maxage=9")
		fmt.Fprintf(w, "%s moved=%s cookies=%s", name, r.Header.Get("X-Session-Moved"), strings.Replace(r.Header.Get("Cookie"), "; more=2", "", 1))
	}
}
