package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// visit is what test/apps/express.js answers: which process it is, and what it knows of the session.
type visit struct {
	PID     int
	Backend string
	Visits  int
	SID     string
}

// visitor is a client that keeps cookies, and remembers where its sessions stand.
type visitor struct {
	http   http.Client
	last   map[string]visit // by URL
	routed atomic.Int64     // answers that set an affinity cookie
}

// newVisitors returns n visitors. They share nothing but connections.
func newVisitors(t *testing.T, n int) []*visitor {
	transport := &http.Transport{MaxIdleConnsPerHost: n}
	t.Cleanup(transport.CloseIdleConnections)
	all := make([]*visitor, n)
	for i := range all {
		jar, _ := cookiejar.New(nil) // never fails
		all[i] = &visitor{http: http.Client{Transport: transport, Jar: jar, Timeout: patience}, last: map[string]visit{}}
	}
	return all
}

// ask makes one request.
func (v *visitor) ask(url string) (visit, error) {
	resp, err := v.http.Get(url)
	if err != nil {
		return visit{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return visit{}, fmt.Errorf("%s: %s %v %s", url, resp.Status, err, body)
	}
	for _, c := range resp.Cookies() {
		if strings.HasPrefix(c.Name, "usher_route") {
			v.routed.Add(1)
		}
	}
	var got visit
	return got, json.Unmarshal(body, &got)
}

// arrive makes the first request, or several at once as a browser does, and one more, which must find a session.
func (v *visitor) arrive(url string, atOnce int) error {
	errs := make([]error, atOnce)
	together(atOnce, func(i int) { _, errs[i] = v.ask(url) })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	got, err := v.ask(url)
	if err == nil && got.Visits < 2 {
		err = fmt.Errorf("%s: the session of the first requests is unknown to %s (%d)", url, got.Backend, got.PID)
	}
	v.last[url] = got
	return err
}

// follow makes n requests to each URL, in turn. Each must find the session as the one before has left it.
func (v *visitor) follow(n int, urls ...string) error {
	for range n {
		for _, url := range urls {
			was := v.last[url]
			got, err := v.ask(url)
			if err != nil {
				return err
			}
			if want := (visit{was.PID, was.Backend, was.Visits + 1, was.SID}); got != want {
				return fmt.Errorf("%s: the session was lost: got %+v, want %+v", url, got, want)
			}
			v.last[url] = got
		}
	}
	return nil
}

// moved makes one request, which must find another process and a new session.
func (v *visitor) moved(url string) error {
	was := v.last[url]
	got, err := v.ask(url)
	if err == nil && (got.PID == was.PID || got.Visits != 1) {
		err = fmt.Errorf("%s: got %+v after %+v, want another process", url, got, was)
	}
	v.last[url] = got
	return err
}

// crowd runs f for every visitor at once and reports every error.
func crowd(t *testing.T, all []*visitor, f func(i int, v *visitor) error) {
	t.Helper()
	var mu sync.Mutex
	failed := 0
	together(len(all), func(i int) {
		if err := f(i, all[i]); err != nil {
			mu.Lock()
			defer mu.Unlock()
			if failed++; failed <= 5 {
				t.Errorf("visitor %d: %v", i, err)
			}
		}
	})
	if failed > 0 {
		t.Fatalf("%d of %d visitors failed", failed, len(all))
	}
}

// byBackend counts visitors by the process that has their session at url.
func byBackend(all []*visitor, url string) map[string]int {
	n := map[string]int{}
	for _, v := range all {
		n[v.last[url].Backend]++
	}
	return n
}
