package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher/admin"
	"usher/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a server with its configuration in a file of the test's.
type running struct {
	*Server
	t    *testing.T
	file string
	stop context.CancelFunc
	cut  context.CancelFunc
	done chan error
}

const common = "admin: {listen: 127.0.0.1:0}\nlogging: {access: {enabled: false}}\nshutdown: {grace: 10s}\n"

// run starts a server and stops it with the test.
func run(t *testing.T, text string) *running {
	t.Helper()
	return runIn(t, t.TempDir(), text)
}

// runIn is run with the directory that holds file and data.
func runIn(t *testing.T, dir, text string) *running {
	t.Helper()
	r := &running{t: t, file: filepath.Join(dir, "usher.yaml"), done: make(chan error, 1)}
	r.write(text)
	read := Fingerprint(r.file)
	cfg, report := config.Load(r.file)
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{
		Load: func() (*config.Config, *config.Report) { return config.Load(r.file) }, File: r.file, Read: read, Version: "test",
		Log: slog.New(slog.DiscardHandler), Level: new(slog.LevelVar),
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = s
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	cut, cutNow := context.WithCancel(context.Background())
	r.cut = cutNow
	ready := make(chan struct{})
	go func() { r.done <- s.Run(ctx, cut, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-r.done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-r.done; err != nil {
			t.Errorf("Run: %v", err)
		}
		cutNow()
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

func (r *running) write(text string) {
	r.t.Helper()
	text = common + "data_dir: " + filepath.Dir(r.file) + "/data\n" + text
	next := r.file + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(next, r.file); err != nil {
		r.t.Fatal(err)
	}
}

// get asks the listener of that name and closes the connection.
func (r *running) get(listener, path string) string {
	r.t.Helper()
	req, err := http.NewRequest("GET", "http://"+r.Addresses()[listener]+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(body)))
}

func app(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, name) }))
	t.Cleanup(s.Close)
	return s.URL
}

const oneRoute = "listeners: {%s: {address: 127.0.0.1:0}}\nroutes: [{name: all, respond: {status: 200, body: %s}}]\n"

func TestAReloadPutsTheNewFileInForce(t *testing.T) {
	r := run(t, fmt.Sprintf(oneRoute, "main", "one"))
	if got := r.get("main", "/"); got != "200 one" {
		t.Fatalf("got %s", got)
	}
	address := r.Addresses()["main"]
	r.write(fmt.Sprintf(oneRoute, "main", "two"))
	result, err := r.Reload()
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Changed) != 1 || result.Changed[0].Path != "routes[all].respond.body" || len(result.Restart) != 0 {
		t.Errorf("changes: got %+v", result)
	}
	if got := r.get("main", "/"); got != "200 two" || r.Addresses()["main"] != address {
		t.Errorf("got %s at %s, want two at %s", got, r.Addresses()["main"], address)
	}
}

func TestABadFileChangesNothingAndSaysWhy(t *testing.T) {
	r := run(t, fmt.Sprintf(oneRoute, "main", "one"))
	for _, text := range []string{"listeners: [", "routs: []\n", "listeners: {main: {address: 127.0.0.1:0}}\nroutes: [{pool: nowhere}]\n"} {
		r.write(text)
		_, err := r.Reload()
		var refused *admin.Refused
		if !errors.As(err, &refused) || len(refused.Diagnostics) == 0 {
			t.Errorf("%q: got %v, want diagnostics", text, err)
		}
		if st := r.Status(); st.ReloadError == "" || !st.Ready {
			t.Errorf("%q: the status does not tell: %+v", text, st)
		}
		if got := r.get("main", "/"); got != "200 one" {
			t.Errorf("%q: got %s, want 200 one", text, got)
		}
	}
	r.write(fmt.Sprintf(oneRoute, "main", "one"))
	if _, err := r.Reload(); err != nil || r.Status().ReloadError != "" {
		t.Errorf("mended: got %v, status %+v", err, r.Status())
	}
}

