//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"time"
)

// handshakes makes each request on a TLS connection of its own. No session is resumed: wrk, which is OpenSSL's client, resumes them.
//
// Unlike the loop it is made of goroutines, for the handshakes are what costs.
func handshakes(j Job) (Result, error) {
	debug.SetGCPercent(800)
	var (
		mu      sync.Mutex
		total   Result
		latency histogram
		workers sync.WaitGroup
	)
	start := time.Now()
	for range j.Connections {
		workers.Go(func() {
			for time.Since(start) < j.Duration {
				due := time.Now()
				err := handshake(j)
				mu.Lock()
				if err == nil {
					total.Requests++
					latency.add(time.Since(due))
				} else {
					total.Errors++
				}
				failed := total.Errors >= mostErrors
				mu.Unlock()
				if failed {
					return
				}
			}
		})
	}
	workers.Wait()
	total.Seconds, total.P50, total.P99 = time.Since(start).Seconds(), latency.quantile(0.50), latency.quantile(0.99)
	if total.Errors >= mostErrors {
		return total, errTooMany
	}
	return total, nil
}

// The key exchange is the one that all the proxies have. The certificate is the bench's own.
var handshakeConfig = &tls.Config{
	InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}, SessionTicketsDisabled: true,
}

// handshake connects, asks once, and wants 200 and then the end.
func handshake(j Job) error {
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(j.Port)))
	if err != nil {
		return err
	}
	c := tls.Client(conn, handshakeConfig)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, j.Head+"\r\n"); err != nil {
		return err
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("got %.40q", answer)
	}
	return nil
}
