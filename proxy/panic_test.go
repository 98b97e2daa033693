package proxy

import (
	"errors"
	"testing"

	"usher/balancer"
)

// panicking is a plane with a defect.
type panicking struct {
	answering
	status int
}

func (p *panicking) Forward(*Exchange, balancer.Lease) error { panic("defect") }
func (p *panicking) Answer(x *Exchange)                      { p.status = x.Response.Status }

func TestAPanicCostsOneExchangeItsAnswerAndNoBackendItsLease(t *testing.T) {
	pool := testPool(t, "p", balancer.LeastConn)
	h := testHandler(t, func(rc *RouteConfig) { rc.Pool = "p" }, nil, pool)
	x, p := &Exchange{Entry: "main"}, &panicking{}
	x.Request = Request{Method: "GET", Target: "/", Host: "example.com", Proto: "HTTP/1.1"}
	h.Serve(x, p)
	var panicked *Panicked
	if !errors.As(x.Err, &panicked) || panicked.Value != "defect" || len(panicked.Stack) == 0 {
		t.Errorf("got error %v", x.Err)
	}
	if p.status != 500 {
		t.Errorf("the client got %d, want 500", p.status)
	}
	for _, b := range pool.Balancer.Backends() {
		if b.InFlight() != 0 {
			t.Errorf("backend %s keeps a request in flight", b.ID)
		}
	}
}

func TestARefusedRequestIsAnsweredWithItsStatus(t *testing.T) {
	h := testHandler(t, func(rc *RouteConfig) { rc.Respond.Status = 204 }, nil)
	x, p := &Exchange{Entry: "main"}, &panicking{}
	h.Refuse(x, p, &Refused{431, errors.New("head is too large")})
	if p.status != 431 || x.Listener != "main" || x.Err == nil || x.End.IsZero() {
		t.Errorf("got status %d, listener %q, error %v", p.status, x.Listener, x.Err)
	}
}
