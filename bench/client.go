//go:build linux

package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// client is a connection for the requests that are not measured.
type client struct {
	conn net.Conn
	in   *textproto.Reader
}

// answer is what of an answer counts.
type answer struct{ backend, cookie string }

// dial connects. The connection is reset when it is closed, so that it leaves no port waiting.
func dial(port int) (*client, error) {
	c, err := net.Dial("tcp", address(port))
	if err != nil {
		return nil, err
	}
	if err := c.(*net.TCPConn).SetLinger(0); err != nil {
		return nil, err
	}
	return newClient(c), nil
}

// dialTLS connects by TLS. The certificate is the bench's own, and not looked at.
func dialTLS(port int) (*client, error) {
	c, err := tls.Dial("tcp", address(port), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	if err != nil {
		return nil, err
	}
	return newClient(c), nil
}

func newClient(c net.Conn) *client {
	return &client{conn: c, in: textproto.NewReader(bufio.NewReaderSize(c, 4096))}
}

func (c *client) close() { _ = c.conn.Close() }

// get asks for /, with a cookie unless it is empty, and wants 200 from a backend.
func (c *client) get(cookie string) (answer, error) {
	head := request("/")
	if cookie != "" {
		head += "Cookie: " + cookie + "\r\n"
	}
	_ = c.conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c.conn, head+"\r\n"); err != nil {
		return answer{}, err
	}
	status, err := c.in.ReadLine()
	if err != nil {
		return answer{}, err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200 ") {
		return answer{}, fmt.Errorf("got %q", status)
	}
	fields, err := c.in.ReadMIMEHeader()
	if err != nil {
		return answer{}, err
	}
	n, err := strconv.Atoi(fields.Get("Content-Length"))
	if err != nil {
		return answer{}, fmt.Errorf("read the length of an answer: %w", err)
	}
	if _, err := c.in.R.Discard(n); err != nil {
		return answer{}, err
	}
	set, _, _ := strings.Cut(fields.Get("Set-Cookie"), ";")
	if fields.Get("X-Backend") == "" {
		return answer{}, errors.New("the answer is not from a backend")
	}
	return answer{backend: fields.Get("X-Backend"), cookie: set}, nil
}

// browser is what a browser sends with every request.
var browser = []string{
	"Host: shop.example.com",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	"Accept-Language: en-US,en;q=0.5",
	"Accept-Encoding: gzip, deflate, br",
	"Upgrade-Insecure-Requests: 1",
}

// request returns the head of a browser's GET, without the empty line.
func request(path string, more ...string) string {
	return "GET " + path + " HTTP/1.1\r\n" + strings.Join(append(browser[:len(browser):len(browser)], more...), "\r\n") + "\r\n"
}
