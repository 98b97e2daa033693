package own

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"usher/affinity"
	"usher/proxy"
)

// both runs a story on both runtimes.
func both(t *testing.T, story func(t *testing.T, loops int)) {
	for name, loops := range single {
		t.Run(name, func(t *testing.T) { story(t, loops) })
	}
}

// get is a request that keeps its connection.
func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: a.example\r\n\r\n" }

// post announces a body of so many bytes.
func post(path string, n int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n", path, n)
}

func TestPipelinedRequestsAreAnsweredInTheirOrder(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		const n = 100
		var all strings.Builder
		for i := range n {
			all.WriteString(get(fmt.Sprint("/", i)))
		}
		c.send("%s", all.String())
		bc := b.accept()
		for i := range n {
			if head := bc.head(); !strings.HasPrefix(head, fmt.Sprintf("GET /%d HTTP/1.1\r\n", i)) {
				t.Fatalf("the backend got %q, want number %d", head, i)
			}
			bc.send("%s", ok(fmt.Sprint(i)))
		}
		for i := range n {
			c.wants(200, fmt.Sprint(i))
		}
	})
}

const expecting = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"

// goesOn sends the body and has it answered.
func goesOn(c, bc *peer) {
	c.t.Helper()
	if head := c.head(); head != "HTTP/1.1 100 Continue\r\n\r\n" {
		c.t.Errorf("got %q, want a 100", head)
	}
	c.send("hello")
	if body := bc.take(5); body != "hello" {
		c.t.Errorf("the backend got %q", body)
	}
	bc.send("%s", ok("done"))
	c.wants(200, "done")
}

func TestABodyIsAskedForWhenTheBackendAsksForIt(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		var bc *peer
		for range 2 { // the connections go on
			c.send(expecting)
			if bc == nil {
				bc = b.accept()
			}
			if head := bc.head(); !strings.Contains(head, "Expect: 100-continue\r\n") {
				t.Errorf("the backend is not told that the body waits: %q", head)
			}
			bc.send("HTTP/1.1 100 Continue\r\n\r\n")
			goesOn(c, bc)
		}
	})
}

func TestABodyIsAskedForWhenTheBackendSaysNothing(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		c.send(expecting)
		bc := b.accept()
		bc.head()
		goesOn(c, bc)
	})
}

func TestABodyIsNotAskedForWhenTheBackendAnswersAtOnce(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		c.send(expecting)
		bc := b.accept()
		bc.head()
		bc.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
		if r := c.wants(417, "no"); !r.Close {
			t.Error("the connection is said to go on, though nobody knows whether the body comes")
		}
		if rest, _ := c.ends(); rest != "" {
			t.Errorf("got %q behind the answer", rest)
		}
		if rest, _ := bc.ends(); rest != "" {
			t.Errorf("the backend got %q", rest)
		}
	})
}

func TestABodyThatDoesNotWaitIsPassedOn(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		c.send("%shello%s", expecting, get("/next"))
		bc := b.accept()
		bc.head()
		if body := bc.take(5); body != "hello" {
			t.Errorf("the backend got %q", body)
		}
		bc.send("%s", ok("done"))
		c.wants(200, "done")
		bc.head()
		bc.send("%s", ok("next"))
		c.wants(200, "next")
	})
}

func TestAnAnswerMayComeBeforeTheBodyHasBeenSent(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		c.send("%s%s", post("/", 50<<20), strings.Repeat("x", 100<<10))
		bc := b.accept()
		bc.head()
		bc.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
		c.wants(403, "no")
		if rest, _ := c.ends(); rest != "" {
			t.Errorf("got %q behind the answer", rest)
		}
		bc.SetDeadline(until())
		bc.ends()
	})
}

func TestASafeRequestIsSentAgainWhenAnIdleConnectionEnds(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		c.send("%s", get("/first"))
		old := b.accept()
		old.head()
		old.send("%s", ok("first"))
		c.wants(200, "first")
		c.send("%s", get("/second"))
		old.head()
		old.Close() // it has read the request, and says nothing
		bc := b.accept()
		if head := bc.head(); !strings.HasPrefix(head, "GET /second ") {
			t.Errorf("got %q, want the second request", head)
		}
		bc.send("%s", ok("second"))
		c.wants(200, "second")
	})
}

