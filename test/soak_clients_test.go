package test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// clients starts every kind of client.
func (s *soak) clients() {
	kept, fresh := http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Second}}, http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	kept.Timeout, fresh.Timeout = patience, patience
	s.all.Go(func() {
		<-s.quit
		kept.CloseIdleConnections()
	})
	each := func(perSecond int) time.Duration { return time.Second / time.Duration(perSecond) }
	s.often(each(80), "get", func(int) error { return s.fetch(&kept, "/length/2000", 2000) })
	s.often(each(10), "get, new connection", func(int) error { return s.fetch(&fresh, "/length/2000", 2000) })
	s.often(each(2), "get, large, chunked", func(int) error { return s.fetch(&kept, "/chunked/1000000", 1e6) })
	s.often(each(40), "post", func(i int) error { return s.send(&kept, http.MethodPost, "/", fmt.Sprintf("words %d", i), false) })
	s.often(each(20), "put, chunked", func(int) error { return s.send(&kept, http.MethodPut, "/chunked/50000", "", false) })
	s.often(each(2), "put, large", func(int) error { return s.send(&kept, http.MethodPut, "/length/1000000", "", false) })
	s.often(each(2), "put, expects 100", func(int) error { return s.send(&kept, http.MethodPut, "/length/20000", "", true) })
	s.often(each(5), "upload aborted", func(i int) error {
		return s.abort(i, "PUT /length/1000000 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", rand.Int64N(300_000), 0)
	})
	s.often(each(2), "chunked upload aborted", func(i int) error {
		return s.abort(i, "PUT /chunked/9 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n", rand.Int64N(100_000), 0)
	})
	s.often(each(5), "download aborted", func(i int) error {
		return s.abort(i, "GET /length/5000000 HTTP/1.1\r\nHost: a\r\n\r\n", 0, 1+rand.Int64N(300_000))
	})
	s.often(each(2), "head aborted", func(i int) error { return s.abort(i, "GET / HTTP/1.1\r\nHost: ", 0, 0) })
	s.often(each(2), "two at once", func(int) error {
		return s.ask(strings.Repeat("GET /length/300 HTTP/1.1\r\nHost: a\r\n\r\n", 2), 200, 200)
	})
	s.often(each(1), "malformed", func(int) error { return s.ask("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400) })
	s.often(each(1), "silent", func(int) error { return s.ask("") })
	s.often(each(1), "silent after a request", func(int) error { return s.ask("GET /length/9 HTTP/1.1\r\nHost: a\r\n\r\n", 200) })
	s.often(each(5), "websocket", s.socket)
	s.often(each(2), "other upgrade", s.upgrade)
}

// fetch gets n bytes of the tape.
func (s *soak) fetch(client *http.Client, path string, n int64) error {
	resp, err := client.Get(s.url + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return unlike(resp.StatusCode, http.StatusOK)
	}
	got, err := compare(resp.Body)
	switch {
	case errors.Is(err, errTape), err == nil && got != n:
		return fmt.Errorf("%w: %d of %d bytes, %v", errWrong, got, n, err)
	default:
		return err
	}
}

// send sends words, or what the path asks for of the tape where there are none, and wants to be told that it has come.
func (s *soak) send(client *http.Client, method, path, words string, expect bool) error {
	want, body := words, io.Reader(strings.NewReader(words))
	var n int64
	if words == "" {
		fmt.Sscan(path[strings.LastIndexByte(path, '/')+1:], &n)
		want, body = "whole", play(n)
	}
	req, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		return err
	}
	if strings.HasPrefix(path, "/length/") {
		req.ContentLength = n
	}
	if expect {
		req.Header.Set("Expect", "100-continue")
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return unlike(resp.StatusCode, http.StatusOK)
	}
	got, err := io.ReadAll(resp.Body)
	if err == nil && string(got) != want {
		return fmt.Errorf("%w: got %q, want %q", errWrong, got, want)
	}
	return err
}

// unlike says that a status is not the one that was wanted: wrong, unless it tells of a backend that is gone.
func unlike(got, want int) error {
	if got == http.StatusBadGateway || got == http.StatusServiceUnavailable {
		return fmt.Errorf("got status %d", got)
	}
	return fmt.Errorf("%w: got status %d, want %d", errWrong, got, want)
}

// dial connects, with a bound on all that will be done.
func (s *soak) dial() (net.Conn, error) {
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err == nil {
		c.SetDeadline(time.Now().Add(patience))
	}
	return c, err
}

// abort sends text and then bytes, reads some, and is gone: every other time with a reset.
func (s *soak) abort(i int, text string, send, read int64) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.Copy(c, io.MultiReader(strings.NewReader(text), play(send))); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, c, read); err != nil {
		return err
	}
	if i%2 == 0 {
		return c.(*net.TCPConn).SetLinger(0)
	}
	return nil
}

// ask sends text, wants answers with these codes, and then that usher ends the connection.
func (s *soak) ask(text string, codes ...int) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	for _, want := range codes {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != want {
			return unlike(resp.StatusCode, want)
		}
	}
	if b, err := r.ReadByte(); err != io.EOF {
		return fmt.Errorf("%w: got byte %q, %v, want the end", errWrong, b, err)
	}
	return nil
}

// socket opens a WebSocket, has it echo now and then, and closes it or is gone.
func (s *soak) socket(i int) error {
	c, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/ws", nil)
	if err != nil {
		if resp != nil {
			return unlike(resp.StatusCode, http.StatusSwitchingProtocols)
		}
		return err
	}
	defer c.Close()
	if err := s.nowAndThen(func(n int) error { return echo(c, fmt.Sprintf("message %d", n)) }); err != nil || i%2 == 0 {
		return err
	}
	return c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
}

// upgrade changes to the protocol echo, uses it now and then, and is gone.
func (s *soak) upgrade(int) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprint(c, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return unlike(resp.StatusCode, http.StatusSwitchingProtocols)
	}
	return s.nowAndThen(func(n int) error {
		line := fmt.Sprintf("line %d\n", n)
		if _, err := io.WriteString(c, line); err != nil {
			return err
		}
		got, err := r.ReadString('\n')
		if err == nil && got != line {
			return fmt.Errorf("%w: got %q, want %q", errWrong, got, line)
		}
		return err
	})
}

// nowAndThen calls f a few times, a while apart, or until stop.
func (s *soak) nowAndThen(f func(n int) error) error {
	due := time.NewTicker(time.Duration(1+rand.IntN(2000)) * time.Millisecond)
	defer due.Stop()
	for n := range 1 + rand.IntN(8) {
		if err := f(n); err != nil {
			return err
		}
		select {
		case <-due.C:
		case <-s.quit:
			return nil
		}
	}
	return nil
}
