package std

import (
	"net/http"
	"net/textproto"
	"sync"

	"usher/proxy/field"
)

// interim passes the 1xx responses of one attempt on to the client. net/http reports them on a goroutine of its own, which may come late:
// nothing is written once the attempt is over.
type interim struct {
	mu    sync.Mutex
	w     http.ResponseWriter // nil when the attempt is over
	clean func(*field.Section)
}

// got is told of a 1xx response. 100 and 101 have ways of their own.
func (i *interim) got(code int, header textproto.MIMEHeader) error {
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