func TestARequestThatMayHaveDoneSomethingIsNotSentAgain(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		c.send("%s", get("/first"))
		old := b.accept()
		old.head()
		old.send("%s", ok("first"))
		c.wants(200, "first")
		c.send("%shello", post("/pay", 5))
		old.head()
		old.take(5)
		old.Close()
		c.wants(502, "Bad Gateway\n")
		c.send("%s", get("/third"))
		bc := b.accept()
		if head := bc.head(); !strings.HasPrefix(head, "GET /third ") {
			t.Errorf("got %q, want the third request", head)
		}
		bc.send("%s", ok("third"))
		c.wants(200, "third")
	})
}

func TestAConnectionThatTheBackendHasClosedIsNotUsed(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		c := raise(t, loops, b.address, nil).dial(t)
		c.send("%s", get("/first"))
		bc := b.accept()
		bc.head()
		bc.send("%s", ok("first"))
		c.wants(200, "first")
		bc.Close()
		c.send("%shello", post("/pay", 5))
		bc = b.accept()
		if head := bc.head(); !strings.HasPrefix(head, "POST /pay ") || bc.take(5) != "hello" {
			t.Errorf("got %q, want the post and its body", head)
		}
		bc.send("%s", ok("paid"))
		c.wants(200, "paid")
	})
}

func TestAClientThatBreaksOffItsUploadIsToBlameForIt(t *testing.T) {
	for what, sent := range map[string]string{
		"length":  post("/", 1<<20) + strings.Repeat("x", 1<<19),
		"chunked": "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		t.Run(what, func(t *testing.T) {
			both(t, func(t *testing.T, loops int) {
				b, over := backend(t), make(observed, 1)
				c := raise(t, loops, b.address, func(s *setting) { s.observer = over }).dial(t)
				c.send("%s", sent)
				bc := b.accept()
				bc.head()
				c.Close()
				bc.ends()
				if o := <-over; !errors.Is(o.err, proxy.ErrClientGone) {
					t.Errorf("got %v, want %v", o.err, proxy.ErrClientGone)
				}
			})
		})
	}
}

func TestBytesBehindAnAnswerReachNoClient(t *testing.T) {
	for what, late := range map[string]bool{"at once": false, "later": true} {
		t.Run(what, func(t *testing.T) {
			both(t, func(t *testing.T, loops int) {
				b := backend(t)
				f := raise(t, loops, b.address, nil)
				first, second := f.dial(t), f.dial(t)
				first.send("%s", get("/mine"))
				bc := b.accept()
				bc.head()
				if late {
					bc.send("%s", ok("mine"))
					first.wants(200, "mine")
					bc.send("%s", ok("planted"))
				} else {
					bc.send("%s%s", ok("mine"), ok("planted"))
					first.wants(200, "mine")
				}
				second.send("%s", get("/yours"))
				next := b.accept()
				next.head()
				next.send("%s", ok("yours"))
				second.wants(200, "yours")
				if rest, _ := bc.ends(); rest != "" {
					t.Errorf("the spoiled connection got %q", rest)
				}
			})
		})
	}
}

func TestAPanicCostsOneClientItsAnswer(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b, log := backend(t), new(strings.Builder)
		f := raise(t, loops, b.address, func(s *setting) {
			route, pool := s.route, *s.pool
			route.Name, route.Pool, route.Match.Path = "bad", "bad", []string{"/bad"}
			pool.Name, pool.Affinity = "bad", new(affinity.Binder) // which has no key to seal a cookie with
			s.before, s.pools, s.log = []proxy.RouteConfig{route}, []*proxy.Pool{&pool}, log
		})
		other, c := f.dial(t), f.dial(t)
		other.send("%s", get("/"))
		bc := b.accept()
		bc.head()
		c.send("%s", get("/bad"))
		bad := b.accept()
		bad.head()
		bad.send("%s", ok("seen by nobody"))
		c.wants(500, "Internal Server Error\n")
		c.ends()
		bad.ends()
		bc.send("%s", ok("fine"))
		other.wants(200, "fine")
		f.end()
		if !strings.Contains(log.String(), "ended in a panic") {
			t.Errorf("the log says %q", log)
		}
	})
}
