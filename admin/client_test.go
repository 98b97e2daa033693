package admin

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func client(t *testing.T, base, token string) *Client {
	t.Helper()
	c, err := NewClient(base, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheClientReadsWhatTheServerAnswers(t *testing.T) {
	w := newWorld()
	w.result.Warnings = []Diagnostic{{Severity: "warning", Message: "pool is not used"}}
	address, _ := serve(t, w)
	c, ctx := client(t, "http://"+address+"/", ""), t.Context()
	check := func(name string, got any, err error, want any) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", name, got, err, want)
		}
	}
	status, err := c.Status(ctx)
	check("status", status, err, w.status)
	backends, err := c.Backends(ctx)
	check("backends", backends, err, append(w.pools[0].Backends, w.pools[1].Backends...))
	diff, err := c.Diff(ctx)
	check("diff", diff, err, w.result)
	result, err := c.Reload(ctx)
	check("reload", result, err, w.result)
}

func TestTheClientGetsTheDiagnosticsOfARefusedReload(t *testing.T) {
	w := newWorld()
	want := &Refused{Text: "error: unknown key", Diagnostics: []Diagnostic{{Severity: "error", Message: "unknown key", File: "usher.yaml", Line: 4, Column: 5}}}
	w.err = want
	address, _ := serve(t, w)
	_, err := client(t, "http://"+address, "").Reload(t.Context())
	var got *Refused
	if !errors.As(err, &got) || !reflect.DeepEqual(got, want) || err.Error() != want.Text {
		t.Errorf("got %v, want %v", err, want)
	}
	w.err = errors.New("address in use")
	if _, err := client(t, "http://"+address, "").Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "address in use") || errors.As(err, &got) {
		t.Errorf("got %v", err)
	}
}

func TestNobodyThereSaysWhereItLooked(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	l.Close()
	_, err = client(t, base, "").Status(t.Context())
	if !errors.Is(err, syscall.ECONNREFUSED) || strings.Count(err.Error(), base) != 1 || !strings.Contains(err.Error(), "--admin URL") {
		t.Errorf("got %v", err)
	}
}

func TestAnotherServerIsNotTakenForUsher(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"a page":     func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"not found":  func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
		"other JSON": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte(`{"message":"no"}`))
		},
	} {
		s := httptest.NewServer(h)
		if _, err := client(t, s.URL, "").Status(t.Context()); err == nil || !strings.Contains(err.Error(), "not Usher's admin API") || !strings.Contains(err.Error(), "--admin URL") {
			t.Errorf("%s: got %v", name, err)
		}
		s.Close()
	}
}

func TestTheTokenIsSentAndNotHandedOn(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	client(t, s.URL, "t0ken").Status(t.Context())
	client(t, s.URL, "").Status(t.Context())
	s.Close()
	if want := []string{"Bearer t0ken", ""}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnEndedContextEndsTheRequest(t *testing.T) {
	address, _ := serve(t, newWorld())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, "http://"+address, "").Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestABadURLIsRefusedWithAnExample(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:9901", "localhost:9901", "http://", "ftp://127.0.0.1", "http://u:p@127.0.0.1", "http://127.0.0.1/?a", "http://%zz"} {
		if _, err := NewClient(base, ""); err == nil || !strings.Contains(err.Error(), "--admin like http://127.0.0.1:9901") {
			t.Errorf("%q: got %v", base, err)
		}
	}
}
