package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/admin"
)

// stage is a running demo, with its keyboard and its screen.
type stage struct {
	t          *testing.T
	keys       *io.PipeWriter
	screen     chan string // lines
	url, admin string
	done       chan error
	browser    http.Client
}

// screen is an io.Writer that hands on lines. Like a terminal it takes them from several goroutines.
type screen struct {
	lines chan string

	mu   sync.Mutex
	rest []byte // of a line that has not ended
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, b...)
	for {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		s.lines <- string(line)
		s.rest = rest
	}
}

func newStage(t *testing.T) *stage {
	in, keys := io.Pipe()
	jar, _ := cookiejar.New(nil) // never fails
	s := &stage{t: t, keys: keys, screen: make(chan string, 100), done: make(chan error, 1)}
	s.browser = http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { s.done <- runDemo(ctx, &globals{}, 0, in, &screen{lines: s.screen}) }()
	t.Cleanup(func() {
		cancel()
		s.done <- <-s.done
		keys.Close()
	})
	s.url = s.shown(`Usher is at (http://\S+) in front`)
	s.admin = strings.TrimSuffix(s.shown(`Metrics: (http://\S+)/metrics`), "/")
	return s
}

// shown waits for a line of the screen and returns its first group.
func (s *stage) shown(pattern string) string {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case line := <-s.screen:
			if m := regexp.MustCompile(pattern).FindStringSubmatch(line); m != nil {
				return m[1]
			}
		case err := <-s.done:
			s.done <- err
			s.t.Fatalf("the demo ended before it showed %s: %v", pattern, err)
		case <-deadline:
			s.t.Fatalf("%s is not on the screen", pattern)
		}
	}
}

func (s *stage) press(key, answer string) string {
	s.t.Helper()
	io.WriteString(s.keys, key)
	return s.shown(answer)
}

// visit is what the page says.
type visit struct {
	backend, visits string
	moved           bool
}

var (
	backendOnPage = regexp.MustCompile(`id="backend">(.*?)<`)
	visitsOnPage  = regexp.MustCompile(`id="visits">(.*?)<`)
)

// open opens the page as a browser does.
func (s *stage) open() visit {
	s.t.Helper()
	req, _ := http.NewRequest("GET", s.url, nil)
	req.Header.Set("Accept", "text/html")
	resp, err := s.browser.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, _ := io.ReadAll(resp.Body)
	b, n := backendOnPage.FindSubmatch(page), visitsOnPage.FindSubmatch(page)
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || b == nil || n == nil {
		s.t.Fatalf("got %s %q", resp.Status, page)
	}
	return visit{string(b[1]), string(n[1]), strings.Contains(string(page), `id="moved"`)}
}

func TestTheDemoMovesAClientOnceWhenItsBackendIsKilled(t *testing.T) {
	s := newStage(t)
	home := s.open().backend
	for i := 2; i < 5; i++ {
		if got, want := s.open(), (visit{home, fmt.Sprint(i), false}); got != want {
			t.Fatalf("visit %d: got %+v, want %+v", i, got, want)
		}
	}
	if killed := s.press("k", `^backend ([ABC]) is dead`); killed != home {
		t.Fatalf("k killed %s, and %s answered last", killed, home)
	}
	moved := s.open()
	if moved.backend == home || !moved.moved || moved.visits != "1" {
		t.Fatalf("after the kill: got %+v, want another than %s, with the note and a new session", moved, home)
	}
	s.press("r", `^(all backends are up)$`)
	if got, want := s.open(), (visit{moved.backend, "2", false}); got != want {
		t.Errorf("after the revival: got %+v, want %+v", got, want)
	}
	for range 3 {
		s.press("k", `^backend ([ABC]) is dead`)
	}
	s.press("xk", `^(no backend is left)`)
	resp, err := s.browser.Get(s.url)
	if err != nil || resp.StatusCode/100 != 5 {
		t.Fatalf("with every backend dead: got %v, %v", resp, err)
	}
	resp.Body.Close()
	s.press("R", `^(all backends are up)$`)
	s.open()
	io.WriteString(s.keys, "q")
	err = <-s.done
	s.done <- err
	if err != nil {
		t.Errorf("q: got %v", err)
	}
}

func TestTheDemoTellsAProgramInALineOfText(t *testing.T) {
	s := newStage(t)
	resp, err := s.browser.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); !regexp.MustCompile(`^backend [ABC], visit 1 of this session\n$`).Match(text) {
		t.Errorf("got %q", text)
	}
}

func TestCommandsAskTheRunningUsher(t *testing.T) {
	s := newStage(t)
	if out := must(t, "healthcheck", "--admin", s.admin); out != "ready\n" {
		t.Errorf("healthcheck: got %q", out)
	}
	if out := must(t, "status", "--admin", s.admin); !strings.Contains(out, ", ready, up ") || !strings.Contains(out, strings.TrimPrefix(s.url, "http://")) {
		t.Errorf("status: got %q", out)
	}
	var status admin.Status
	if err := json.Unmarshal([]byte(must(t, "status", "-o", "json", "--admin", s.admin)), &status); err != nil || !status.Ready || len(status.Listeners) != 1 {
		t.Errorf("status as JSON: got %+v, %v", status, err)
	}
	if out := must(t, "backends", "list", "--admin", s.admin); !regexp.MustCompile(`(?s)^POOL .*\ndefault +A .*\ndefault +B .*\ndefault +C .*\n$`).MatchString(out) {
		t.Errorf("backends list: got %q", out)
	}
	if out := must(t, "reload", "--admin", s.admin); out != "reloaded; nothing has changed\n" {
		t.Errorf("reload: got %q", out)
	}
	if out := must(t, "config", "diff", "--admin", s.admin); out != "nothing would change\n" {
		t.Errorf("config diff: got %q", out)
	}
}