func TestAnAddressThatIsTakenRefusesTheReloadAndOpensNothing(t *testing.T) {
	taken := httptest.NewServer(nil)
	defer taken.Close()
	r := run(t, fmt.Sprintf(oneRoute, "main", "one"))
	r.write(fmt.Sprintf("listeners: {main: {address: 127.0.0.1:0}, a: {address: 127.0.0.1:0}, z: {address: %q}}\nroutes: [{respond: {status: 200}}]\n",
		taken.Listener.Addr().String()))
	if _, err := r.Reload(); err == nil || !strings.Contains(err.Error(), `"z"`) {
		t.Errorf("got %v, want an error that names the listener", err)
	}
	if got := slices.Collect(maps.Keys(r.Addresses())); len(got) != 1 {
		t.Errorf("open: got %v, want main alone", got)
	}
}

func TestListenersComeAndGoWithReloads(t *testing.T) {
	r := run(t, fmt.Sprintf(oneRoute, "main", "one"))
	r.write("listeners: {main: {address: 127.0.0.1:0}, second: {address: 127.0.0.1:0}}\nroutes: [{respond: {status: 200, body: both}}]\n")
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	gone := r.Addresses()["second"]
	if got := r.get("second", "/"); got != "200 both" {
		t.Errorf("the new listener: got %s", got)
	}
	r.write(fmt.Sprintf(oneRoute, "main", "one"))
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	for { // it takes what its backlog holds before it closes
		resp, err := http.Get("http://" + gone + "/")
		if err != nil {
			break
		}
		resp.Body.Close()
		http.DefaultClient.CloseIdleConnections()
	}
	if got := r.get("main", "/"); got != "200 one" {
		t.Errorf("the listener that stayed: got %s", got)
	}
}

func TestAListenerKeepsItsSocketWhenItIsRenamed(t *testing.T) {
	free := httptest.NewServer(nil)
	address := free.Listener.Addr().String()
	free.Close()
	file := "listeners: {%s: {address: %q}}\nroutes: [{match: {listener: %s}, respond: {status: 200, body: %s}}]\n"
	r := run(t, fmt.Sprintf(file, "old", address, "old", "one"))
	r.write(fmt.Sprintf(file, "new", address, "new", "two"))
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := r.get("new", "/"); got != "200 two" {
		t.Errorf("got %s, want 200 two", got)
	}
}

func TestCountsAndBindingsSurviveAReload(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(held)
		<-release
	}))
	defer slow.Close()
	file := "listeners: {main: {address: 127.0.0.1:0}}\nroutes: [{pool: web}]\npools: {web: {backends: [{url: %q, id: slow, weight: %d}]}}\n"
	r := run(t, fmt.Sprintf(file, slow.URL, 1))
	answer := make(chan string, 1)
	go func() { answer <- r.get("main", "/") }()
	<-held
	r.write(fmt.Sprintf(file, slow.URL, 7))
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if b := r.Pools()[0].Backends[0]; b.InFlight != 1 || b.Weight != 7 {
		t.Errorf("after the reload: got %+v, want one in flight and weight 7", b)
	}
	close(release)
	if got := <-answer; got != "200 " {
		t.Errorf("the request in flight: got %q", got)
	}
}

func TestWhatNeedsARestartIsNamed(t *testing.T) {
	r := run(t, fmt.Sprintf(oneRoute, "main", "one"))
	r.write("listeners: {main: {address: 127.0.0.1:0, timeouts: {idle: 7s}, limits: {header_count: 50}}}\nroutes: [{name: all, respond: {status: 200, body: one}}]\n")
	result, err := r.Reload()
	if err != nil || len(result.Changed) != 2 || !slices.Equal(result.Restart, []string{"listeners.main.timeouts.idle"}) {
		t.Errorf("got %+v, %v; want two changes, and listeners.main.timeouts.idle for the next start", result, err)
	}
}

func TestTheFileIsWatchedWhenTheConfigurationWantsIt(t *testing.T) {
	r := run(t, fmt.Sprintf(oneRoute, "main", "one")+"reload: {watch: true}\n")
	r.write(fmt.Sprintf(oneRoute, "main", "two") + "reload: {watch: true}\n")
	deadline := time.Now().Add(20 * time.Second)
	for r.get("main", "/") != "200 two" {
		if time.Now().After(deadline) {
			t.Fatal("the change was not seen")
		}
	}
}

