package own

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/conf"
	"usher/proxy"
)

// soon is a bound that is meant to be met with.
const soon = 60 * time.Millisecond

func TestABodyBelowTheMinimumRateIsEnded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as a body may be slow")
	}
	type slow struct {
		what string
		c    *peer
		over observed
	}
	var all []slow
	began := time.Now()
	for what, sent := range map[string]string{"a small body": post("/", 10) + "x", "a large body": post("/", 1<<20) + "x"} {
		for name, loops := range single {
			over := make(observed, 1)
			c := raise(t, loops, backend(t).address, func(s *setting) { s.listener.MinRate, s.observer = 1000, over }).dial(t)
			c.send("%s", sent)
			all = append(all, slow{what + ", " + name, c, over})
		}
	}
	for _, s := range all {
		s.c.wants(408, "Request Timeout\n")
		if took := time.Since(began); took < rateGrace || took > rateGrace+5*time.Second {
			t.Errorf("%s: it took %v, want %v", s.what, took, rateGrace)
		}
		if o := <-s.over; !errors.Is(o.err, proxy.ErrSlowBody) {
			t.Errorf("%s: got %v, want %v", s.what, o.err, proxy.ErrSlowBody)
		}
	}
}

func TestABackendThatSaysNothingIsNotWaitedForForEver(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, func(s *setting) { s.pool.ResponseHeader = soon }).dial(t)
		for _, request := range []string{get("/"), post("/", 2) + "hi"} {
			c.send("%s", request)
			bc := b.accept()
			bc.head()
			c.wants(504, "Gateway Timeout\n")
			bc.ends()
		}
	})
}

func TestABodyThatStandsStillIsEnded(t *testing.T) {
	idle := func(s *setting) { s.route.Timeouts.StreamIdle = conf.Duration(soon) }
	t.Run("of a response", func(t *testing.T) {
		both(t, func(t *testing.T, loops int) {
			b := backend(t)
			c := raise(t, loops, b.address, idle).dial(t)
			c.send("%s", get("/"))
			bc := b.accept()
			bc.head()
			bc.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel")
			r, err := http.ReadResponse(c.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(r.Body); string(body) != "hel" || err == nil {
				t.Errorf("got %q, %v, want what came and an error", body, err)
			}
			bc.ends()
		})
	})
	t.Run("of a request", func(t *testing.T) {
		both(t, func(t *testing.T, loops int) {
			b := backend(t)
			f := raise(t, loops, b.address, idle)
			small := f.dial(t)
			small.send("%shello", post("/", 10))
			small.wants(408, "Request Timeout\n")
			large := f.dial(t)
			large.send("%shello", post("/", 1<<20))
			bc := b.accept()
			bc.head()
			large.wants(408, "Request Timeout\n")
			bc.ends()
		})
	})
}

func TestAHeadThatTakesTooLongIsEnded(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		f := raise(t, loops, backend(t).address, func(s *setting) { s.ReadHeader = soon })
		c := f.dial(t)
		c.send("GET / HT")
		if r := c.wants(408, "Request Timeout\n"); !r.Close {
			t.Error("the connection is said to go on")
		}
		c.ends()
		silent := f.dial(t)
		if said, clean := silent.ends(); said != "" || !clean {
			t.Errorf("who says nothing gets %q, clean end %t", said, clean)
		}
	})
}

func TestAnIdleConnectionEndsWithoutAWord(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, func(s *setting) { s.Idle = soon }).dial(t)
		c.send("%s", get("/"))
		bc := b.accept()
		bc.head()
		bc.send("%s", ok("hi"))
		c.wants(200, "hi")
		if said, clean := c.ends(); said != "" || !clean {
			t.Errorf("got %q, clean end %t", said, clean)
		}
	})
}

func TestConnectionsEndWhenEitherSideSaysSo(t *testing.T) {
	const old = "GET / HTTP/1.0\r\n\r\n"
	const kept = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	const last = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		f := raise(t, loops, b.address, nil)
		c := f.dial(t)
		c.send("%s", kept)
		bc := b.accept()
		bc.head()
		bc.send("%s", ok("1"))
		if r := c.wants(200, "1"); !strings.EqualFold(r.Header.Get("Connection"), "keep-alive") {
			t.Errorf("a client of HTTP/1.0 that wants to go on is told %q", r.Header)
		}
		for _, request := range []string{old, last} {
			c.send("%s", request)
			bc.head()
			bc.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n2")
			if r := c.wants(200, "2"); !r.Close {
				t.Errorf("%q: the connection is said to go on", request)
			}
			if rest, clean := c.ends(); rest != "" || !clean {
				t.Errorf("got %q, clean end %t", rest, clean)
			}
			bc.ends()
			c = f.dial(t)
			c.send("%s", get("/"))
			bc = b.accept()
			bc.head()
			bc.send("%s", ok("3"))
			if r := c.wants(200, "3"); r.Close {
				t.Error("the connection is said to end")
			}
		}
	})
}

func TestAClientOfHTTP10GetsWhatItUnderstands(t *testing.T) {
	for what, answer := range map[string]string{
		"chunked":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n",
		"until the close": "HTTP/1.0 200 OK\r\n\r\nhello",
		"informational":   "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("hello"),
		"continue":        "HTTP/1.1 100 Continue\r\n\r\n" + ok("hello"),
	} {
		t.Run(what, func(t *testing.T) {
			both(t, func(t *testing.T, loops int) {
				b := backend(t)
				c := raise(t, loops, b.address, nil).dial(t)
				c.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
				bc := b.accept()
				bc.head()
				bc.send("%s", answer)
				bc.Close()
				r := c.wants(200, "hello")
				if r.Header.Get("Transfer-Encoding") != "" || r.TransferEncoding != nil || r.Trailer != nil {
					t.Errorf("got %v %v %v", r.Header, r.TransferEncoding, r.Trailer)
				}
				if r.ContentLength < 0 {
					if rest, clean := c.ends(); rest != "" || !clean {
						t.Errorf("the end of the body is %q, clean %t", rest, clean)
					}
				}
			})
		})
	}
}

func TestInformationalResponsesPassUpToABound(t *testing.T) {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Session-Data: x\r\nConnection: X-Hop\r\nX-Hop: y\r\n\r\n"
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		for n, final := range map[int]int{maxInterims: 200, maxInterims + 1: 502} {
			c.send("%s", get("/"))
			bc := b.accept()
			bc.head()
			bc.send("%sHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", strings.Repeat(hint, n))
			for range maxInterims {
				if got := c.head(); got != "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" {
					t.Errorf("got %q", got)
				}
			}
			if status, _, _ := c.answer("GET"); status != final {
				t.Errorf("behind %d of them: got %d, want %d", n, status, final)
			}
		}
	})
}

func TestTrailersPassWithoutWhatMayNotStandInThem(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		c.send("%s", get("/"))
		bc := b.accept()
		bc.head()
		bc.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Set-Cookie\r\n\r\n2\r\nhi\r\n0\r\n" +
			"X-Sum: 1\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nSet-Cookie: a=b\r\nX-Session-Patch: x\r\nX_Session_Patch: y\r\nHost: h\r\n\r\n")
		r := c.wants(200, "hi")
		if len(r.Trailer) != 1 || r.Trailer.Get("X-Sum") != "1" {
			t.Errorf("got the trailer section %v", r.Trailer)
		}
	})
}
