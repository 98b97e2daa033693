package proxy

import (
	"errors"
	"testing"
	"time"

	"usher/balancer"
	"usher/proxy/field"
)

// failing is a plane that reaches no backend at first. It keeps the time by itself.
type failing struct {
	answering
	left  int // attempts that fail
	moved []int
	clock time.Time
}

func (f *failing) Forward(x *Exchange, l balancer.Lease) error {
	n := 0
	for _, line := range x.Request.Header.Lines() {
		if field.Equal(line.Name, movedHeader) {
			n++
		}
	}
	f.moved = append(f.moved, n)
	if f.left--; f.left >= 0 {
		return ErrUnsent
	}
	x.FirstByte, x.End = f.clock, f.clock.Add(time.Second)
	return f.answering.Forward(x, l)
}

func TestEachFurtherBackendIsToldOnceThatTheClientHasMoved(t *testing.T) {
	pool := testPool(t, "p", balancer.RoundRobin)
	cookie := bound(t, pool, "p2", "p0", "p1", "p2", "p3")
	h := testHandler(t, func(rc *RouteConfig) { rc.Pool = "p" }, nil, pool)
	x := &Exchange{Entry: "main", Request: Request{Method: "GET", Target: "/", Host: "a", Proto: "HTTP/1.1"}}
	x.Request.Header.Add(cookie.Name, cookie.Value)
	f := &failing{left: 3, clock: time.Unix(1_790_000_000, 0)}
	h.Serve(x, f)
	if len(f.moved) != 4 || f.moved[0] != 0 || f.moved[1] != 1 || f.moved[2] != 1 || f.moved[3] != 1 {
		t.Errorf("got lines %v in each attempt, want 0 1 1 1", f.moved)
	}
	if !x.FirstByte.Equal(f.clock) || !x.End.Equal(f.clock.Add(time.Second)) {
		t.Errorf("got first byte %v and end %v, want the plane's times", x.FirstByte, x.End)
	}
}

func TestFieldsAreCheckedUnlessThePlaneHasDoneSo(t *testing.T) {
	h := testHandler(t, func(rc *RouteConfig) { rc.Pool = "p" }, nil, testPool(t, "p", balancer.Random))
	for _, line := range []field.Line{{Name: "X A", Value: "1"}, {Name: "X-A", Value: "1\n2"}, {Name: "X-A", Value: " 1"}, {Name: "", Value: "1"}} {
		for _, checked := range []bool{false, true} {
			x := &Exchange{Entry: "main", Request: Request{Method: "GET", Target: "/", Host: "a", Proto: "HTTP/1.1", FieldsChecked: checked}}
			x.Request.Header.Add(line.Name, line.Value)
			h.Serve(x, &answering{})
			if refused := errors.Is(x.Err, errBadRequest); refused == checked {
				t.Errorf("%q, checked %v: got %v", line, checked, x.Err)
			}
		}
	}
}

func TestEscapesAreCheckedWhereNoRouteAsksForThePath(t *testing.T) {
	h := testHandler(t, func(rc *RouteConfig) { rc.Pool = "p" }, nil, testPool(t, "p", balancer.Random))
	for target, want := range map[string]error{"/%zz": errBadEscape, "/%": errBadEscape, "/%00": errNUL, "/a/../%2e%2e//B;x?%zz": nil} {
		x := &Exchange{Entry: "main", Request: Request{Method: "GET", Target: target, Host: "a", Proto: "HTTP/1.1"}}
		if h.Serve(x, &answering{}); !errors.Is(x.Err, want) {
			t.Errorf("%s: got %v, want %v", target, x.Err, want)
		}
	}
}