func TestAStopFailsReadinessFirstAndRefusesReloads(t *testing.T) {
	var state atomic.Pointer[admin.Status]
	held, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(held)
		<-release
		fmt.Fprint(w, "done")
	}))
	defer slow.Close()
	r := run(t, fmt.Sprintf("listeners: {main: {address: 127.0.0.1:0}}\nroutes: [{pool: web}]\npools: {web: {backends: [%q]}}\n", slow.URL))
	answer := make(chan string, 1)
	go func() { answer <- r.get("main", "/") }()
	<-held
	r.stop()
	for st := r.Status(); ; st = r.Status() {
		if !st.Ready {
			state.Store(&st)
			break
		}
	}
	if got := state.Load().Reason; got != "stopping" {
		t.Errorf("reason: got %q, want stopping", got)
	}
	for {
		if _, err := r.Reload(); errors.Is(err, errNotServing) {
			break
		}
	}
	close(release)
	if got := <-answer; got != "200 done" {
		t.Errorf("the request in flight: got %q, want 200 done", got)
	}
}

func TestStreamsLetGoOfTheirSnapshot(t *testing.T) {
	next := make(chan struct{})
	stream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" {
			return
		}
		w.(http.Flusher).Flush()
		<-next
	}))
	defer stream.Close()
	file := "listeners: {main: {address: 127.0.0.1:0}}\nroutes: [{name: %s, pool: web}]\npools: {web: {backends: [%q]}}\n"
	r := run(t, fmt.Sprintf(file, "old-route", stream.URL))
	r.get("main", "/short")
	resp, err := http.Get("http://" + r.Addresses()["main"] + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer close(next)
	if !strings.Contains(r.scrape(), "old-route") {
		t.Fatal("the route has no series")
	}
	r.write(fmt.Sprintf(file, "new-route", stream.URL))
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	// What only the old configuration has used is dropped when nothing holds it any more; the stream is still open.
	deadline := time.Now().Add(20 * time.Second)
	for strings.Contains(r.scrape(), "old-route") {
		if time.Now().After(deadline) {
			t.Fatal("an open stream holds the configuration that is gone")
		}
	}
}

func (r *running) scrape() string {
	w := httptest.NewRecorder()
	r.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestAGeneratedSecretKeepsClientsBoundThroughARestart(t *testing.T) {
	data := t.TempDir()
	text := fmt.Sprintf("listeners: {main: {address: 127.0.0.1:0}}\nroutes: [{pool: web}]\npools: {web: {policy: sticky-cookie, backends: [%q, %q]}}\n",
		app(t, "a"), app(t, "b"))
	var cookie *http.Cookie
	var first string
	for i := range 4 {
		r := runIn(t, data, text)
		req, _ := http.NewRequest("GET", "http://"+r.Addresses()["main"]+"/", nil)
		if cookie != nil {
			req.AddCookie(cookie)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch set := resp.Cookies(); {
		case i == 0 && len(set) == 1:
			cookie, first = set[0], string(body)
		case i == 0 || len(set) != 0 || string(body) != first:
			t.Errorf("start %d: got %s and cookies %v, want %s", i, body, set, first)
		}
	}
}

func TestARestartIsAskedForBySocketAndNotByName(t *testing.T) {
	file := "listeners: {%s: {address: %q, protocols: [%s]}}\nroutes: [{respond: {status: 200}}]\n"
	parse := func(text string) *config.Config {
		c, report := config.Parse("test", []byte(text))
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := parse(fmt.Sprintf(file, "a", "127.0.0.1:8080", "h1"))
	renamed := parse(fmt.Sprintf(file, "b", "127.0.0.1:8080", "h2c"))
	if got := outcome(before, renamed, &config.Report{}).Restart; !slices.Equal(got, []string{"listeners.b.protocols"}) {
		t.Errorf("renamed: got %v, want listeners.b.protocols", got)
	}
	elsewhere := parse(fmt.Sprintf(file, "a", "127.0.0.1:8081", "h2c"))
	if got := outcome(before, elsewhere, &config.Report{}).Restart; len(got) > 0 {
		t.Errorf("at another address: got %v, want nothing", got)
	}
}
