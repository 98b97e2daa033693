package std

import (
	"errors"
	"net/http"
	"net/textproto"
	"sync"

	"usher/proxy"
	"usher/proxy/field"
)

// interim passes the 1xx responses of one attempt on to the client. net/http reports them on a goroutine of its own, which may come late:
// nothing is written once the attempt is over.
type interim struct {
	mu    sync.Mutex
	w     http.ResponseWriter // nil when the attempt is over
	clean func(*field.Section)
}

var errSwitch = errors.New("change of protocols over HTTP/2")

// got is told of a 1xx response. 100 has a way of its own, and so has 101 over HTTP/1.1; HTTP/2 has no 101 (RFC 9113 8.6).
func (i *interim) got(code int, header textproto.MIMEHeader) error {
	if code == http.StatusSwitchingProtocols {
		return proxy.Because(proxy.ErrAnswer, errSwitch)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.w == nil || code == http.StatusContinue {
		return nil
	}
	var s field.Section
	read(&s, header)
	i.clean(&s)
	h := i.w.Header()
	fill(h, &s)
	i.w.WriteHeader(code)
	clear(h)
	return nil
}

func (i *interim) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.w = nil
}
