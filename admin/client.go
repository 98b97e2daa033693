package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client asks the admin API of a running Usher. Use NewClient. It is safe for concurrent use and keeps no connections.
//
// Errors are for operators: they name the address that was asked and the flag that changes it.
type Client struct {
	base, token string
	http        *http.Client
}

// maxAnswer is the most bytes that a client reads of an answer, and patience how long it waits for one: a reload reads files and opens
// addresses.
const (
	maxAnswer = 16 << 20
	patience  = time.Minute
)

// NewClient returns a client for the API at base, a URL like http://127.0.0.1:9901. token is sent as a bearer token if it is not empty. An
// error means that base is not such a URL.
func NewClient(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not the URL of an admin API: write --admin like http://127.0.0.1:9901", base)
	}
	c := &Client{base: strings.TrimRight(base, "/"), token: token}
	c.http = &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		Timeout:   patience,
		// The API never redirects, and the token is for it alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Status returns the state of the whole.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	err = c.get(ctx, "/api/v1/status", &s)
	return s, err
}

// Backends returns the backends of all pools.
func (c *Client) Backends(ctx context.Context) ([]Backend, error) {
	var l backendList
	err := c.get(ctx, "/api/v1/backends", &l)
	return l.Backends, err
}

// Diff tells what Reload would change. The error for a configuration that is not valid is a *Refused.
func (c *Client) Diff(ctx context.Context) (r ReloadResult, err error) {
	err = c.get(ctx, "/api/v1/config/diff", &r)
	return r, err
}

// Reload has the configuration read anew and put in force, and tells what changed. The error for a configuration that is not valid is a
// *Refused.
func (c *Client) Reload(ctx context.Context) (r ReloadResult, err error) {
	err = c.do(ctx, http.MethodPost, "/api/v1/reload", &r)
	return r, err
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, into)
}

// do asks for path and decodes the answer.
func (c *Client) do(ctx context.Context, method, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return fmt.Errorf("ask the admin API: %w", err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.unreachable(err)
	}
	if resp.StatusCode != http.StatusOK {
		return c.refusal(resp.Status, raw)
	}
	if json.Unmarshal(raw, into) != nil {
		return c.stranger(resp.Status)
	}
	return nil
}

func (c *Client) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the rest repeats the address
	}
	return fmt.Errorf("no answer from the admin API at %s: %w; is usher running, and is this its admin.listen? --admin URL looks elsewhere", c.base, err)
}

// refusal is the error that an answer other than 200 stands for.
func (c *Client) refusal(status string, raw []byte) error {
	var f failure
	switch err := json.Unmarshal(raw, &f); {
	case err != nil || f.Error == "":
		return c.stranger(status)
	case f.Refused != nil:
		return f.Refused
	}
	return fmt.Errorf("the admin API at %s answered %s: %s", c.base, status, f.Error)
}

func (c *Client) stranger(status string) error {
	return fmt.Errorf("what answered at %s (%s) is not Usher's admin API; --admin URL looks elsewhere", c.base, status)
}
