package std

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"usher/proxy"
)

// tunnel is a connection that has left HTTP: bytes pass both ways until either side ends.
type tunnel struct {
	client  net.Conn
	backend io.ReadWriteCloser
}

func (t *tunnel) close() {
	t.client.Close()
	t.backend.Close()
}

// tunnel carries an upgraded connection until it ends.
func (f *flight) tunnel(resp *http.Response) error {
	backend, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		return proxy.Because(proxy.ErrAnswer, errors.New("backend changed protocols over a connection that cannot"))
	}
	client, buffered, err := http.NewResponseController(f.w).Hijack()
	if err != nil {
		return fmt.Errorf("take over the client's connection: %w", err)
	}
	t := &tunnel{client, backend}
	f.service.addTunnel(t)
	defer f.service.removeTunnel(t)
	defer t.close()
	client.SetDeadline(time.Time{})

	var head strings.Builder
	head.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	for _, l := range f.Response.Header.Lines() {
		head.WriteString(l.Name + ": " + l.Value + "\r\n")
	}
	head.WriteString("\r\n")
	if _, err := io.WriteString(client, head.String()); err != nil {
		f.HeadOut()
		return proxy.Because(proxy.ErrClientGone, err)
	}
	f.HeadOut()
	if bound := f.Limits.Request; bound > 0 {
		defer time.AfterFunc(time.Until(f.Start.Add(bound)), t.close).Stop()
	}
	watch := newWatchdog(f.Limits.StreamIdle, t.close)
	defer watch.pause()
	f.RequestBytes, f.ResponseBytes = t.run(buffered.Reader, watch)
	return nil
}

// run copies both ways until both directions have ended: an end of input is passed on, an error ends both.
func (t *tunnel) run(fromClient io.Reader, watch *watchdog) (up, down int64) {
	done := make(chan struct{})
	var upward atomic.Int64
	go func() {
		defer close(done)
		t.pass(t.backend, fromClient, &upward, watch)
	}()
	var downward atomic.Int64
	t.pass(t.client, t.backend, &downward, watch)
	<-done
	return upward.Load(), downward.Load()
}

func (t *tunnel) pass(dst io.Writer, src io.Reader, count *atomic.Int64, watch *watchdog) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		watch.kick()
		n, err := src.Read(buf[:])
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				t.close()
				return
			}
			count.Add(int64(n))
		}
		if err == nil {
			continue
		}
		half, ok := dst.(interface{ CloseWrite() error })
		if err != io.EOF || !ok || half.CloseWrite() != nil {
			t.close()
		}
		return
	}
}
